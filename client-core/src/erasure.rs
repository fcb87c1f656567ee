//! Erasing a profile on the relay's order: a device that is lost gives up its charts the next time it is reached.
//!
//! First the trail and the unsent work go to the relay, for [`ERASE_AFTER_MS`] at most; from the order on charts are closed.
//! Then everything but the identity is overwritten, a receipt says so, and once the relay has it the identity goes too.

use std::collections::BTreeSet;

use rusqlite::Connection;
use sync_protocol::{DocumentId, UnixMillis};

use crate::observe::DeviceEvent;
use crate::store::identity::Order;
use crate::store::kept_work::KeptState;
use crate::store::outbox::OutboxState;
use crate::store::{self, erase, identity, kept_work, outbox, receipts, trail};
use crate::trail::{self as acts, Act};
use crate::{Device, DeviceError, profile, purge};

/// For so long after the order a device tries to hand over what was not sent, in milliseconds. It is presumed lost.
pub const ERASE_AFTER_MS: i64 = 5 * 60 * 1000;

impl Device {
    /// Whether this profile was erased, or is about to be, on the relay's order.
    ///
    /// # Errors
    /// Storage.
    pub fn is_erased(&self) -> Result<bool, DeviceError> {
        Ok(erase::is_erased(&self.db)? || identity::order(&self.db)? != Order::None)
    }

    /// The relay ordered it: charts are closed from here on. The same order again changes nothing.
    pub(crate) fn order_erasure(&mut self, now: UnixMillis) -> Result<(), DeviceError> {
        if identity::order(&self.db)? != Order::None {
            return Ok(());
        }
        let deadline = self.note_elapsed(now)?.saturating_add(ERASE_AFTER_MS);
        self.write(|tx, _| {
            acts::record(tx, &Act::new("wipe", None, Vec::new()).because("ordered by the relay"), now)?;
            // What the relay does not have would be lost otherwise: a privacy officer decides on it.
            kept_work::queue_all(tx)?;
            outbox::requeue_refused(tx)?;
            identity::set_order(tx, Order::Until(deadline))
        })?;
        self.shown.forget_all();
        Ok(())
    }

    /// The relay does not order it any more, and nothing was erased yet.
    pub(crate) fn cancel_erasure(&mut self) -> Result<(), DeviceError> {
        if let Order::Until(_) = identity::order(&self.db)? {
            identity::set_order(&self.db, Order::None)?;
        }
        Ok(())
    }

    /// Erases if the time to hand over unsent work is over. True if it was.
    pub(crate) fn erase_if_due(&mut self, now: UnixMillis) -> Result<bool, DeviceError> {
        if self.identity.is_none() {
            return Ok(false);
        }
        match identity::order(&self.db)? {
            Order::Until(deadline) if self.elapsed(now) >= deadline => self.erase(now).map(|()| true),
            _ => Ok(false),
        }
    }

    /// The relay answered what was handed over: there is as much time again for what is left.
    pub(crate) fn goes_on_handing_over(&mut self, now: UnixMillis) -> Result<(), DeviceError> {
        if let Order::Until(deadline) = identity::order(&self.db)? {
            let later = self.elapsed(now).saturating_add(ERASE_AFTER_MS);
            identity::set_order(&self.db, Order::Until(deadline.max(later)))?;
        }
        Ok(())
    }

    /// Overwrites everything but the identity and what of the trail was not sent. What work is lost by it goes on record.
    pub(crate) fn erase(&mut self, now: UnixMillis) -> Result<(), DeviceError> {
        self.kept_open.close_all();
        self.write(|tx, _| {
            record_lost(tx, now)?;
            erase::content(tx)?;
            receipts::queue(tx, &[], true, true, now)?;
            identity::set_order(tx, Order::Done)
        })?;
        self.shown.forget_all();
        store::erase_damaged_files(&self.folder)?;
        self.overwrite()?;
        self.tell(&DeviceEvent::DocumentsChanged { documents: Vec::new(), charts: Vec::new() });
        Ok(())
    }

    /// Whether everything but the identity is erased. What a crash left half done is finished.
    pub(crate) fn was_erased(&mut self) -> Result<bool, DeviceError> {
        if identity::order(&self.db)? != Order::Done {
            return Ok(false);
        }
        if receipts::newest_unclean(&self.db)?.is_some() {
            store::erase_damaged_files(&self.folder)?;
            self.overwrite()?;
        }
        Ok(true)
    }

    /// The relay has the receipt: the identity goes too. A profile that is not encrypted can be enrolled anew; of an encrypted one
    /// key and files go, and only a note is left that it was wiped.
    pub(crate) fn forget_identity(&mut self, now: UnixMillis) -> Result<(), DeviceError> {
        self.write(|tx, _| {
            trail::forget_all(tx)?;
            erase::identity(tx, now)
        })?;
        self.identity = None;
        self.wiped = true;
        self.overwrite()?;
        if self.key.is_some() { profile::wipe::on_order(&self.folder, now) } else { Ok(()) }
    }

    /// Makes what was deleted unreadable in the file and in the log.
    fn overwrite(&mut self) -> Result<(), DeviceError> {
        let through = receipts::newest_unclean(&self.db)?;
        // Zeros over what was deleted first, before the file is cut shorter.
        self.cut_log()?;
        self.db.execute_batch(purge::REWRITE)?;
        // Not before: what the zeros do not cover is gone only now.
        match (self.cut_log()?, through) {
            (true, Some(through)) => receipts::set_clean(&self.db, through),
            _ => Ok(()),
        }
    }
}

/// Records how much work the relay does not have, and in which documents, before it is erased.
fn record_lost(db: &Connection, now: UnixMillis) -> Result<(), DeviceError> {
    let queued = outbox::all(db)?.into_iter().filter(|held| held.state != OutboxState::Custody);
    let kept = kept_work::all(db)?.into_iter();
    let kept = kept.filter(|kept| !matches!(kept.state, KeptState::Custody | KeptState::Returned));
    let lost: Vec<DocumentId> = queued.map(|held| held.document).chain(kept.map(|kept| kept.document)).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let documents: BTreeSet<DocumentId> = lost.iter().copied().collect();
    let reason = format!("{} changes that had not reached the relay were erased", lost.len());
    acts::record(db, &Act::new("wipe", None, documents.into_iter().collect()).because(&reason), now)
}

/// What every call says of an erased profile, where it was.
pub(crate) fn refuse_if_erased(db: &Connection) -> Result<(), DeviceError> {
    match identity::order(db)? {
        Order::None => Ok(()),
        Order::Until(_) | Order::Done => Err(DeviceError::Wiped),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewPatient;
    use crate::testing::{NOW, enrolled, files_hold};

    #[test]
    fn a_crash_between_emptying_and_overwriting_is_made_good() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let patient = NewPatient { family: Some("Zyxwvuts".into()), ..NewPatient::default() };
        device.register_patient(&patient, NOW).unwrap();
        device.order_erasure(NOW).unwrap();
        device
            .write(|tx, _| {
                erase::content(tx)?;
                receipts::queue(tx, &[], true, true, NOW)?;
                identity::set_order(tx, Order::Done)
            })
            .unwrap();
        // The process ends here: the log still holds what was written before.
        assert!(files_hold(folder.path(), "Zyxwvuts"));
        assert!(receipts::next(&device.db, 0).unwrap().is_none(), "nothing is claimed yet");
        assert!(device.was_erased().unwrap());
        assert!(!files_hold(folder.path(), "Zyxwvuts"));
        assert!(receipts::next(&device.db, 0).unwrap().is_some());
    }
}
