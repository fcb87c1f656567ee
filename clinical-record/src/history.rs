//! Who changed what in a document, change by change.

use std::collections::BTreeMap;

use automerge::{ChangeHash, ChangeMetadata, ObjType, Patch, PatchAction, Prop, ReadDoc, Value as Stored};
use serde_json::Value;

use crate::decode::decode_scalar;
use crate::{ElementPath, PathStep, RecordDocument, ResourceKey};

/// One change of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// Hash of the change.
    pub hash: [u8; 32],
    /// Automerge actor id of the author.
    pub actor: Vec<u8>,
    /// The author's count of changes to this document.
    pub seq: u64,
    /// The author's clock, milliseconds since the Unix epoch. For display; the order of entries is the causal one.
    pub time_ms: i64,
    /// Why, where the author said it.
    pub message: Option<String>,
    /// What it touched, sorted by resource and path.
    pub touched: Vec<TouchedElement>,
}

/// One element a change wrote or removed. A new object or list is one element, whatever it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct TouchedElement {
    /// The resource.
    pub key: ResourceKey,
    /// The element, with list positions as they were right after the change; empty when the whole resource is new.
    pub path: ElementPath,
    /// What happened to it.
    pub what: Touch,
}

/// What a change did to an element.
#[derive(Clone, Debug, PartialEq)]
pub enum Touch {
    /// It has this simple value now.
    Set(Value),
    /// It is a new object, list or text.
    Created,
    /// Its text was edited.
    TextEdited,
    /// It was removed.
    Removed,
}

impl RecordDocument {
    /// The changes of the document in causal order; with `only`, those that touched this resource.
    ///
    /// Each change is compared with what it builds on, so the cost grows with changes times document size.
    pub fn history(&self, only: Option<&ResourceKey>) -> Vec<HistoryEntry> {
        let changes = self.doc.get_changes_meta(&[]);
        let entries = changes.into_iter().map(|change| self.entry(&change, only));
        entries.filter(|entry| only.is_none() || !entry.touched.is_empty()).collect()
    }

    /// Why a change was made, where its author said so. `hash`: of a change of this document.
    pub fn message(&self, hash: &[u8; 32]) -> Option<String> {
        let change = self.doc.get_change_meta_by_hash(&ChangeHash(*hash))?;
        change.message.as_deref().map(str::to_owned)
    }

    fn entry(&self, change: &ChangeMetadata<'_>, only: Option<&ResourceKey>) -> HistoryEntry {
        let mut elements = BTreeMap::new();
        for patch in self.doc.diff(&change.deps, &[change.hash]) {
            self.record(&patch, only, &mut elements);
        }
        let touched = without_insides(elements);
        HistoryEntry {
            hash: change.hash.0,
            actor: change.actor.to_bytes().to_vec(),
            seq: change.seq,
            time_ms: change.timestamp,
            message: change.message.as_deref().map(str::to_owned),
            touched,
        }
    }

    /// Adds what one patch did. Root keys that are no resources hold no clinical content and are passed over.
    fn record(&self, patch: &Patch, only: Option<&ResourceKey>, elements: &mut Elements) {
        let in_text = matches!(self.doc.object_type(&patch.obj), Ok(ObjType::Text));
        let steps: Vec<Prop> = patch.path.iter().map(|(_, prop)| prop.clone()).collect();
        for (last, what) in touches(&patch.action, in_text) {
            let mut steps = steps.iter().cloned().chain(last);
            let Some(Prop::Map(root_key)) = steps.next() else { continue };
            let Some(key) = ResourceKey::parse_root_key(&root_key) else { continue };
            if only.is_none_or(|wanted| *wanted == key) {
                elements.insert((key, ElementPath(steps.map(step_of).collect())), what);
            }
        }
    }
}

type Elements = BTreeMap<(ResourceKey, ElementPath), Touch>;

/// What an action did, each with its place in the object the patch is about; no place for the object itself.
fn touches(action: &PatchAction, in_text: bool) -> Vec<(Option<Prop>, Touch)> {
    if in_text {
        return vec![(None, Touch::TextEdited)];
    }
    match action {
        PatchAction::PutMap { key, value, .. } => vec![(Some(Prop::Map(key.clone())), written(&value.0))],
        PatchAction::PutSeq { index, value, .. } => vec![(Some(Prop::Seq(*index)), written(&value.0))],
        PatchAction::Insert { index, values } => {
            values.iter().enumerate().map(|(n, value)| (Some(Prop::Seq(index + n)), written(&value.0))).collect()
        }
        PatchAction::DeleteMap { key } => vec![(Some(Prop::Map(key.clone())), Touch::Removed)],
        PatchAction::DeleteSeq { index, .. } => vec![(Some(Prop::Seq(*index)), Touch::Removed)],
        PatchAction::SpliceText { .. } => vec![(None, Touch::TextEdited)],
        PatchAction::Increment { .. } | PatchAction::Conflict { .. } | PatchAction::Mark { .. } => Vec::new(),
    }
}

fn written(value: &Stored<'_>) -> Touch {
    match value {
        Stored::Object(_) => Touch::Created,
        Stored::Scalar(scalar) => Touch::Set(decode_scalar(scalar)),
    }
}

fn step_of(prop: Prop) -> PathStep {
    match prop {
        Prop::Map(key) => PathStep::Key(key),
        Prop::Seq(index) => PathStep::Index(index),
    }
}

/// Leaves out what lies inside a new element: the sorted order has it right behind that element.
fn without_insides(elements: Elements) -> Vec<TouchedElement> {
    let mut touched: Vec<TouchedElement> = Vec::new();
    let mut created: Option<(ResourceKey, ElementPath)> = None;
    for ((key, path), what) in elements {
        if created.as_ref().is_some_and(|(within, at)| *within == key && path.0.starts_with(&at.0)) {
            continue;
        }
        if what == Touch::Created {
            created = Some((key.clone(), path.clone()));
        }
        touched.push(TouchedElement { key, path, what });
    }
    touched
}
