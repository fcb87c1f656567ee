//! Removing documents that this device may no longer have: content, projections, search, free pages and the log.
//!
//! Unsent work in them is kept aside; a receipt is queued in the same transaction and stated once nothing is left.

use std::collections::BTreeMap;

use rusqlite::Connection;
use sync_protocol::{Compartment, DocumentId, UnixMillis};

use crate::observe::DeviceEvent;
use crate::store::documents::StoredDocument;
use crate::store::kept_work::KeptState;
use crate::store::{
    changes, documents, drafts, emergency, incoming, kept_work, outbox, patients, quarantine, receipts, referrals,
    resources, sealed, sums,
};
use crate::trail::{self, Act};
use crate::{ChartRef, Device, DeviceError};

/// Why documents are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The relay took them back.
    Withdrawn,
    /// The time of an emergency access is over.
    EmergencyOver,
}

impl Cause {
    fn words(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn by the relay",
            Self::EmergencyOver => "emergency access is over",
        }
    }

    /// What becomes of work that was not sent. What was written in an emergency goes to the relay at once.
    fn unsent(self) -> KeptState {
        match self {
            Self::Withdrawn => KeptState::Kept,
            Self::EmergencyOver => KeptState::Queued,
        }
    }
}

impl Device {
    /// Removes these documents in one transaction. What secure_delete overwrites is not read back.
    pub(crate) fn purge(&mut self, ids: &[DocumentId], cause: Cause, now: UnixMillis) -> Result<(), DeviceError> {
        let removed = self.write(|tx, _| {
            let mut removed: BTreeMap<Option<ChartRef>, Vec<DocumentId>> = BTreeMap::new();
            for id in ids {
                quarantine::release(tx, id)?;
                incoming::forget(tx, id)?;
                sums::forget(tx, id)?;
                drafts::reduce(tx, id)?;
                if cause == Cause::Withdrawn {
                    sealed::forget(tx, id)?;
                } else {
                    sealed::closed(tx, id)?;
                }
                if let Some(document) = documents::find(tx, id)? {
                    kept_work::keep(tx, &document, cause.unsent())?;
                    remove(tx, &document)?;
                    removed.entry(document.chart()).or_default().push(*id);
                }
            }
            for (chart, documents) in &removed {
                let act = Act::new("purge", chart.as_ref(), documents.clone()).because(cause.words());
                trail::record(tx, &act, now)?;
            }
            for id in ids {
                emergency::unmark(tx, id)?;
            }
            referrals::forget_closed(tx)?;
            receipts::queue(tx, ids, false, now)?;
            Ok(removed)
        })?;
        self.shown.forget_all();
        self.cut_log()?;
        let charts = removed.into_keys().flatten().collect();
        self.tell(&DeviceEvent::DocumentsChanged { documents: ids.to_vec(), charts });
        Ok(())
    }

    /// Writes the log back and cuts it: removed pages linger there until then. False if another process kept it from that.
    pub(crate) fn cut_log(&mut self) -> Result<bool, DeviceError> {
        let busy: i64 = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy == 0 {
            receipts::set_clean(&self.db)?;
        }
        Ok(busy == 0)
    }
}

/// Removes a document whose unsent work is kept elsewhere.
pub(crate) fn remove(db: &Connection, document: &StoredDocument) -> Result<(), DeviceError> {
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
