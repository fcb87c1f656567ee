//! Collections that two people began apart, shown as one.
//!
//! The document holds two lists for one element then. Which of them the engine shows is chance to a clinician, so both are:
//! first the entries of the engine's choice, then those of the others that are not among them.

use std::borrow::Cow;

use automerge::{ObjId, ObjType, ReadDoc, Value as Stored};
use serde_json::Value;

use crate::decode::decode;
use crate::text_form::ANY_POSITION;

/// One entry of a collection.
pub(crate) struct UnitedItem {
    /// The list that holds it, and its position there.
    pub(crate) list: ObjId,
    pub(crate) index: usize,
    pub(crate) id: ObjId,
    pub(crate) conflict: bool,
    pub(crate) stored: Stored<'static>,
    pub(crate) json: Value,
}

/// The entries of all concurrent lists `at` an element, `None` when they are not several lists of objects.
///
/// Lists of codes stay apart: FHIR pairs them by position with a second list of their extensions.
pub(crate) fn united_items<'d, D: ReadDoc>(
    doc: &'d D,
    resource_type: &str,
    trail: &mut Vec<Cow<'d, str>>,
    at: &[(Stored<'_>, ObjId)],
) -> Option<Vec<UnitedItem>> {
    if at.len() < 2 || at.iter().any(|(value, _)| !matches!(value, Stored::Object(ObjType::List))) {
        return None;
    }
    let mut united: Vec<UnitedItem> = Vec::new();
    trail.push(ANY_POSITION.into());
    // The engine lists its choice last.
    for (turn, (_, list)) in at.iter().rev().enumerate() {
        for item in doc.list_range(list, ..) {
            let (id, stored) = (item.id(), item.value.into_value().into_owned());
            let json = decode(doc, resource_type, trail, &stored, &id);
            if turn == 0 || united.iter().all(|other| other.json != json) {
                let (index, conflict) = (item.index, item.conflict);
                united.push(UnitedItem { list: list.clone(), index, id, conflict, stored, json });
            }
        }
    }
    trail.pop();
    united.iter().all(|item| item.json.is_object()).then_some(united)
}
