//! The table as Markdown: remarks and reasons are numbered notes below it.

use std::fmt;

use super::{Cell, Row, Table, Unit};

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\nMedian [least–most] of {} rounds.", self.data, self.rounds)?;
        writeln!(f, "Load of the machine before and after: {}.\n", self.load.join(", "))?;
        let mut notes = Notes::default();
        let mut rows = vec![self.head()];
        rows.extend(self.rows.iter().map(|row| self.line(row, &mut notes)));
        align(f, &rows)?;
        writeln!(f)?;
        for (at, note) in notes.0.iter().enumerate() {
            writeln!(f, "{}. {note}", at + 1)?;
        }
        writeln!(f)?;
        for column in &self.columns {
            let (engine, versions) = (column.engine, &column.versions);
            writeln!(f, "- **{engine}** ({versions}). History: {}. Durable: {}.", column.history, column.durable)?;
        }
        Ok(())
    }
}

impl Table {
    fn head(&self) -> Vec<String> {
        let engines = self.columns.iter().map(|column| column.engine.to_owned());
        let ends = ["best other / Satchel", "target", "met"].map(str::to_owned);
        [String::new(), "Satchel".to_owned()].into_iter().chain(engines).chain(ends).collect()
    }

    fn line(&self, row: &Row, notes: &mut Notes) -> Vec<String> {
        let name =
            if row.note.is_empty() { row.name.clone() } else { format!("{} {}", row.name, notes.mark(&row.note)) };
        let mut cells = vec![name, figure(&row.satchel, row.unit, notes)];
        for column in &self.columns {
            let cell = row.measure.and_then(|measure| column.cells.get(&measure));
            cells.push(cell.map_or_else(String::new, |cell| figure(cell, row.unit, notes)));
        }
        cells.push(self.ratio(row));
        cells.push(row.show_target());
        cells.push(row.met.map_or("", |met| if met { "yes" } else { "NO" }).to_owned());
        cells
    }

    /// The best other engine's figure over Satchel's: above 1 where Satchel is better.
    fn ratio(&self, row: &Row) -> String {
        let best = row.measure.and_then(|measure| {
            let figures = self.columns.iter().filter_map(|column| Some((column.median(measure)?, column.engine)));
            figures.min_by(|one, other| one.0.total_cmp(&other.0))
        });
        match (best, row.satchel.median()) {
            (Some((best, engine)), Some(own)) if own > 0.0 => format!("{:.2} ({engine})", best / own),
            (Some((best, engine)), Some(_)) => format!("{} ({engine})", row.unit.show(best)),
            _ => String::new(),
        }
    }
}

fn figure(cell: &Cell, unit: Unit, notes: &mut Notes) -> String {
    let shown = cell.show(unit);
    cell.why().map_or(shown.clone(), |why| format!("{shown} {}", notes.mark(why)))
}

/// Each text once, in the order of first use.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn mark(&mut self, text: &str) -> String {
        let at = self.0.iter().position(|note| note == text).unwrap_or_else(|| {
            self.0.push(text.to_owned());
            self.0.len() - 1
        });
        format!("({})", at + 1)
    }
}

fn align(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for (at, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            write!(f, "| {cell:width$} ")?;
        }
        writeln!(f, "|")?;
        if at == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
            writeln!(f, "|{}|", rule.join("|"))?;
        }
    }
    Ok(())
}
