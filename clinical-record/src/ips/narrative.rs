//! XHTML for people to read, with everything from the chart escaped.

use serde_json::Value;

use crate::resource_summary;

/// Text as XHTML text: markup escaped, characters XML has no way to write left out.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// `content`, which is XHTML, as a narrative.
pub(super) fn div(content: &str) -> String {
    format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{content}</div>")
}

/// One row for each resource: what, details, status, date.
pub(super) fn table(resources: &[&Value]) -> String {
    let mut rows = String::new();
    for resource in resources {
        let cells: String = cells(resource).iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        rows.push_str(&format!("<tr>{cells}</tr>"));
    }
    div(&format!(
        "<table><thead><tr><th>What</th><th>Details</th><th>Status</th><th>Date</th></tr></thead><tbody>{rows}</tbody></table>"
    ))
}

/// What, details, status, date.
pub(super) fn cells(resource: &Value) -> [String; 4] {
    let summary = resource_summary(resource);
    [summary.display, details(resource), summary.status.unwrap_or_default(), summary.date.unwrap_or_default()]
}

/// What a clinician must see besides the name: how a medicine is taken, how dangerous an allergy is, what it does.
fn details(resource: &Value) -> String {
    let texts = |pointer: &str, name: &str| -> Vec<String> {
        let list = resource.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|one| one.pointer(name)?.as_str().map(str::to_owned)).collect()
    };
    let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let found = match resource["resourceType"].as_str() {
        Some("MedicationRequest") => texts("/dosageInstruction", "/text"),
        Some("MedicationStatement") => texts("/dosage", "/text"),
        Some("AllergyIntolerance") => {
            let risk = text("/criticality").map(|risk| format!("criticality {risk}"));
            risk.into_iter().chain(texts("/reaction", "/manifestation/0/text")).collect()
        }
        Some("Condition") => text("/severity/text").into_iter().collect(),
        Some("Immunization") => text("/lotNumber").map(|lot| format!("lot {lot}")).into_iter().collect(),
        _ => Vec::new(),
    };
    found.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_from_a_chart_becomes_markup() {
        assert_eq!(escape("<script>&\"'\u{0}\u{b}\u{ffff}é\n"), "&lt;script&gt;&amp;&quot;&#39;é ");
        let allergy = json!({"resourceType": "AllergyIntolerance", "code": {"text": "<b onclick='x'>nuts</b>"},
            "criticality": "high", "reaction": [{"manifestation": [{"text": "a < b & c"}]}]});
        let table = table(&[&allergy]);
        assert!(table.contains(
            "<td>&lt;b onclick=&#39;x&#39;&gt;nuts&lt;/b&gt;</td><td>criticality high; a &lt; b &amp; c</td>"
        ));
        assert!(!table.contains("<b "));
    }
}
