//! Writes a note that several people can type in, and signs it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{LOINC, expect_status, expect_type, reference, required, set_text};
use super::{ClinicalEdit, ClinicalError, Concept, Entry};
use crate::{ElementPath, PathStep};

/// A note.
#[derive(Clone, Default, Deserialize)]
pub struct NewNote {
    /// What it says; may be empty, to be typed later.
    pub text: String,
    /// What kind of note; a plain note when not given.
    pub kind: Option<Concept>,
    /// Its heading.
    pub title: Option<String>,
}

/// Where the text of a note is: [`crate::DocumentEditor::splice_text`] types there, and typing merges by character.
pub fn note_text_path() -> ElementPath {
    let key = |name: &str| PathStep::Key(name.to_owned());
    ElementPath(vec![key("content"), PathStep::Index(0), key("attachment"), key("data")])
}

/// Adds a note, unsigned.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn add_note(entry: &Entry<'_>, new: &NewNote) -> Result<ClinicalEdit, ClinicalError> {
    let kind = new.kind.clone().unwrap_or_else(|| Concept::code(LOINC, "34109-9", "Note"));
    // R4 allows no empty string; an empty note starts as an empty line.
    let text = if new.text.is_empty() { "\n" } else { &new.text };
    let mut attachment = json!({"contentType": "text/plain; charset=utf-8", "data": STANDARD.encode(text)});
    set_text(&mut attachment, "title", new.title.as_deref());
    let mut note = json!({
        "resourceType": "DocumentReference", "id": entry.id, "status": "current", "docStatus": "preliminary",
        "type": kind.element("DocumentReference.type")?,
        "subject": entry.patient_reference(), "date": instant_of(entry.now)?, "author": [entry.author_reference()],
        "content": [{"attachment": attachment}],
    });
    if let Some(encounter) = entry.encounter {
        note["context"] = json!({"encounter": [reference("Encounter", encounter)]});
    }
    ClinicalEdit::of(entry, [note])
}

/// Signs a note: from now on it is amended, not edited.
///
/// # Errors
/// [`ClinicalError`] naming the element: a note that is signed already.
pub fn sign_note(entry: &Entry<'_>, note: &Value) -> Result<ClinicalEdit, ClinicalError> {
    expect_type(note, "DocumentReference")?;
    expect_status(note, "docStatus", &["preliminary"])?;
    let mut note = note.clone();
    note["docStatus"] = "final".into();
    note["authenticator"] = entry.author_reference();
    ClinicalEdit::of(entry, [note])
}

/// Amends a signed note: a new, signed note that names the one it adds to, which from then on says that it was amended.
///
/// # Errors
/// [`ClinicalError`] naming the element: a note that is not signed, an empty amendment, a missing reason.
pub fn amend_note(entry: &Entry<'_>, note: &Value, text: &str, reason: &str) -> Result<ClinicalEdit, ClinicalError> {
    expect_type(note, "DocumentReference")?;
    expect_status(note, "docStatus", &["final", "amended"])?;
    required("DocumentReference.content[0].attachment.data", text)?;
    required("DocumentReference.description", reason)?;
    let id = note["id"].as_str().unwrap_or_default();
    let mut amended = note.clone();
    amended["docStatus"] = "amended".into();
    let mut amendment = json!({
        "resourceType": "DocumentReference", "id": entry.id, "status": "current", "docStatus": "final",
        "type": note["type"], "subject": entry.patient_reference(), "date": instant_of(entry.now)?,
        "author": [entry.author_reference()], "authenticator": entry.author_reference(),
        "relatesTo": [{"code": "appends", "target": reference("DocumentReference", id)}],
        "description": reason.trim(),
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": STANDARD.encode(text)}}],
    });
    // Beside the note it amends, whatever is open now; with the same protection.
    for shared in ["context", "securityLabel"] {
        super::entry::set(&mut amendment, shared, note.get(shared).cloned());
    }
    if let Some(security) = note.pointer("/meta/security") {
        amendment["meta"] = json!({"security": security});
    }
    if amendment["type"].is_null() {
        amendment["type"] = Concept::code(LOINC, "34109-9", "Note").element("DocumentReference.type")?;
    }
    Ok(ClinicalEdit::of(entry, [amended, amendment])?.because(Some(reason)))
}

fn instant_of(now: &str) -> Result<&str, ClinicalError> {
    if crate::fhir_date::is_instant(now) {
        Ok(now)
    } else {
        Err(ClinicalError::new("DocumentReference.date", "must be an instant: 1970-01-31T10:00:00.000Z"))
    }
}
