//! A document: resources of one compartment, loaded from changes, edited, and read back as FHIR JSON.

use std::collections::HashSet;
use std::fmt;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, Value as Stored,
};
use serde_json::Value;

use crate::admission::{Ledger, sort};
use crate::change::{MAX_CHANGE_OPS, MAX_OP, parse_change, parse_checked};
use crate::containment::contained;
use crate::decode::decode;
use crate::encode::TEXT_ENCODING;
use crate::entered_in_error::is_retracted;
use crate::schema::{CURRENT_SCHEMA, Schema};
use crate::{DocumentEditor, EncodedChange, RecordError, ResourceKey};

/// One Automerge document of FHIR resources.
#[derive(Clone)]
pub struct RecordDocument {
    pub(crate) doc: Automerge,
    pub(crate) ledger: Ledger,
    /// Received, but not all of what they build on.
    pub(crate) waiting: Vec<Change>,
    pub(crate) schema: &'static Schema,
}

impl RecordDocument {
    /// A document without history.
    pub fn new() -> Self {
        let doc = Automerge::new_with_encoding(TEXT_ENCODING);
        Self { doc, ledger: Ledger::default(), waiting: Vec::new(), schema: &CURRENT_SCHEMA }
    }

    /// Opens a document from its changes, in any order. `changes`: one uncompressed chunk each.
    ///
    /// # Errors
    /// That of the first change that cannot be read, as [`crate::inspect_change`]; [`RecordError::DuplicateSequence`].
    pub fn load<'a>(changes: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, RecordError> {
        let changes = changes.into_iter().map(parse_change).collect::<Result<Vec<_>, _>>()?;
        Self::new().with(changes)
    }

    /// Opens a document from changes that an earlier [`Self::apply`] or [`Self::load`] on this device accepted, without
    /// checking again what those checked. For a device's own store; takes about two thirds of the time.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_accepted<'a>(changes: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, RecordError> {
        let changes = changes.into_iter().map(parse_checked).collect::<Result<Vec<_>, _>>()?;
        let mut document = Self::new();
        let (ready, waiting) = sort(&mut document.ledger, changes)?;
        document.waiting = waiting;
        contained(|| {
            document.doc.apply_changes(ready).map_err(|error| refused(&error))?;
            Ok(document)
        })
    }

    /// Adds changes from elsewhere, in any order. Those already held are skipped; those whose dependencies are missing wait.
    ///
    /// Waiting is a convenience for changes that arrive out of order: keep a change until [`Self::contains`] says that it
    /// is part of the document. One that proves inconsistent when its dependencies arrive is dropped with the others that
    /// wait, so that it cannot hold up what is sound.
    /// # Errors
    /// As [`Self::load`]; the document is then as before.
    pub fn apply<'a>(&mut self, changes: impl IntoIterator<Item = &'a [u8]>) -> Result<(), RecordError> {
        let changes = changes.into_iter().map(parse_change).collect::<Result<Vec<_>, _>>()?;
        // On a copy: the engine does not promise to leave a document as it was after an error half way through a batch.
        let next = self.clone().with(self.waiting.iter().cloned().chain(changes.iter().cloned()));
        *self = match next {
            Err(_) if !self.waiting.is_empty() => Self { waiting: Vec::new(), ..self.clone() }.with(changes)?,
            next => next?,
        };
        Ok(())
    }

    /// The document with `changes` added; they replace those waiting.
    fn with(mut self, changes: impl IntoIterator<Item = Change>) -> Result<Self, RecordError> {
        let (ready, waiting) = sort(&mut self.ledger, changes)?;
        self.waiting = waiting;
        contained(|| {
            let (before, added) = (self.doc.get_heads(), ready.iter().map(Change::hash).collect());
            self.doc.apply_changes(ready).map_err(|error| refused(&error))?;
            gives_back(&self.doc, &before, &added)?;
            Ok(self)
        })
    }

    /// Makes one change. `actor`: the author's Automerge actor id. `time_ms`: milliseconds since the Unix epoch.
    ///
    /// The change is `None` when `edit` changed nothing.
    /// # Errors
    /// Whatever `edit` returns, or [`RecordError::TooManyOperations`]; the document is then as before.
    pub fn edit<T>(
        &mut self,
        actor: &[u8],
        time_ms: i64,
        edit: impl FnOnce(&mut DocumentEditor<'_>) -> Result<T, RecordError>,
    ) -> Result<(T, Option<EncodedChange>), RecordError> {
        let room = self.room_for_operations();
        self.doc.set_actor(ActorId::from(actor));
        let mut editor = DocumentEditor::new(self.doc.transaction(), self.schema);
        let outcome = edit(&mut editor);
        let (transaction, message) = editor.finish();
        let fits = transaction.pending_ops() as u64 <= room;
        let outcome = match outcome.and_then(|outcome| if fits { Ok(outcome) } else { Err(too_many(room)) }) {
            Ok(outcome) => outcome,
            Err(error) => {
                transaction.rollback();
                return Err(error);
            }
        };
        let mut options = CommitOptions::default().with_time(time_ms);
        if let Some(message) = message {
            options = options.with_message(message);
        }
        match transaction.commit_with(options) {
            (Some(hash), _) => Ok((outcome, Some(self.committed(&hash)?))),
            (None, _) => Ok((outcome, None)),
        }
    }

    /// The keys of all resources, sorted.
    pub fn resource_keys(&self) -> Vec<ResourceKey> {
        let mut keys: Vec<_> = resource_objects(&self.doc).map(|(key, _)| key).collect();
        keys.sort();
        keys
    }

    /// A resource as FHIR JSON; with concurrent versions, the one every device shows.
    pub fn resource(&self, key: &ResourceKey) -> Option<Value> {
        let id = resource_object(&self.doc, key)?;
        Some(self.schema.upgraded(read_resource(&self.doc, &key.resource_type, &id)))
    }

    /// All resources, in the order of [`Self::resource_keys`].
    pub fn resources(&self) -> impl Iterator<Item = (ResourceKey, Value)> + '_ {
        let mut objects: Vec<_> = resource_objects(&self.doc).collect();
        objects.sort_by(|a, b| a.0.cmp(&b.0));
        objects.into_iter().map(|(key, id)| {
            let value = self.schema.upgraded(read_resource(&self.doc, &key.resource_type, &id));
            (key, value)
        })
    }

    /// The resources that were not entered in error. Those that were are kept: [`Self::resources`] has them, and their history.
    pub fn shown_resources(&self) -> impl Iterator<Item = (ResourceKey, Value)> + '_ {
        self.resources().filter(|(_, resource)| !is_retracted(resource))
    }

    /// The Bundle entry's elements besides `resource`, where an import found other than the default ones.
    pub fn entry_metadata(&self, key: &ResourceKey) -> Option<Value> {
        read_entry_metadata(&self.doc, key)
    }

    /// Hashes of the changes no other change builds on, sorted. Equal heads mean equal documents.
    pub fn heads(&self) -> Vec<[u8; 32]> {
        let mut heads: Vec<_> = self.doc.get_heads().into_iter().map(|hash| hash.0).collect();
        heads.sort_unstable();
        heads
    }

    /// True when each change builds on the one before it: nobody wrote here without knowing what was there, so no two values
    /// are concurrent. Takes one pass over the changes, not their content.
    pub fn is_linear(&self) -> bool {
        let changes = self.doc.get_changes_meta(&[]);
        changes.windows(2).all(|pair| *pair[1].deps == [pair[0].hash])
    }

    /// Hashes that changes received so far build on but that are not here yet, sorted.
    pub fn missing_deps(&self) -> Vec<[u8; 32]> {
        let waiting: HashSet<_> = self.waiting.iter().map(Change::hash).collect();
        let deps = self.waiting.iter().flat_map(Change::deps);
        let missing = deps.filter(|dep| !self.ledger.contains(dep) && !waiting.contains(dep)).map(|dep| dep.0);
        let mut missing: Vec<_> = missing.collect::<HashSet<_>>().into_iter().collect();
        missing.sort_unstable();
        missing
    }

    /// True when the change is part of the document, not merely waiting for its dependencies.
    pub fn contains(&self, hash: &[u8; 32]) -> bool {
        self.ledger.contains(&ChangeHash(*hash))
    }

    /// The changes not covered by `heads`, in causal order; all of them for an empty slice. Unknown heads are ignored.
    ///
    /// # Errors
    /// [`RecordError::Engine`]; not expected of a document this crate loaded.
    pub fn changes_since(&self, heads: &[[u8; 32]]) -> Result<Vec<EncodedChange>, RecordError> {
        let heads: Vec<_> = heads.iter().filter(|hash| self.contains(hash)).map(|hash| ChangeHash(*hash)).collect();
        self.doc.get_changes(&heads).iter().map(EncodedChange::of).collect()
    }

    /// How many operations the next change may hold.
    fn room_for_operations(&self) -> u64 {
        let used = self.ledger.max_op(&self.doc.get_heads());
        MAX_OP.saturating_sub(used).min(MAX_CHANGE_OPS)
    }

    fn committed(&mut self, hash: &ChangeHash) -> Result<EncodedChange, RecordError> {
        let change = self.doc.get_change_by_hash(hash).ok_or(RecordError::Engine("a change was not kept"))?;
        self.ledger.admit(&change)?;
        EncodedChange::of(&change)
    }
}

impl Default for RecordDocument {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RecordDocument {
    /// Counts only: debug output of a document must not show a chart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordDocument").field("heads", &self.doc.get_heads().len()).finish_non_exhaustive()
    }
}

/// Checks that the document can reproduce the changes it was `added` since `before`.
///
/// The engine keeps operations, not changes, and rebuilds a change when asked. One that is not in the engine's own form, or
/// that names operations which do not exist, would come back as another change or as a panic.
fn gives_back(doc: &Automerge, before: &[ChangeHash], added: &HashSet<ChangeHash>) -> Result<(), RecordError> {
    let rebuilt: HashSet<_> = doc.get_changes(before).iter().map(Change::hash).collect();
    if rebuilt == *added { Ok(()) } else { Err(RecordError::MalformedChange("operations")) }
}

fn too_many(limit: u64) -> RecordError {
    RecordError::TooManyOperations { limit }
}

/// The engine's error without its text, which could quote a document.
pub(crate) fn refused(error: &AutomergeError) -> RecordError {
    match error {
        AutomergeError::DuplicateSeqNumber(seq, _) => RecordError::DuplicateSequence { seq: *seq },
        AutomergeError::InvalidIndex(_) => RecordError::Engine("list position out of range"),
        AutomergeError::InvalidOp(_) => RecordError::Engine("operation does not fit the element"),
        AutomergeError::InvalidObjId(_) | AutomergeError::NotAnObject => RecordError::Engine("unknown object"),
        _ => RecordError::Engine("operation refused"),
    }
}

/// Every resource's visible object, in root key order.
pub(crate) fn resource_objects<D: ReadDoc>(doc: &D) -> impl Iterator<Item = (ResourceKey, ObjId)> + '_ {
    doc.map_range(ROOT, ..).filter_map(|item| {
        let id = item.id();
        let is_map = matches!(item.value.into_value(), Stored::Object(ObjType::Map));
        ResourceKey::parse_root_key(&item.key).filter(|_| is_map).map(|key| (key, id))
    })
}

/// The visible object of one resource.
pub(crate) fn resource_object<D: ReadDoc>(doc: &D, key: &ResourceKey) -> Option<ObjId> {
    match doc.get(ROOT, key.root_key()) {
        Ok(Some((Stored::Object(ObjType::Map), id))) => Some(id),
        _ => None,
    }
}

pub(crate) fn read_resource<D: ReadDoc>(doc: &D, resource_type: &str, id: &ObjId) -> Value {
    decode(doc, resource_type, &mut Vec::new(), &Stored::Object(ObjType::Map), id)
}

pub(crate) fn read_entry_metadata<D: ReadDoc>(doc: &D, key: &ResourceKey) -> Option<Value> {
    let (value, _) = doc.get(ROOT, key.entry_key()).ok()??;
    serde_json::from_str(value.as_str()?).ok()
}
