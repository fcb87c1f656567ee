//! Rows as CSV (RFC 4180), for a spreadsheet.

use serde_json::Value;
use sync_protocol::UnixMillis;

use super::{Query, Rows};
use crate::trail::Act;
use crate::{Device, DeviceError};

impl Device {
    /// The answer to a query as CSV, with a line of headings. Recorded as `export`, besides as what the query is.
    ///
    /// # Errors
    /// As [`Device::query`].
    pub fn export_csv(&mut self, query: &Query, now: UnixMillis) -> Result<String, DeviceError> {
        let rows = self.query(query, now)?;
        let documents = match query.chart() {
            Some(chart) => crate::store::documents::of_chart(&self.db, chart)?.into_iter().map(|one| one.id).collect(),
            None => Vec::new(),
        };
        self.record_act(&Act::new("export", query.chart(), documents), now)?;
        Ok(rows.to_csv())
    }
}

impl Rows {
    /// As CSV: headings are the members of the first row, lines end in CR LF.
    ///
    /// What a spreadsheet would take for a formula gets an apostrophe before it: a name is never run.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let headings: Vec<&String> =
            self.0.first().and_then(Value::as_object).into_iter().flat_map(|row| row.keys()).collect();
        let mut csv = line(headings.iter().map(|heading| cell(heading)));
        for row in &self.0 {
            csv.push_str(&line(headings.iter().map(|heading| match &row[heading.as_str()] {
                Value::Null => String::new(),
                Value::String(text) => cell(text),
                other => other.to_string(),
            })));
        }
        csv
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(",") + "\r\n"
}

fn cell(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn commas_quotes_and_line_breaks_are_quoted_and_formulas_are_not_run() {
        let rows = Rows(vec![
            json!({"name": "Silva, \"Ana\"", "note": "a\nb", "value": -1.5, "none": null}),
            json!({"name": "=HYPERLINK(1)", "note": "-x", "value": 2, "none": "y"}),
        ]);
        let expected = "name,note,value,none\r\n\"Silva, \"\"Ana\"\"\",\"a\nb\",-1.5,\r\n'=HYPERLINK(1),'-x,2,y\r\n";
        assert_eq!(rows.to_csv(), expected);
        assert_eq!(Rows(Vec::new()).to_csv(), "\r\n");
    }
}
