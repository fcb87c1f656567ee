//! What one change wrote, read out of the change alone: its author's own words, and nobody else's.

use std::collections::HashMap;

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{ExpandedChange, ObjType, ScalarValue};
use serde_json::Value;

use crate::RecordError;
use crate::change::parse_change;
use crate::containment::contained;
use crate::decode::decode_scalar;

/// Stands for what the change did not make itself, and so cannot be named without the document.
const ELSEWHERE: &str = "…";

/// One thing that a change wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where, as far as the change says: `MedicationRequest/m1.status`, `….text` inside something that was there before.
    pub element: String,
    /// What; null where something was removed.
    pub value: Value,
}

/// Everything that a change wrote, in order. Text that was typed comes in one piece for each run of letters.
///
/// # Errors
/// As [`crate::inspect_change`].
pub fn written(change: &[u8]) -> Result<Vec<Written>, RecordError> {
    let change = parse_change(change)?;
    let expanded = contained(|| Ok(change.decode()))?;
    let mut reading = Reading::default();
    for (at, op) in expanded.operations.iter().enumerate() {
        reading.take(op, id_of(&expanded, at));
    }
    Ok(reading.written)
}

fn id_of(change: &ExpandedChange, at: usize) -> OpId {
    OpId(change.start_op.get() + at as u64, change.actor_id.clone())
}

#[derive(Default)]
struct Reading {
    /// Objects that the change made, with their names.
    made: HashMap<OpId, String>,
    written: Vec<Written>,
    /// The object in which the last letter was typed, if the last thing was a letter.
    typing: Option<ObjectId>,
}

impl Reading {
    fn take(&mut self, op: &Op, id: OpId) {
        let element = self.element(op);
        let typed = typed(op);
        if let (Some(letter), true) = (typed, self.typing.as_ref() == Some(&op.obj))
            && let Some(Written { value: Value::String(text), .. }) = self.written.last_mut()
        {
            text.push_str(letter);
            return;
        }
        self.typing = typed.map(|_| op.obj.clone());
        match &op.action {
            OpType::Make(kind) => {
                if matches!(kind, ObjType::Map | ObjType::Table | ObjType::List | ObjType::Text) {
                    self.made.insert(id, element);
                }
            }
            OpType::Put(value) => self.written.push(Written { element, value: decode_scalar(value) }),
            OpType::Increment(by) => self.written.push(Written { element, value: Value::from(*by) }),
            OpType::Delete => self.written.push(Written { element, value: Value::Null }),
            OpType::MarkBegin(_) | OpType::MarkEnd(_) => {}
        }
    }

    fn element(&self, op: &Op) -> String {
        let parent = match &op.obj {
            ObjectId::Root => "",
            ObjectId::Id(id) => self.made.get(id).map_or(ELSEWHERE, String::as_str),
        };
        match &op.key {
            Key::Map(key) if parent.is_empty() => key.to_string(),
            Key::Map(key) => format!("{parent}.{key}"),
            Key::Seq(_) => parent.to_owned(),
        }
    }
}

/// The letter that an operation typed, if that is what it did.
fn typed(op: &Op) -> Option<&str> {
    match (&op.key, &op.action) {
        (Key::Seq(_), OpType::Put(ScalarValue::Str(text))) if text.chars().count() == 1 => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{RecordDocument, ResourceKey};

    fn edited(document: &mut RecordDocument, resource: &Value) -> Vec<Written> {
        let change = document.edit(&[7; 32], 1, |editor| editor.put_resource(resource)).unwrap().1.unwrap();
        written(&change.bytes).unwrap()
    }

    fn values(written: &[Written]) -> String {
        written.iter().map(|one| format!("{}={}\n", one.element, one.value)).collect()
    }

    #[test]
    fn of_an_edit_only_what_it_wrote_is_told_under_the_names_that_it_knows() {
        let mut document = RecordDocument::new();
        let first = json!({"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
            "medicationCodeableConcept": {"text": "Warfarin"}, "subject": {"reference": "Patient/p1"}});
        let told = values(&edited(&mut document, &first));
        assert!(told.contains("MedicationRequest/m1.medicationCodeableConcept.text=\"Warfarin\""), "{told}");
        let mut second = first;
        second["status"] = json!("stopped");
        second["priority"] = Value::Null;
        second.as_object_mut().unwrap().remove("priority");
        let told = values(&edited(&mut document, &second));
        assert!(told.contains("….status=\"stopped\"") && !told.contains("Warfarin"), "{told}");
    }

    #[test]
    fn typed_text_comes_in_one_piece_without_what_others_typed() {
        let mut document = RecordDocument::new();
        let note = json!({"resourceType": "DocumentReference", "id": "n1", "status": "current",
            "subject": {"reference": "Patient/p1"},
            "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": "U2Vlbi4="}}]});
        edited(&mut document, &note);
        let key = ResourceKey::new("DocumentReference", "n1");
        let path = "content[0].attachment.data".parse().unwrap();
        let change = document
            .edit(&[8; 32], 2, |editor| editor.append_text(&key, &path, " Coughs.").map(|()| key.clone()))
            .unwrap();
        let told = values(&written(&change.1.unwrap().bytes).unwrap());
        assert!(told.contains("…=\" Coughs.\"") && !told.contains("Seen"), "{told}");
    }

    #[test]
    fn what_is_no_change_is_refused() {
        assert!(written(b"no change").is_err());
    }
}
