//! Edits that a concurrent edit made invisible without any value being in conflict.
//!
//! Two cases the engine settles by itself: someone edits inside an element that someone else removes or replaces (the
//! removal wins), and someone removes an element that someone else sets (the value wins). Neither may pass silently.

use std::collections::BTreeSet;

use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc};

use crate::document::refused;
use crate::operations::{OperationIndex, Position};
use crate::{DocumentEditor, ElementPath, RecordDocument, RecordError, ResourceKey};

/// Root keys under which a document remembers the overridden edits that were looked at.
const SEEN_PREFIX: &str = "seen:";

/// An edit that nobody sees, because a concurrent one took its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OverriddenEdit {
    /// The resource.
    pub key: ResourceKey,
    /// The element that was removed, replaced or kept; ends at the list when it is an element of one.
    pub path: ElementPath,
    /// Hash of the change whose edit is not seen. What it wrote is in [`RecordDocument::history`].
    pub lost: [u8; 32],
    /// Hash of the concurrent change that stands instead.
    pub by: [u8; 32],
}

impl OverriddenEdit {
    fn seen_key(&self) -> String {
        let hex = |hash: &[u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        format!("{SEEN_PREFIX}{}:{}:{}:{}", hex(&self.lost), hex(&self.by), self.key, self.path)
    }
}

impl RecordDocument {
    /// Overridden edits that nobody has acknowledged, sorted; the same list on every device with the same heads.
    ///
    /// Costs nothing for a document without concurrent changes, otherwise one pass over all its operations.
    pub fn overridden_edits(&self) -> Vec<OverriddenEdit> {
        if self.is_linear() {
            return Vec::new();
        }
        let changes = self.doc.get_changes(&[]);
        let index = OperationIndex::of(&changes);
        let mut found = BTreeSet::new();
        let mut report = |place: Option<(ResourceKey, ElementPath)>, lost: Position, by: Position| {
            if let Some((key, path)) = place {
                found.insert(OverriddenEdit { key, path, lost: changes[lost].hash().0, by: changes[by].hash().0 });
            }
        };
        buried_edits(&index, &mut report);
        undone_removals(&index, &mut report);
        found.into_iter().filter(|edit| !matches!(self.doc.get(ROOT, edit.seen_key()), Ok(Some(_)))).collect()
    }
}

impl DocumentEditor<'_> {
    /// Records, for every device, that a clinician has looked at an overridden edit.
    ///
    /// # Errors
    /// [`RecordError::Engine`].
    pub fn acknowledge_overridden(&mut self, edit: &OverriddenEdit) -> Result<(), RecordError> {
        self.transaction().put(ROOT, edit.seen_key(), true).map_err(|error| refused(&error))
    }
}

type Report<'r> = dyn FnMut(Option<(ResourceKey, ElementPath)>, Position, Position) + 'r;

/// Edits inside an element that a concurrent change removed or replaced.
fn buried_edits(index: &OperationIndex, report: &mut Report<'_>) {
    for (edit, objects) in index.written.iter().enumerate() {
        for object in objects {
            let object = automerge::legacy::ObjectId::Id(object.clone());
            for (id, place) in index.enclosing(&object) {
                let removals = index.superseded.get(id).into_iter().flatten();
                for &removal in removals.filter(|&&removal| index.concurrent(edit, removal)) {
                    report(index.path_of(place), edit, removal);
                }
            }
        }
    }
}

/// Removals of an element that a concurrent change set, and that therefore is still there.
fn undone_removals(index: &OperationIndex, report: &mut Report<'_>) {
    for (place, removals) in index.removals.iter().filter(|((object, _), _)| !index.is_text(object)) {
        let values = index.values.get(place).into_iter().flatten().filter(|(_, op)| index.stands(op));
        for (value, _) in values {
            for &removal in removals.iter().filter(|&&removal| index.concurrent(removal, *value)) {
                report(index.path_of(place), removal, *value);
            }
        }
    }
}
