//! What is checked where an edit enters: R4, and that a signed note is amended, not edited.
//!
//! What came from elsewhere may hold mistakes of others. An edit is refused for what it would add to them only: nobody is
//! kept from stopping a medicine because its import lacked an element.

use clinical_record::clinical::ClinicalError;
use clinical_record::{
    DocumentEditor, RecordError, ResourceKey, ValidationIssue, is_entered_in_error, is_signed, keeps_signed_content,
    validate,
};
use serde_json::Value;

use crate::DeviceError;

/// Checks a resource against what is there, and puts it.
///
/// # Errors
/// [`DeviceError::Clinical`] naming the element; [`RecordError::Signed`].
pub(crate) fn put(editor: &mut DocumentEditor<'_>, resource: &Value) -> Result<ResourceKey, DeviceError> {
    let key = ResourceKey::of(resource)?;
    check(editor.resource(&key).as_ref(), resource)?;
    Ok(editor.put_resource(resource)?)
}

/// Checks what a resource becomes. `before`: what it was, if it was there.
pub(crate) fn check(before: Option<&Value>, after: &Value) -> Result<(), DeviceError> {
    if before == Some(after) {
        return Ok(());
    }
    if let Some(before) = before.filter(|before| is_signed(before))
        && !(keeps_signed_content(before, after) && (is_signed(after) || is_entered_in_error(after)))
    {
        return Err(RecordError::Signed(ResourceKey::of(before)?).into());
    }
    let found = validate(after);
    if found.is_empty() {
        return Ok(());
    }
    let known: Vec<ValidationIssue> = before.map(validate).unwrap_or_default();
    match found.into_iter().find(|issue| !known.contains(issue)) {
        Some(issue) => Err(ClinicalError::from(issue).into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(before: Option<&Value>, after: &Value) -> String {
        check(before, after).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_named_by_its_element() {
        let flag = json!({"resourceType": "Flag", "id": "f", "status": "up", "subject": {"reference": "Patient/p"}});
        assert_eq!(refusal(None, &flag), "Flag.status is not a code that FHIR R4 allows here");
    }

    #[test]
    fn an_edit_answers_only_for_what_it_adds() {
        let before = json!({"resourceType": "Flag", "id": "f", "status": "up"});
        let mut after = before.clone();
        after["subject"] = json!({"reference": "Patient/p"});
        assert!(check(Some(&before), &after).is_ok());
        after["code"] = json!("Falls");
        assert!(refusal(Some(&before), &after).starts_with("Flag.code "));
    }

    #[test]
    fn a_signed_note_is_taken_back_or_amended_and_neither_rewritten_nor_unsigned() {
        let note = |status: &str, doc_status: &str, data: &str| {
            json!({"resourceType": "DocumentReference", "id": "n", "status": status, "docStatus": doc_status,
                "content": [{"attachment": {"contentType": "text/plain", "data": data}}]})
        };
        let signed = note("current", "final", "YQ==");
        for after in [note("current", "amended", "YQ=="), note("entered-in-error", "entered-in-error", "YQ==")] {
            assert!(check(Some(&signed), &after).is_ok());
        }
        for after in [note("current", "final", "Yg=="), note("current", "preliminary", "YQ==")] {
            assert_eq!(refusal(Some(&signed), &after), "DocumentReference/n is signed: amend it");
        }
    }
}
