//! Shows a privacy officer what a change in custody would change. The only place of the relay that opens a document: on
//! request, beside the relay's thread, never while devices sync.

use std::collections::BTreeSet;

use clinical_record::{RecordDocument, RecordError, ResourceKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::relay::CustodyMaterial;

/// One element that a change would change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangedElement {
    /// Of which resource, e.g. `MedicationRequest/m1`.
    pub resource: String,
    /// Which element, e.g. `dosageInstruction[0].text`; empty when the whole resource is new or gone.
    pub element: String,
    /// Its value before; none if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// Its value with the change; none if it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

/// What a change in custody would change, as things stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CustodyShown {
    /// Its author's clock, milliseconds since the Unix epoch.
    pub written_at: i64,
    /// It builds on changes that the relay does not have: what it would change cannot be shown.
    pub incomplete: bool,
    /// Element by element; changing nothing is possible.
    pub changes: Vec<ChangedElement>,
}

/// Compares a document without and with a change.
///
/// # Errors
/// [`RecordError`] if a change cannot be read.
pub fn show(material: &CustodyMaterial) -> Result<CustodyShown, RecordError> {
    let meta = clinical_record::inspect_change(&material.change)?;
    let before = RecordDocument::load(material.before.iter().map(Vec::as_slice))?;
    let mut after = before.clone();
    after.apply([material.change.as_slice()])?;
    let incomplete = !after.contains(&meta.hash);
    let keys: BTreeSet<ResourceKey> = before.resource_keys().into_iter().chain(after.resource_keys()).collect();
    let mut changes = Vec::new();
    for key in keys {
        compare(&key.to_string(), String::new(), before.resource(&key), after.resource(&key), &mut changes);
    }
    Ok(CustodyShown { written_at: meta.time_ms, incomplete, changes })
}

/// Goes down as far as both sides have the same shape.
fn compare(
    resource: &str,
    element: String,
    before: Option<Value>,
    after: Option<Value>,
    changes: &mut Vec<ChangedElement>,
) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(mut before)), Some(Value::Object(mut after))) => {
            let names: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
            for name in names {
                let path = if element.is_empty() { name.clone() } else { format!("{element}.{name}") };
                compare(resource, path, before.remove(&name), after.remove(&name), changes);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) if before.len() == after.len() => {
            for (position, (before, after)) in before.into_iter().zip(after).enumerate() {
                compare(resource, format!("{element}[{position}]"), Some(before), Some(after), changes);
            }
        }
        (before, after) => changes.push(ChangedElement { resource: resource.to_owned(), element, before, after }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sync_protocol::{Compartment, DocumentDescriptor, OrganizationId, PatientId};

    fn material(before: Vec<Vec<u8>>, change: Vec<u8>) -> CustodyMaterial {
        let descriptor = DocumentDescriptor {
            organization: OrganizationId::new("north").unwrap(),
            patient: Some(PatientId::new("p1").unwrap()),
            compartment: Compartment::Core,
            part: String::new(),
        };
        CustodyMaterial { descriptor, before, change }
    }

    /// Puts resources one after another; gives the changes.
    fn written(resources: &[Value]) -> Vec<Vec<u8>> {
        let mut document = RecordDocument::new();
        let mut changes = Vec::new();
        for resource in resources {
            let (_, change) = document.edit(&[7; 20], 1_000, |editor| editor.put_resource(resource)).unwrap();
            changes.push(change.unwrap().bytes);
        }
        changes
    }

    fn dose(text: &str) -> Value {
        json!({
            "resourceType": "MedicationRequest", "id": "m1", "status": "active",
            "dosageInstruction": [{ "text": text }], "note": [{ "text": "with food" }]
        })
    }

    fn element(path: &str, before: Option<Value>, after: Option<Value>) -> ChangedElement {
        ChangedElement { resource: "MedicationRequest/m1".into(), element: path.into(), before, after }
    }

    #[test]
    fn an_element_is_shown_with_its_old_and_its_new_value() {
        let mut changes = written(&[dose("1 daily"), dose("10 daily")]);
        let change = changes.pop().unwrap();
        let shown = show(&material(changes, change)).unwrap();
        assert_eq!(
            shown.changes,
            [element("dosageInstruction[0].text", Some(json!("1 daily")), Some(json!("10 daily")))]
        );
        assert!(!shown.incomplete);
    }

    #[test]
    fn a_new_resource_and_a_new_note_are_shown_whole() {
        let mut changed = dose("1 daily");
        changed["note"] = json!([{ "text": "with food" }, { "text": "not in the morning" }]);
        let mut changes = written(&[dose("1 daily"), changed.clone()]);
        let second = changes.pop().unwrap();
        let first = show(&material(Vec::new(), changes[0].clone())).unwrap();
        assert_eq!(first.changes, [element("", None, Some(dose("1 daily")))]);
        let notes = show(&material(changes, second)).unwrap();
        assert_eq!(notes.changes, [element("note", Some(dose("")["note"].clone()), Some(changed["note"].clone()))]);
    }

    #[test]
    fn what_builds_on_something_that_is_not_there_is_said_to_be_incomplete() {
        let mut changes = written(&[dose("1 daily"), dose("10 daily")]);
        let shown = show(&material(Vec::new(), changes.pop().unwrap())).unwrap();
        assert_eq!((shown.incomplete, shown.changes), (true, Vec::new()));
        assert!(show(&material(Vec::new(), b"not a change".to_vec())).is_err());
    }
}
