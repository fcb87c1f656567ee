//! Whole documents, read for the relay's own index.

use sync_protocol::{Checksum, DocumentDescriptor};

use super::{SqliteStore, log};
use crate::access::IndexPermit;
use crate::store::{Position, Store, StoreError, StoredChange};

/// A document as the index is made of it.
pub struct DocumentHistory {
    /// What it is about.
    pub descriptor: DocumentDescriptor,
    /// Over its changes, or some more than `changes` lacks: it is read first.
    pub fingerprint: Checksum,
    /// All changes, in commit order.
    pub changes: Vec<StoredChange>,
}

impl DocumentHistory {
    /// Of a document whose changes cannot be read.
    #[must_use]
    pub fn unreadable(descriptor: DocumentDescriptor) -> Self {
        Self { descriptor, fingerprint: Checksum::default(), changes: Vec::new() }
    }
}

impl std::fmt::Debug for DocumentHistory {
    /// Counts only: what it holds is patient content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DocumentHistory").field("changes", &self.changes.len()).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Reads a whole document, by its number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Damaged`].
    pub fn history(&self, _permit: &IndexPermit, document: u32) -> Result<DocumentHistory, StoreError> {
        let descriptor = self.document_by_number(document)?.descriptor;
        let fingerprint = self.fingerprint(document)?;
        let changes = log::read(&self.connection, document, Position::default(), usize::MAX)?;
        Ok(DocumentHistory { descriptor, fingerprint, changes })
    }

    fn fingerprint(&self, document: u32) -> Result<Checksum, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT fingerprint FROM document WHERE number = ?1")?;
        let bytes: Vec<u8> = statement.query_row([document], |row| row.get(0))?;
        Ok(Checksum::from_bytes(super::rows::bytes("fingerprint", &bytes)?))
    }
}
