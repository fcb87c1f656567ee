//! Removes documents that this device may no longer have; unsent work in them is kept aside.

use std::collections::BTreeSet;

use rusqlite::Connection;
use sync_protocol::{ChangeHash, Compartment, DocumentId, UnixMillis};

use crate::observe::DeviceEvent;
use crate::store::documents::StoredDocument;
use crate::store::{changes, documents, identity, incoming, kept_work, outbox, patients, quarantine, resources, sums};
use crate::{ChartRef, Device, DeviceError, edit};

impl Device {
    /// Removes these documents in one transaction. What secure_delete overwrites is not read back.
    pub(crate) fn withdraw(&mut self, withdrawn: &[DocumentId]) -> Result<(), DeviceError> {
        let charts = self.write(|tx, _| {
            let mut charts = BTreeSet::new();
            for id in withdrawn {
                quarantine::release(tx, id)?;
                incoming::forget(tx, id)?;
                sums::forget(tx, id)?;
                if let Some(document) = documents::find(tx, id)? {
                    charts.extend(document.chart());
                    remove(tx, &document)?;
                }
            }
            Ok(charts)
        })?;
        // Removed pages linger in the log until it is written back and cut.
        self.db.pragma_update(None, "wal_checkpoint", "TRUNCATE").or_else(ignore_rows)?;
        let charts: Vec<ChartRef> = charts.into_iter().collect();
        self.tell(&DeviceEvent::DocumentsChanged { documents: withdrawn.to_vec(), charts });
        Ok(())
    }
}

/// The checkpoint pragma answers with a row, which is no failure.
fn ignore_rows(error: rusqlite::Error) -> Result<(), DeviceError> {
    match error {
        rusqlite::Error::ExecuteReturnedResults => Ok(()),
        error => Err(error.into()),
    }
}

fn remove(db: &Connection, document: &StoredDocument) -> Result<(), DeviceError> {
    kept_work::keep(db, document)?;
    outbox::forget_document(db, document.number)?;
    resources::clear(db, document.number)?;
    changes::forget_document(db, document.number)?;
    if document.descriptor.compartment == Compartment::PatientIndex
        && let Some(chart) = document.chart()
    {
        patients::remove(db, &chart)?;
    }
    documents::remove(db, document.number)
}

/// The document was given to this device again: work that was kept aside goes back into it and is queued.
///
/// Gives how many changes came back.
pub(super) fn restore_kept_work(
    db: &Connection,
    device: &identity::Identity,
    document: &StoredDocument,
    now: UnixMillis,
) -> Result<usize, DeviceError> {
    let mut restored = 0;
    for kept in kept_work::of_document(db, &document.id)? {
        if changes::has(db, document.number, &kept.hash)? {
            kept_work::forget(db, &document.id, &kept.hash)?;
            continue;
        }
        let meta = clinical_record::inspect_change(&kept.payload)?;
        for dep in &meta.deps {
            if !changes::has(db, document.number, &ChangeHash(*dep))? {
                // It builds on what has not come back: stays kept.
                return Ok(restored);
            }
        }
        let row = changes::append(db, document.number, &kept.hash, &kept.actor, &kept.payload, now)?;
        outbox::enqueue(db, document.number, row, kept.made_at)?;
        edit::sign(db, device, document, &kept.actor, meta.seq, kept.hash)?;
        kept_work::forget(db, &document.id, &kept.hash)?;
        restored += 1;
    }
    Ok(restored)
}
