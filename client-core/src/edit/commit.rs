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
use crate::trail::{self, Act};
use crate::{Device, DeviceError};

impl Device {
    /// Edits one resource of one document in one transaction. `edit` gives the key of the resource that it wrote.
    pub(crate) fn edit_document(
        &mut self,
        descriptor: &DocumentDescriptor,
        now: UnixMillis,
        edit: impl FnOnce(&mut DocumentEditor<'_>) -> Result<ResourceKey, RecordError>,
    ) -> Result<EditReceipt, DeviceError> {
        self.edit_document_as("edit", descriptor, now, edit)
    }

    /// As [`Self::edit_document`], with what the trail is to call it.
    pub(crate) fn edit_document_as(
        &mut self,
        action: &'static str,
        descriptor: &DocumentDescriptor,
        now: UnixMillis,
        edit: impl FnOnce(&mut DocumentEditor<'_>) -> Result<ResourceKey, RecordError>,
    ) -> Result<EditReceipt, DeviceError> {
        self.check_lease(now)?;
        let receipt = self.write(|tx, identity| {
            let receipt = edit_in(tx, identity, descriptor, now, edit)?;
            if receipt.change.is_some() {
                trail::record(tx, &Act::new(action, receipt.chart.as_ref(), vec![receipt.document]), now)?;
            }
            Ok(receipt)
        });
        if let Err(DeviceError::Quarantined { document, reason }) = &receipt {
            self.note_unreadable(document, reason)?;
        }
        let receipt = receipt?;
        self.tell_edited(&receipt);
        Ok(receipt)
    }

    /// Tells observers of an edit, after the commit.
    pub(crate) fn tell_edited(&self, receipt: &EditReceipt) {
        if receipt.change.is_some() {
            self.tell(&DeviceEvent::DocumentsChanged {
                documents: vec![receipt.document],
                charts: receipt.chart.clone().into_iter().collect(),
            });
            self.tell(&DeviceEvent::OutboxGrew);
        }
    }
}

pub(crate) fn edit_in(
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

#[cfg(test)]
mod tests {
    use clinical_record::ResourceKey;
    use serde_json::json;

    use super::*;
    use crate::NewPatient;
    use crate::testing::{NOW, enrolled};

    #[test]
    fn on_a_full_disk_an_edit_fails_clearly_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let chart = device.register_patient(&NewPatient::default(), NOW).unwrap();
        let pages: i64 = device.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        device.db.pragma_update(None, "max_page_count", pages + 2).unwrap();
        let big = json!({
            "resourceType": "AllergyIntolerance", "id": "a", "code": {"text": "x".repeat(100_000)},
            "patient": {"reference": format!("Patient/{}", chart.patient)},
        });
        assert_eq!(device.put_resource(&chart, &big, NOW), Err(DeviceError::StorageFull));
        let status = device.status(NOW).unwrap();
        assert_eq!((status.unsent, status.documents), (1, 1));
        device.db.pragma_update(None, "max_page_count", i64::from(i32::MAX)).unwrap();
        assert!(device.put_resource(&chart, &big, NOW).unwrap().change.is_some());
    }

    #[test]
    fn a_document_that_cannot_be_opened_is_set_apart_and_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let chart = device.register_patient(&NewPatient::default(), NOW).unwrap();
        let allergy = json!({
            "resourceType": "AllergyIntolerance", "id": "a",
            "patient": {"reference": format!("Patient/{}", chart.patient)},
        });
        let broken = device.put_resource(&chart, &allergy, NOW).unwrap().document;
        device
            .db
            .execute(
                "UPDATE change SET payload = zeroblob(9) WHERE document = (SELECT number FROM document WHERE id = ?1)",
                [broken.0],
            )
            .unwrap();
        let edited = device.mark_entered_in_error(&chart, &ResourceKey::new("AllergyIntolerance", "a"), NOW);
        assert!(matches!(edited, Err(DeviceError::Quarantined { document, .. }) if document == broken));
        let shown = device.chart(&chart, NOW).unwrap();
        assert_eq!((shown.quarantined.len(), shown.patient.is_some()), (1, true));
        assert_eq!(device.quarantined().unwrap()[0].document, broken);
    }
}
