//! One Automerge change: what is said of it without opening a document.

use automerge::{Change, LoadChangeError};

use crate::RecordError;
use crate::change_scan::{CHANGE_CHUNK, CHUNK_TYPE_AT, scan_change};
use crate::containment::contained;

/// Most operations one change may hold: a few times the largest single import seen.
pub const MAX_CHANGE_OPS: u64 = 1 << 20;

/// Highest operation counter accepted. The engine counts in 32 bits; what remains above leaves room for honest edits.
pub(crate) const MAX_OP: u64 = u32::MAX as u64 - MAX_CHANGE_OPS;

/// Who made a change, when, and what it builds on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeMeta {
    /// SHA-256 of the change; its name everywhere.
    pub hash: [u8; 32],
    /// Automerge actor id of the author.
    pub actor: Vec<u8>,
    /// The author's count of changes to this document, from 1.
    pub seq: u64,
    /// Hashes of the changes it builds on, sorted.
    pub deps: Vec<[u8; 32]>,
    /// Counter of its first operation.
    pub start_op: u64,
    /// Counter of its last operation; `start_op - 1` when it has none.
    pub max_op: u64,
    /// The author's clock, milliseconds since the Unix epoch. For display; never orders changes.
    pub time_ms: i64,
}

impl ChangeMeta {
    /// True when the operation counter goes on where `deps`, the changes it builds on, left off, as every honest writer's
    /// does. A counter far ahead would use up the document's counters and leave no room for further edits.
    pub fn continues<'a>(&self, deps: impl IntoIterator<Item = &'a Self>) -> bool {
        self.start_op == 1 + deps.into_iter().map(|dep| dep.max_op).max().unwrap_or_default()
    }
}

/// A change as it travels and is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedChange {
    /// One uncompressed Automerge change chunk.
    pub bytes: Vec<u8>,
    /// What [`inspect_change`] says of `bytes`.
    pub meta: ChangeMeta,
}

impl EncodedChange {
    pub(crate) fn of(change: &Change) -> Result<Self, RecordError> {
        Ok(Self { bytes: change.raw_bytes().to_vec(), meta: meta_of(change)? })
    }
}

/// Reads and checks one change. `bytes`: exactly one uncompressed change chunk.
///
/// Bounded in time and memory by the size of `bytes` and [`MAX_CHANGE_OPS`], whatever the bytes say.
/// # Errors
/// [`RecordError::CompressedChange`] before anything is inflated, [`RecordError::TooManyOperations`],
/// [`RecordError::MalformedChange`].
pub fn inspect_change(bytes: &[u8]) -> Result<ChangeMeta, RecordError> {
    meta_of(&parse_change(bytes)?)
}

/// Parses one change, with every check of [`inspect_change`].
pub(crate) fn parse_change(bytes: &[u8]) -> Result<Change, RecordError> {
    scan_change(bytes)?;
    let change = contained(|| Change::try_from(bytes).map_err(|error| malformed(&error)))?;
    // The engine computes the hash from the content but leaves comparing the stored checksum to its caller.
    if bytes.get(4..8) != change.hash().0.get(..4) {
        return Err(RecordError::MalformedChange("checksum"));
    }
    meta_of(&change)?;
    Ok(change)
}

/// Parses a change that this device has checked before.
pub(crate) fn parse_checked(bytes: &[u8]) -> Result<Change, RecordError> {
    if bytes.get(CHUNK_TYPE_AT) != Some(&CHANGE_CHUNK) {
        return Err(RecordError::MalformedChange("chunk type"));
    }
    contained(|| Change::try_from(bytes).map_err(|error| malformed(&error)))
}

fn malformed(error: &LoadChangeError) -> RecordError {
    RecordError::MalformedChange(match error {
        LoadChangeError::Parse(_) => "content",
        LoadChangeError::LeftoverData => "bytes after the change",
        LoadChangeError::WrongChunkType => "chunk type",
    })
}

fn meta_of(change: &Change) -> Result<ChangeMeta, RecordError> {
    let start_op = change.start_op().get();
    let max_op = (start_op - 1)
        .checked_add(change.len() as u64)
        .filter(|max_op| *max_op <= MAX_OP)
        .ok_or(RecordError::MalformedChange("operation counter"))?;
    if change.seq() == 0 {
        return Err(RecordError::MalformedChange("sequence number"));
    }
    Ok(ChangeMeta {
        hash: change.hash().0,
        actor: change.actor_id().to_bytes().to_vec(),
        seq: change.seq(),
        deps: change.deps().iter().map(|hash| hash.0).collect(),
        start_op,
        max_op,
        time_ms: change.timestamp(),
    })
}
