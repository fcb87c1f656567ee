//! What the engine reads and writes of where the sync stands.

use sync_protocol::frame::{CaughtUp, Inventory, Resume, Welcome};
use sync_protocol::identity::SecretKey;
use sync_protocol::{Checksum, EpochId, RelayId, UnixMillis};

use crate::push::CUSTODY_FULL;
use crate::status::{CatchUp, ConnectionState, Link};
use crate::store::{emergency, identity, incoming, kept_work, outbox, receipts, sums, sync_state};
use crate::{Device, DeviceError};

/// Entries in one inventory frame.
const INVENTORY_ENTRIES: usize = 5_000;

impl Device {
    /// What to open a session with. Forgets documents that came half: the relay starts over from the cursor. Queues
    /// what the relay had no room for.
    pub(super) fn begin_connection(&mut self) -> Result<(SecretKey, Resume), DeviceError> {
        let secret = self.enrolled_identity()?.secret.clone();
        self.write(|tx, _| {
            incoming::clear(tx)?;
            outbox::requeue_refused_because(tx, CUSTODY_FULL)?;
            kept_work::requeue_refused_because(tx, CUSTODY_FULL)
        })?;
        Ok((secret, sync_state::resume(&self.db)?))
    }

    pub(super) fn set_link(&mut self, connection: ConnectionState, caught_up: bool) {
        self.link = Link { connection, caught_up, catch_up: None };
    }

    /// The relay says how many documents are to come.
    pub(super) fn expect(&mut self, documents: u64) {
        self.link.catch_up = Some(CatchUp { documents, received: 0 });
    }

    /// Some are here. Gives how far it has come.
    pub(super) fn arrived(&mut self, documents: u64) -> Option<CatchUp> {
        if let Some(catch_up) = &mut self.link.catch_up {
            // What changes meanwhile may come a second time.
            catch_up.received = catch_up.documents.min(catch_up.received + documents);
        }
        self.link.catch_up
    }

    pub(super) fn relay(&self) -> Option<RelayId> {
        self.identity.as_ref().map(|identity| identity.relay)
    }

    /// The epoch of the relay that the stored place belongs to.
    pub(super) fn epoch(&self) -> Result<Option<EpochId>, DeviceError> {
        Ok(sync_state::resume(&self.db)?.epoch)
    }

    /// The relay knows us: renews the lease. Gives this device's clock minus the relay's, in milliseconds.
    pub(super) fn welcomed(&mut self, welcome: &Welcome, now: UnixMillis) -> Result<i64, DeviceError> {
        let skew_ms = now.0.saturating_sub(welcome.now.0);
        let elapsed = self.note_elapsed(now)?;
        self.relay_ahead_ms = Some(welcome.now.0.saturating_sub(elapsed));
        self.write(|tx, _| {
            emergency::reckon(tx, welcome.now, elapsed)?;
            identity::renew_lease(tx, now, welcome.lease_ms)?;
            sync_state::set_clock_skew(tx, skew_ms)
        })?;
        Ok(skew_ms)
    }

    /// What is held and shared, in frames of at most [`INVENTORY_ENTRIES`]; one frame at least.
    pub(super) fn inventory(&self) -> Result<Vec<Inventory>, DeviceError> {
        let entries = sums::inventory(&self.db)?;
        let mut frames: Vec<Inventory> =
            entries.chunks(INVENTORY_ENTRIES).map(|some| Inventory { documents: some.to_vec(), more: true }).collect();
        match frames.last_mut() {
            Some(last) => last.more = false,
            None => frames.push(Inventory { documents: Vec::new(), more: false }),
        }
        Ok(frames)
    }

    /// Whether everything is to be erased, as the relay says now: `ordered`. What was erased stays so.
    pub(super) fn heed_order(&mut self, ordered: bool, now: UnixMillis) -> Result<bool, DeviceError> {
        match ordered {
            true => self.order_erasure(now)?,
            false => self.cancel_erasure()?,
        }
        Ok(ordered || self.was_erased()?)
    }

    /// A receipt is on the relay's disk. True if it was the one that everything was erased.
    pub(super) fn receipt_kept(&mut self, receipt: u64) -> Result<bool, DeviceError> {
        receipts::kept(&self.db, receipt)
    }

    /// When the next thing is due by the device's own time.
    pub(super) fn next_due(&mut self, now: UnixMillis) -> Result<Option<UnixMillis>, DeviceError> {
        let erasure = match identity::order(&self.db)? {
            identity::Order::Until(deadline) => Some(deadline),
            identity::Order::None | identity::Order::Done => None,
        };
        let due = erasure.into_iter().chain(emergency::next_end(&self.db)?).min();
        let elapsed = self.elapsed(now);
        Ok(due.map(|due| now.plus(due.saturating_sub(elapsed).max(0))))
    }

    pub(super) fn shared_sum(&self) -> Result<Checksum, DeviceError> {
        sums::total(&self.db)
    }

    pub(super) fn store_place(&mut self, caught_up: &CaughtUp, epoch: &EpochId) -> Result<(), DeviceError> {
        sync_state::set_cursor(&self.db, &caught_up.cursor, epoch)
    }

    pub(super) fn agreed(&mut self, now: UnixMillis) -> Result<(), DeviceError> {
        sync_state::agreed(&self.db, now)
    }

    /// Notes that device and relay differ. `for_good`: everything was compared already.
    pub(super) fn disagreed(&mut self, for_good: bool) -> Result<(), DeviceError> {
        sync_state::disagreed(&self.db, for_good)
    }
}
