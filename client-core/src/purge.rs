//! Removing documents that this device may no longer have: content, projections, search, free pages and the log.
//!
//! Unsent work in them is kept aside; a receipt is queued in the same transaction and stated once nothing is left. Deleting is
//! not enough for that: SQLite overwrites the rows it deletes, but not the copies of them that stay between the rows of a page
//! when pages are split and merged. So the file is rewritten too; that costs by its size, and is done once for many removals.

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

/// Leaves nothing in the file of what was deleted. The index of notes has no content of its own, so that deleting only marks
/// what it holds; merging its parts leaves that out.
pub(crate) const REWRITE: &str = "INSERT INTO note_search (note_search) VALUES ('optimize'); VACUUM";

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
    /// Removes these documents in one transaction. The receipt is stated once the file was rewritten, see
    /// [`Device::overwrite_removed`]; where an emergency access is over that is tried at once, connected or not.
    pub(crate) fn purge(&mut self, ids: &[DocumentId], cause: Cause, now: UnixMillis) -> Result<(), DeviceError> {
        self.kept_open.close_all();
        let removed = self.write(|tx, _| {
            let mut removed: BTreeMap<Option<ChartRef>, Vec<DocumentId>> = BTreeMap::new();
            let changes_before = tx.total_changes();
            let by_emergency = emergency::marked_among(tx, ids)?;
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
            referrals::forget_closed(tx)?;
            let any_removed = tx.total_changes() > changes_before;
            for (chart, documents) in &removed {
                let act = Act::new("purge", chart.as_ref(), documents.clone()).because(cause.words());
                trail::record(tx, &act, now)?;
            }
            for id in ids {
                emergency::unmark(tx, id)?;
            }
            let ended = removed.iter().filter(|(_, documents)| documents.iter().any(|id| by_emergency.contains(id)));
            ended.filter_map(|(chart, _)| chart.as_ref()).try_for_each(|chart| end_early(tx, chart))?;
            receipts::queue(tx, ids, false, any_removed, now)?;
            Ok(removed)
        })?;
        self.shown.forget_all();
        self.cut_log()?;
        if cause == Cause::EmergencyOver {
            // What fails is made good before the receipt is stated.
            self.overwrite_removed().or_else(|error| if error.is_storage() { Ok(false) } else { Err(error) })?;
        }
        let charts = removed.into_keys().flatten().collect();
        self.tell(&DeviceEvent::DocumentsChanged { documents: ids.to_vec(), charts });
        Ok(())
    }

    /// Writes the log back and cuts it: removed pages linger there until then. False if another process kept it from that.
    pub(crate) fn cut_log(&mut self) -> Result<bool, DeviceError> {
        let busy: i64 = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        Ok(busy == 0)
    }

    /// Rewrites the file without what was removed so far, and cuts the log; the receipts for it hold true then. False if
    /// another process kept it from that. Needs as much free disk as the database takes, and as much memory.
    ///
    /// # Errors
    /// Storage, for instance a full disk: the receipts are not stated then.
    pub(crate) fn overwrite_removed(&mut self) -> Result<bool, DeviceError> {
        let Some(through) = receipts::newest_unclean(&self.db)? else { return Ok(true) };
        if self.rewritten_through < through {
            self.db.execute_batch(REWRITE)?;
            self.rewritten_through = through;
        }
        let cut = self.cut_log()?;
        if cut {
            receipts::set_clean(&self.db, through)?;
        }
        Ok(cut)
    }
}

/// Nothing of a chart is left that was here by an emergency access: it is over, whatever its time was.
fn end_early(db: &Connection, chart: &ChartRef) -> Result<(), DeviceError> {
    let left: Vec<_> = documents::of_chart(db, chart)?.into_iter().map(|document| document.id).collect();
    if emergency::marked_among(db, &left)?.is_empty() { emergency::end_of_chart(db, chart) } else { Ok(()) }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::NewPatient;
    use crate::testing::{NOW, enrolled};

    #[test]
    fn a_receipt_is_not_stated_while_the_file_cannot_be_rewritten() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let patient = NewPatient { family: Some("Silva".into()), ..NewPatient::default() };
        device.register_patient(&patient, NOW).unwrap();
        let ids: Vec<DocumentId> = device.documents().unwrap().iter().map(|entry| entry.id).collect();
        device.purge(&ids, Cause::Withdrawn, NOW).unwrap();
        device.db.busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(folder.path().join("device.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(device.overwrite_removed().is_err());
        assert_eq!(receipts::next(&device.db, 0).unwrap(), None);
        // Reading does not stop the rewriting, but keeps the log from being cut.
        other.execute_batch("ROLLBACK; BEGIN; SELECT count(*) FROM document").unwrap();
        assert_eq!(device.overwrite_removed(), Ok(false));
        assert_eq!(receipts::next(&device.db, 0).unwrap(), None);
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(device.overwrite_removed(), Ok(true));
        assert_eq!(receipts::next(&device.db, 0).unwrap().unwrap().documents, ids);
    }
}
