//! Which elements are collaborative text, so that two people typing at once merge by character.
//!
//! A *trail* is the element names from the resource down, with `*` for a list position.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Stands for any list position in a trail.
pub(crate) const ANY_POSITION: &str = "*";

/// Longest text kept by character, in bytes; a longer one is an ordinary string, since each character costs an operation.
pub(crate) const MAX_TEXT_BYTES: usize = 256 * 1024;

/// How a string element is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// A scalar, replaced as a whole.
    Plain,
    /// Collaborative text with this content.
    Text(String),
}

/// The form for the string `value` at `trail`, whose sibling elements are `siblings`.
pub(crate) fn form_of(resource_type: &str, trail: &[&str], siblings: &Map<String, Value>, value: &str) -> TextForm {
    let text = if is_free_text(resource_type, trail) {
        Some(value.to_owned())
    } else if is_attachment_data(resource_type, trail) {
        attachment_text(siblings, value)
    } else {
        None
    };
    text.filter(|text| text.len() <= MAX_TEXT_BYTES).map_or(TextForm::Plain, TextForm::Text)
}

/// The JSON string for the content of a text object found at `trail`.
pub(crate) fn json_of(resource_type: &str, trail: &[&str], text: String) -> String {
    if is_attachment_data(resource_type, trail) { STANDARD.encode(text) } else { text }
}

fn is_free_text(resource_type: &str, trail: &[&str]) -> bool {
    // Annotation.text, wherever a type has `note`.
    if matches!(trail, [.., "note", ANY_POSITION, "text"]) {
        return true;
    }
    match (resource_type, trail) {
        ("Composition", ["section", ANY_POSITION, nested @ .., "text", "div"]) => {
            nested.chunks(2).all(|pair| pair == ["section", ANY_POSITION])
        }
        ("Communication", ["payload", ANY_POSITION, "contentString"]) | ("DiagnosticReport", ["conclusion"]) => true,
        _ => false,
    }
}

fn is_attachment_data(resource_type: &str, trail: &[&str]) -> bool {
    resource_type == "DocumentReference" && trail == ["content", ANY_POSITION, "attachment", "data"]
}

/// The decoded note, when encoding it again gives the identical string.
fn attachment_text(attachment: &Map<String, Value>, data: &str) -> Option<String> {
    let content_type = attachment.get("contentType")?.as_str()?;
    if !content_type.starts_with("text/") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(data).ok()?).ok()?;
    (STANDARD.encode(&text) == data).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(resource_type: &str, trail: &[&str], siblings: &Value, value: &str) -> TextForm {
        form_of(resource_type, trail, siblings.as_object().unwrap(), value)
    }

    #[test]
    fn notes_are_text_in_every_type() {
        let note = ["activity", "*", "detail", "note", "*", "text"];
        assert_eq!(form("CarePlan", &note, &json!({}), "x"), TextForm::Text("x".into()));
        assert_eq!(form("CarePlan", &["note", "*", "authorString"], &json!({}), "x"), TextForm::Plain);
    }

    #[test]
    fn nested_composition_sections_are_text_but_the_resource_narrative_is_not() {
        let nested = ["section", "*", "section", "*", "text", "div"];
        assert_eq!(form("Composition", &nested, &json!({}), "x"), TextForm::Text("x".into()));
        assert_eq!(form("Composition", &["text", "div"], &json!({}), "x"), TextForm::Plain);
    }

    #[test]
    fn a_text_attachment_is_kept_decoded_only_when_it_encodes_back_identically() {
        let trail = ["content", "*", "attachment", "data"];
        let plain = json!({"contentType": "text/plain; charset=utf-8"});
        assert_eq!(form("DocumentReference", &trail, &plain, "SGk="), TextForm::Text("Hi".into()));
        for other in ["SGk", "SGl=", "/w==", "S Gk="] {
            assert_eq!(form("DocumentReference", &trail, &plain, other), TextForm::Plain, "{other}");
        }
        let pdf = json!({"contentType": "application/pdf"});
        assert_eq!(form("DocumentReference", &trail, &pdf, "SGk="), TextForm::Plain);
        assert_eq!(json_of("DocumentReference", &trail, "Hi".into()), "SGk=");
    }
}
