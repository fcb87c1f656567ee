//! Packing: the older changes of a long document are put together into runs that take a fraction of the room.
//!
//! A run holds the exact bytes of its changes, so that hashes and signatures stay what they were. What is packed is read
//! back and compared before the rows that it replaces go, in the same transaction that puts the run in their place.

use sync_protocol::ChangeHash;

use super::run_form::MAX_RUN_CHANGES;
use super::{Position, StoreError};

/// When changes are packed, and how many stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// A document with this many loose changes is packed.
    pub from: u32,
    /// Its newest ones stay loose: most uploads build on these.
    pub keep: u32,
    /// Changes of one run, at most.
    pub changes: usize,
}

impl Default for Packing {
    fn default() -> Self {
        // As the index `document_crowded` has it.
        Self { from: 256, keep: 64, changes: MAX_RUN_CHANGES }
    }
}

/// A run that was packed and read back, to be put in the place of its rows. Shows nothing of what it holds.
pub struct PackedRun {
    pub(super) document: u32,
    /// The rows it stands for, in order.
    pub(super) rows: Vec<(Position, ChangeHash)>,
    pub(super) last_received_ms: i64,
    pub(super) facts: Vec<u8>,
    pub(super) body: Vec<u8>,
    pub(super) unpacked_bytes: usize,
}

impl PackedRun {
    /// Whose changes they are.
    #[must_use]
    pub fn document(&self) -> u32 {
        self.document
    }

    /// How many changes it holds.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of its changes: as they were, and packed with what is known of each.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        (self.unpacked_bytes, self.facts.len() + self.body.len())
    }
}

impl std::fmt::Debug for PackedRun {
    /// Counts only: what it holds is patient content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PackedRun").field("document", &self.document).field("changes", &self.changes()).finish()
    }
}

/// What takes part in packing. Needs no permit: no content leaves the store by it.
pub trait CompactionStore {
    /// Documents with enough loose changes to be packed, the fullest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn crowded(&self, packing: &Packing, limit: usize) -> Result<Vec<u32>, StoreError>;
    /// Packs the oldest loose changes of a document and reads them back. Changes nothing; memory is that of one run. None if
    /// nothing of it is to be packed. The newest change of the whole log is never packed.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if a change is not what its hash says; it stays where it is.
    fn pack(&self, document: u32, packing: &Packing) -> Result<Option<PackedRun>, StoreError>;
    /// Puts a run in the place of its rows. False, and nothing is changed, if these are not the oldest loose ones any more.
    ///
    /// # Errors
    /// [`StoreError::Database`]; to be rolled back by the caller.
    fn put_run(&mut self, run: &PackedRun) -> Result<bool, StoreError>;
}
