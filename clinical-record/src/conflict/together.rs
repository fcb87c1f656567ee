//! Finds elements whose parts mean something only together and were changed in different parts by people who did not know of
//! each other: one the dose, the other how often.
//!
//! The engine merges such edits without a trace, since no single part has two values.

use std::collections::{BTreeSet, HashMap};

use automerge::legacy::OpId;
use automerge::{Change, ObjId, ObjType, Value as Stored};

use super::{ConflictValue, FieldConflict};
use crate::decode::decode;
use crate::merging::{has_together, is_together};
use crate::operations::{OperationIndex, Place, Position};
use crate::{ElementPath, PathStep, RecordDocument, ResourceKey};

/// The standing edits inside one element, and the element.
struct Unit<'i> {
    key: ResourceKey,
    name: String,
    edits: Vec<(Position, &'i Place)>,
}

/// Conflicts over elements that are judged together. Costs nothing for a document without concurrent changes or without
/// such elements, otherwise one pass over all its operations.
pub(super) fn conflicts(document: &RecordDocument) -> Vec<FieldConflict> {
    if !document.resource_keys().iter().any(|key| has_together(&key.resource_type)) {
        return Vec::new();
    }
    if document.is_linear() {
        return Vec::new();
    }
    let changes = document.doc.get_changes(&[]);
    let index = OperationIndex::of(&changes);
    let units = units(&index);
    units.iter().filter_map(|(object, unit)| conflict(document, &changes, &index, object, unit)).collect()
}

/// The visible elements that are judged together, by the object that holds each.
fn units(index: &OperationIndex) -> HashMap<OpId, Unit<'_>> {
    let mut units: HashMap<OpId, Unit<'_>> = HashMap::new();
    for (position, place) in index.standing() {
        let Some((object, (key, path))) = unit_around(index, place) else { continue };
        let [PathStep::Key(name), ..] = path.0.as_slice() else { continue };
        if is_together(&key.resource_type, name) {
            let unit = units.entry(object).or_insert_with(|| Unit { key, name: name.clone(), edits: Vec::new() });
            unit.edits.push((position, place));
        }
    }
    units
}

/// The element directly in a resource that a place lies in: the object that holds it, and where that is.
fn unit_around(index: &OperationIndex, place: &Place) -> Option<(OpId, (ResourceKey, ElementPath))> {
    let around: Vec<_> = index.enclosing(&place.0).collect();
    // What lies in something removed is not seen; such edits are listed as overridden.
    if !around.iter().all(|(object, _)| index.stands(object)) {
        return None;
    }
    // From the outside in: the resource, the element.
    let (object, at) = around.iter().rev().nth(1)?;
    Some(((*object).clone(), index.path_of(at)?))
}

fn conflict(
    document: &RecordDocument,
    changes: &[Change],
    index: &OperationIndex,
    object: &OpId,
    unit: &Unit<'_>,
) -> Option<FieldConflict> {
    let (mut sides, mut mixed) = (BTreeSet::new(), false);
    for (turn, (one, at)) in unit.edits.iter().enumerate() {
        for (other, there) in unit.edits[..turn].iter().filter(|(other, _)| index.concurrent(*one, *other)) {
            mixed |= at != there;
            sides.extend([*one, *other]);
        }
    }
    if !mixed {
        // Concurrent values of one part are found where they are.
        return None;
    }
    let newest = |side: &&Position| !sides.iter().any(|later| index.builds_on(*later, **side) && *later != **side);
    let mut values: Vec<ConflictValue> =
        sides.iter().filter(newest).filter_map(|side| version(document, &changes[*side], object, unit)).collect();
    // Changes come in another order on every device.
    values.sort_by_key(|value| value.change);
    let differ = values.iter().any(|other| other.value != values[0].value);
    let path = ElementPath(vec![PathStep::Key(unit.name.clone())]);
    differ.then(|| FieldConflict { key: unit.key.clone(), path, values, mixed: true })
}

/// The element as it was right after `change`, whose author knew only what that builds on.
fn version(document: &RecordDocument, change: &Change, object: &OpId, unit: &Unit<'_>) -> Option<ConflictValue> {
    let then = document.doc.fork_at(&[change.hash()]).ok()?;
    let id = ObjId::Id(object.counter(), object.actor().clone(), 0);
    let kind: ObjType = automerge::ReadDoc::object_type(&then, &id).ok()?;
    let mut trail = vec![unit.name.as_str().into()];
    let json = decode(&then, &unit.key.resource_type, &mut trail, &Stored::Object(kind), &id);
    document.written_by(&change.hash(), json)
}
