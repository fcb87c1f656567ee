//! The summary as a page for a browser: who, the sections, and the code. Nothing is loaded from anywhere.

use clinical_record::ips::{SummaryPage, summary_page};
use sync_protocol::UnixMillis;

use super::qr;
use crate::{ChartRef, Device, DeviceError};

const STYLE: &str = "body{font:11pt sans-serif;margin:2em;color:#000}h1{font-size:16pt;margin:0}h2{font-size:12pt;\
margin:1.2em 0 .3em}table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:.2em .4em;text-align:left;\
vertical-align:top}header{display:flex;justify-content:space-between}footer{margin-top:2em;font-size:9pt;color:#444}\
@media print{body{margin:0}tr{break-inside:avoid}}";

impl Device {
    /// A summary of a person to read and print, as one HTML page without scripts. Recorded as `print`.
    ///
    /// # Errors
    /// As [`Device::export_summary`].
    pub fn print_html(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<String, DeviceError> {
        let page = self.page_to_print(chart, now)?;
        Ok(html(&page, &qr::svg(&chart.code())?))
    }

    /// What a print-out shows; recorded as `print` before anything is given out.
    pub(super) fn page_to_print(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<SummaryPage, DeviceError> {
        let summary = self.summary(chart, now)?;
        self.record_print(chart, now)?;
        summary_page(&summary).ok_or(DeviceError::Invalid("the patient's demographics are not on this device"))
    }
}

fn html(page: &SummaryPage, code: &str) -> String {
    let mut body = format!("<header><div><h1>{}</h1>", escape(&page.name));
    for line in &page.lines {
        body.push_str(&format!("<div>{}</div>", escape(line)));
    }
    body.push_str(&format!("</div>{code}</header>"));
    for section in &page.sections {
        body.push_str(&format!("<h2>{}</h2>", escape(&section.title)));
        if section.rows.is_empty() {
            body.push_str("<p>No information available</p>");
            continue;
        }
        let rows = section.rows.iter().map(|row| {
            let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
            format!("<tr>{cells}</tr>")
        });
        let rows: String = rows.collect();
        let head = "<tr><th>What</th><th>Details</th><th>Status</th><th>Date</th></tr>";
        body.push_str(&format!("<table><thead>{head}</thead><tbody>{rows}</tbody></table>"));
    }
    body.push_str(&format!("<footer>{}</footer>", escape(&page.footer)));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Patient summary</title>\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
