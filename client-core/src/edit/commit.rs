//! The one way in which a change of this device comes to be: applied, logged, signed, queued and shown together.

use clinical_record::{DocumentEditor, EncodedChange, RecordDocument, RecordError, ResourceKey};
use rusqlite::{Connection, Transaction};
use sync_protocol::identity::ChangeSignature;
use sync_protocol::limits::MAX_CHANGE_BYTES;
use sync_protocol::{ChangeHash, DocumentDescriptor, UnixMillis};

use super::EditReceipt;
use super::kept_open::KeptOpen;
use super::settle::OpenConflicts;
use crate::observe::DeviceEvent;
use crate::projection;
use crate::store::documents::StoredDocument;
use crate::store::identity::Identity;
use crate::store::{changes, documents, identity, outbox};
use crate::trail::{self, Act};
use crate::{Device, DeviceError};

impl Device {
    /// Edits one resource of one document in one transaction. `edit` gives the key of the resource that it wrote.
    pub(crate) fn edit_document<E: Into<DeviceError>>(
        &mut self,
        descriptor: &DocumentDescriptor,
        now: UnixMillis,
        edit: impl FnOnce(&mut DocumentEditor<'_>) -> Result<ResourceKey, E>,
    ) -> Result<EditReceipt, DeviceError> {
        self.edit_document_as("edit", descriptor, now, edit)
    }

    /// As [`Self::edit_document`], with what the trail is to call it.
    pub(crate) fn edit_document_as<E: Into<DeviceError>>(
        &mut self,
        action: &'static str,
        descriptor: &DocumentDescriptor,
        now: UnixMillis,
        edit: impl FnOnce(&mut DocumentEditor<'_>) -> Result<ResourceKey, E>,
    ) -> Result<EditReceipt, DeviceError> {
        self.check_lease(now)?;
        let receipt = self.write_documents(|tx, identity, kept| {
            let receipt = edit_in(tx, (identity, kept), descriptor, now, edit)?;
            if receipt.change.is_some() {
                trail::record(tx, &Act::new(action, receipt.chart.as_ref(), vec![receipt.document]), now)?;
            }
            Ok(receipt)
        });
        if let Err(DeviceError::Quarantined { document, reason }) = &receipt {
            self.note_unreadable(document, reason)?;
        }
        let receipt = receipt?;
        self.tell_edited(&receipt, now);
        Ok(receipt)
    }

    /// Tells observers of an edit, after the commit.
    pub(crate) fn tell_edited(&mut self, receipt: &EditReceipt, now: UnixMillis) {
        if receipt.change.is_some() {
            self.tell(&DeviceEvent::DocumentsChanged {
                documents: vec![receipt.document],
                charts: receipt.chart.clone().into_iter().collect(),
            });
            self.tell(&DeviceEvent::OutboxGrew);
            self.run_live_queries(now);
        }
    }
}

/// What an edit of several resources of one document did.
pub(crate) struct Edited {
    pub(crate) document: StoredDocument,
    pub(crate) resources: Vec<ResourceKey>,
    /// None if all was so already.
    pub(crate) change: Option<ChangeHash>,
}

pub(crate) fn edit_in<E: Into<DeviceError>>(
    tx: &Transaction<'_>,
    author: (&Identity, &mut KeptOpen),
    descriptor: &DocumentDescriptor,
    now: UnixMillis,
    edit: impl FnOnce(&mut DocumentEditor<'_>) -> Result<ResourceKey, E>,
) -> Result<EditReceipt, DeviceError> {
    let edited = edit_several(tx, author, descriptor, now, |editor| Ok::<_, E>(vec![edit(editor)?]))?;
    let (document, change) = (edited.document.id, edited.change);
    let resource = edited.resources.into_iter().next().ok_or(DeviceError::Invalid("an edit of nothing"))?;
    Ok(EditReceipt { document, chart: edited.document.chart(), resource, change })
}

/// Makes one change of a document. `edit` gives the keys of the resources that it wrote.
pub(crate) fn edit_several<E: Into<DeviceError>>(
    tx: &Transaction<'_>,
    (identity, kept): (&Identity, &mut KeptOpen),
    descriptor: &DocumentDescriptor,
    now: UnixMillis,
    edit: impl FnOnce(&mut DocumentEditor<'_>) -> Result<Vec<ResourceKey>, E>,
) -> Result<Edited, DeviceError> {
    let document = documents::find_or_add(tx, descriptor)?;
    let mut opened = kept.take(tx, &document)?;
    let actor = identity.author.actor(identity::incarnation(tx)?);
    let open = if opened.linear { OpenConflicts::default() } else { OpenConflicts::of(&opened.record) };
    let (resources, change) = edit_opened(&mut opened.record, &actor, now, edit)?;
    if let Some(change) = &change {
        open.check(&opened.record, &change.meta.hash)?;
        append_own(tx, &document, change, now)?;
        sign_newest(tx, identity, &document, change)?;
        match document.stale {
            true => projection::project(tx, &document, &opened.record)?,
            false => projection::project_only(tx, &document, (&opened.record, opened.linear), &resources)?,
        }
    }
    kept.keep(tx, &document, opened, change.as_ref().map_or(0, |change| change.bytes.len()))?;
    Ok(Edited { document, resources, change: change.map(|change| ChangeHash(change.meta.hash)) })
}

/// Edits an opened document with an edit that can fail for reasons of this crate.
fn edit_opened<T, E: Into<DeviceError>>(
    opened: &mut RecordDocument,
    actor: &[u8],
    now: UnixMillis,
    edit: impl FnOnce(&mut DocumentEditor<'_>) -> Result<T, E>,
) -> Result<(T, Option<EncodedChange>), DeviceError> {
    let mut cause = None;
    let done = opened.edit(actor, now.0, |editor| {
        edit(editor).map_err(|error| match error.into() {
            DeviceError::Content(error) => error,
            other => {
                cause = Some(other);
                RecordError::Abandoned("refused")
            }
        })
    });
    done.map_err(|error| cause.unwrap_or(DeviceError::Content(error)))
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
        let chart = device
            .register_patient(&NewPatient { family: Some("Silva".into()), ..NewPatient::default() }, NOW)
            .unwrap();
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
        let chart = device
            .register_patient(&NewPatient { family: Some("Silva".into()), ..NewPatient::default() }, NOW)
            .unwrap();
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
        // What is kept open is not read again.
        device.kept_open.close_all();
        let edited = device.mark_entered_in_error(&chart, &ResourceKey::new("AllergyIntolerance", "a"), "twice", NOW);
        assert!(matches!(edited, Err(DeviceError::Quarantined { document, .. }) if document == broken));
        let shown = device.chart(&chart, NOW).unwrap();
        assert_eq!((shown.quarantined.len(), shown.patient.is_some()), (1, true));
        assert_eq!(device.quarantined().unwrap()[0].document, broken);
    }
}
