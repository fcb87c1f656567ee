//! The one way in which a change of this device comes to be: applied, logged, signed, queued and shown together.

use clinical_record::{DocumentEditor, EncodedChange, RecordError, ResourceKey};
use rusqlite::{Connection, Transaction};
use sync_protocol::identity::ChangeSignature;
use sync_protocol::limits::MAX_CHANGE_BYTES;
use sync_protocol::{ChangeHash, DocumentDescriptor, UnixMillis};

use super::EditReceipt;
use crate::observe::DeviceEvent;
use crate::projection;
use crate::store::documents::StoredDocument;
use crate::store::identity::Identity;
use crate::store::{changes, documents, identity, outbox};
use crate::{Device, DeviceError};

impl Device {
    /// Edits one resource of one document in one transaction. `edit` gives the key of the resource that it wrote.
    pub(crate) fn edit_document(
        &mut self,
        descriptor: &DocumentDescriptor,
        now: UnixMillis,
        edit: impl FnOnce(&mut DocumentEditor<'_>) -> Result<ResourceKey, RecordError>,
    ) -> Result<EditReceipt, DeviceError> {
        self.check_lease(now)?;
        let receipt = self.write(|tx, identity| edit_in(tx, identity, descriptor, now, edit));
        if let Err(DeviceError::Quarantined { document, reason }) = &receipt {
            self.note_unreadable(document, reason)?;
        }
        let receipt = receipt?;
        if receipt.change.is_some() {
            self.tell(&DeviceEvent::DocumentsChanged {
                documents: vec![receipt.document],
                charts: receipt.chart.clone().into_iter().collect(),
            });
            self.tell(&DeviceEvent::OutboxGrew);
        }
        Ok(receipt)
    }
}

fn edit_in(
    tx: &Transaction<'_>,
    identity: &Identity,
    descriptor: &DocumentDescriptor,
    now: UnixMillis,
    edit: impl FnOnce(&mut DocumentEditor<'_>) -> Result<ResourceKey, RecordError>,
) -> Result<EditReceipt, DeviceError> {
    let document = documents::find_or_add(tx, descriptor)?;
    let mut opened = projection::open_document(tx, &document)?;
    let actor = identity.author.actor(identity::incarnation(tx)?);
    let (resource, change) = opened.edit(&actor, now.0, edit)?;
    if let Some(change) = &change {
        append_own(tx, &document, change, now)?;
        sign_newest(tx, identity, &document, change)?;
        if document.stale {
            projection::project(tx, &document, &opened)?;
        } else {
            projection::project_only(tx, &document, &opened, std::slice::from_ref(&resource))?;
        }
        identity::saw(tx, now)?;
    }
    let change = change.map(|change| ChangeHash(change.meta.hash));
    Ok(EditReceipt { document: document.id, chart: document.chart(), resource, change })
}

/// Logs and queues a change made here. Refused before anything is written if no frame could carry it.
pub(crate) fn append_own(
    db: &Connection,
    document: &StoredDocument,
    change: &EncodedChange,
    now: UnixMillis,
) -> Result<(), DeviceError> {
    if change.bytes.len() > MAX_CHANGE_BYTES {
        return Err(DeviceError::ChangeTooLarge { bytes: change.bytes.len(), limit: MAX_CHANGE_BYTES });
    }
    let hash = ChangeHash(change.meta.hash);
    let row = changes::append(db, document.number, &hash, &change.meta.actor, &change.bytes, now)?;
    // Same transaction as the change: what the clinician sees saved is queued.
    outbox::enqueue(db, document.number, row, now)
}

/// Signs the newest change of this device's author; through the hash graph that covers the ones before it.
pub(crate) fn sign_newest(
    db: &Connection,
    identity: &Identity,
    document: &StoredDocument,
    change: &EncodedChange,
) -> Result<(), DeviceError> {
    sign(db, identity, document, &change.meta.actor, change.meta.seq, ChangeHash(change.meta.hash))
}

/// Signs a change of this device's author that is known by its hash.
pub(crate) fn sign(
    db: &Connection,
    identity: &Identity,
    document: &StoredDocument,
    actor: &[u8],
    seq: u64,
    tip: ChangeHash,
) -> Result<(), DeviceError> {
    let signature = ChangeSignature::sign(&identity.secret, identity.author, &document.id, tip);
    changes::keep_signature(db, document.number, actor, seq, &signature)
}
