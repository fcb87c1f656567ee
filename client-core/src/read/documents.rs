//! The documents on this device, for support and for tests: ids and hashes, except where the trail says otherwise.

use sync_protocol::{ChangeHash, DocumentDescriptor, DocumentId, UnixMillis};

use crate::store::documents::StoredDocument;
use crate::store::{changes, documents};
use crate::trail::Act;
use crate::{Device, DeviceError, projection};

/// A document on this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentEntry {
    /// Its id.
    pub id: DocumentId,
    /// What it is about.
    pub descriptor: DocumentDescriptor,
    /// Why it cannot be opened; none if it can.
    pub quarantine: Option<String>,
}

impl Device {
    /// Every document on this device.
    ///
    /// # Errors
    /// Storage.
    pub fn documents(&self) -> Result<Vec<DocumentEntry>, DeviceError> {
        let documents = documents::all(&self.db)?.into_iter();
        Ok(documents
            .map(|one| DocumentEntry { id: one.id, descriptor: one.descriptor, quarantine: one.unreadable })
            .collect())
    }

    /// The hashes of a document's changes, each after those it builds on.
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] if it is not here; storage.
    pub fn change_hashes(&self, document: &DocumentId) -> Result<Vec<ChangeHash>, DeviceError> {
        changes::hashes_of_document(&self.db, self.held(document)?.number)
    }

    /// The changes of a document as they are stored, each after those it builds on. Recorded as `export`.
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] if it is not here; [`DeviceError::LeaseExpired`]; storage.
    pub fn raw_changes(
        &mut self,
        document: &DocumentId,
        now: UnixMillis,
    ) -> Result<Vec<(ChangeHash, Vec<u8>)>, DeviceError> {
        self.check_lease(now)?;
        let document = self.held(document)?;
        self.record_act(&Act::new("export", document.chart().as_ref(), vec![document.id]), now)?;
        let changes = changes::of_document(&self.db, document.number)?;
        Ok(changes.into_iter().map(|change| (change.hash, change.payload)).collect())
    }

    /// The heads of a document: two devices with the same heads show the same.
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] if it is not here; [`DeviceError::Quarantined`]; [`DeviceError::LeaseExpired`]; storage.
    pub fn heads(&self, document: &DocumentId, now: UnixMillis) -> Result<Vec<ChangeHash>, DeviceError> {
        self.may_read(now)?;
        let document = self.held(document)?;
        let opened = projection::open_document(&self.db, &document)?;
        Ok(opened.heads().into_iter().map(ChangeHash).collect())
    }

    fn held(&self, document: &DocumentId) -> Result<StoredDocument, DeviceError> {
        documents::find(&self.db, document)?.ok_or(DeviceError::Invalid("no such document on this device"))
    }
}
