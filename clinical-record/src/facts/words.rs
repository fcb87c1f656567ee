//! The words of notes, for full-text search.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Characters that a snippet shows around the first word found.
const AROUND: usize = 60;

/// What a note says, as plain text: the text of a DocumentReference, the sections of a Composition, the conclusion of a
/// report, the payload of a message, remarks on anything. `None` where there is nothing to read.
pub fn searchable_text(resource: &Value) -> Option<String> {
    let mut found = Vec::new();
    match resource["resourceType"].as_str()? {
        "DocumentReference" => {
            found.extend(text(resource, "/description"));
            for content in list(resource, "content") {
                found.extend(attached(&content["attachment"]));
            }
        }
        "Composition" => {
            found.extend(text(resource, "/title"));
            sections(resource, &mut found);
        }
        "DiagnosticReport" => {
            found.extend(text(resource, "/conclusion"));
            found.extend(list(resource, "presentedForm").iter().filter_map(attached));
        }
        "ClinicalImpression" => found.extend(text(resource, "/summary")),
        "Communication" => found.extend(list(resource, "payload").iter().filter_map(|one| text(one, "/contentString"))),
        _ => {}
    }
    found.extend(list(resource, "note").iter().filter_map(|note| text(note, "/text")));
    let found = found.join("\n");
    (!found.trim().is_empty()).then_some(found)
}

/// The words of a text, without accents and case, as search compares them.
pub fn folded_words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| deunicode::deunicode(word).to_lowercase()).collect()
}

/// The text around the first word that begins like one of `wanted`, which are folded; its beginning if there is none.
pub fn snippet(text: &str, wanted: &[String]) -> String {
    let chars: Vec<char> = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let starts =
        (0..chars.len()).filter(|at| chars[*at].is_alphanumeric() && (*at == 0 || !chars[*at - 1].is_alphanumeric()));
    let found = starts.into_iter().find(|at| {
        let word: String = chars[*at..].iter().take_while(|c| c.is_alphanumeric()).collect();
        let word = deunicode::deunicode(&word).to_lowercase();
        wanted.iter().any(|wanted| word.starts_with(wanted.as_str()))
    });
    let from = found.unwrap_or(0).saturating_sub(AROUND);
    let to = (found.unwrap_or(0) + AROUND).min(chars.len());
    let shown: String = chars[from..to].iter().collect();
    let (before, after) = (if from > 0 { "…" } else { "" }, if to < chars.len() { "…" } else { "" });
    format!("{before}{}{after}", shown.trim())
}

fn sections(holder: &Value, found: &mut Vec<String>) {
    for section in list(holder, "section") {
        found.extend(text(section, "/title"));
        found.extend(text(section, "/text/div").map(|div| without_tags(&div)));
        sections(section, found);
    }
}

/// The text of an attachment that is text.
fn attached(attachment: &Value) -> Option<String> {
    let kind = attachment["contentType"].as_str()?;
    if !kind.starts_with("text/") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(attachment["data"].as_str()?).ok()?).ok()?;
    Some(if kind.starts_with("text/html") { without_tags(&text) } else { text })
}

/// XHTML as plain text; nothing is run or resolved.
fn without_tags(markup: &str) -> String {
    let mut plain = String::with_capacity(markup.len());
    let mut inside = false;
    for c in markup.chars() {
        match c {
            '<' => {
                inside = true;
                plain.push(' ');
            }
            '>' => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    plain.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_words_of_every_kind_of_note_are_found() {
        let data = STANDARD.encode("Knee pain since Monday");
        let note = json!({"resourceType": "DocumentReference", "description": "Visit", "content": [
            {"attachment": {"contentType": "text/plain; charset=utf-8", "data": data}},
            {"attachment": {"contentType": "application/pdf", "data": data}}]});
        assert_eq!(searchable_text(&note).unwrap(), "Visit\nKnee pain since Monday");
        let composition = json!({"resourceType": "Composition", "title": "Discharge", "section": [
            {"title": "Plan", "text": {"div": "<div>rest &amp; <b>ice</b></div>"}, "section": [{"title": "Inner"}]}]});
        assert_eq!(
            folded_words(&searchable_text(&composition).unwrap()),
            ["discharge", "plan", "rest", "ice", "inner"]
        );
        let order = json!({"resourceType": "MedicationRequest", "note": [{"text": "after meals"}]});
        assert_eq!(searchable_text(&order).unwrap(), "after meals");
        assert_eq!(searchable_text(&json!({"resourceType": "Flag"})), None);
    }

    #[test]
    fn a_snippet_shows_what_is_around_the_word() {
        let text = format!("{}Schmerzen über dem Knie\n{}", "a ".repeat(100), "b ".repeat(100));
        let shown = snippet(&text, &["uber".to_owned()]);
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.contains("über dem Knie b"), "{shown}");
        assert_eq!(snippet("short", &["none".to_owned()]), "short");
    }
}
