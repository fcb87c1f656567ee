//! What the device can truly say of itself: sent, not sent, up to date, and what stands in the way.

use std::collections::BTreeMap;

use sync_protocol::frame::OrganizationKey;
use sync_protocol::{ChangeHash, DocumentId, UnixMillis};

use crate::receive::QuarantinedDocument;
use crate::store::kept_work::{self, KeptChange, KeptState};
use crate::store::outbox::{self, OutboxState};
use crate::store::{documents, emergency, patients, receipts, referrals, sync_state, trust};
use crate::trail::TrailStatus;
use crate::{ChartRef, Device, DeviceError, draft};

/// Where the connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionState {
    /// Not connected, and not trying.
    #[default]
    Offline,
    /// Trying to connect, now or after a pause.
    Connecting,
    /// Connected and catching up.
    CatchingUp,
    /// Connected; what the relay has comes as it happens.
    Live,
    /// The relay refused this device; it is not tried again by itself.
    Refused,
}

/// What the sync engine knows of the present connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) connection: ConnectionState,
    /// The relay said on this connection that everything was sent, and the checksums agree.
    pub(crate) caught_up: bool,
    /// Until then.
    pub(crate) catch_up: Option<CatchUp>,
}

/// How far catching up has come. Documents, not bytes: their sizes are known when they are here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// Documents that the relay said were to come.
    pub documents: u64,
    /// Those of them that are here and complete; never more than there were to come.
    pub received: u64,
}

/// An own change that is not in the relay's log and is not being sent any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldChange {
    /// The document.
    pub document: DocumentId,
    /// The chart; none for the directory.
    pub chart: Option<ChartRef>,
    /// The change.
    pub change: ChangeHash,
    /// In custody or refused.
    pub state: OutboxState,
    /// Why.
    pub reason: String,
    /// When it was made, by this device's clock.
    pub made_at: UnixMillis,
}

/// Own work on one chart that is not in the relay's log, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChartWork {
    /// Changes that wait to be sent.
    pub unsent: u64,
    /// Changes that a privacy officer has to decide on.
    pub in_custody: u64,
    /// Changes that the relay does not take.
    pub refused: u64,
    /// Changes of a chart that was taken back, kept aside.
    pub kept_aside: u64,
    /// Resources with work that a privacy officer returned.
    pub drafts: u64,
}

/// The state of the device. "Up to date" and "sent" stand here only when they are true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceStatus {
    /// Where the connection of this process stands.
    pub connection: ConnectionState,
    /// Everything the relay has for this device is here, and it has everything that may be sent.
    pub up_to_date: bool,
    /// While it catches up: how far that is. None before the relay has said how much is to come, and once all is here.
    pub catch_up: Option<CatchUp>,
    /// When device and relay last agreed, by this device's clock.
    pub last_synced: Option<UnixMillis>,
    /// Changes that wait to be sent, those of an emergency that is over included.
    pub unsent: u64,
    /// The same for each chart; none is the directory.
    pub unsent_per_chart: Vec<(Option<ChartRef>, u64)>,
    /// What is not in the relay's log yet, chart by chart; none is the directory. Charts without any are left out.
    pub work_per_chart: Vec<(Option<ChartRef>, ChartWork)>,
    /// Receipts for removed documents that the relay has not acknowledged.
    pub receipts_owed: u64,
    /// Changes that the relay keeps from others or refused, with the reasons.
    pub held: Vec<HeldChange>,
    /// Unsent changes in documents that the relay took back. They are sent if the right returns.
    pub kept_aside: Vec<KeptChange>,
    /// What was received and could not be accepted or opened.
    pub quarantined: Vec<QuarantinedDocument>,
    /// Organizations that showed another key than the pinned one, with that key.
    pub changed_keys: Vec<OrganizationKey>,
    /// Device and relay differ even after comparing everything.
    pub diverged: bool,
    /// Milliseconds for which charts may still be used without the relay; negative once that is over.
    pub lease_remaining_ms: i64,
    /// This device's clock minus the relay's at the last connect, in milliseconds.
    pub clock_skew_ms: Option<i64>,
    /// Documents held.
    pub documents: u64,
    /// Patients listed.
    pub patients: u64,
    /// The audit trail.
    pub trail: TrailStatus,
}

impl Device {
    /// The state of the device. Works past the lease too.
    ///
    /// # Errors
    /// [`DeviceError::NotEnrolled`]; storage.
    pub fn status(&self, now: UnixMillis) -> Result<DeviceStatus, DeviceError> {
        self.enrolled_identity()?;
        let record = sync_state::record(&self.db)?;
        let unsent = outbox::count(&self.db, OutboxState::Queued)? + kept_work::queued(&self.db)?.len() as u64;
        Ok(DeviceStatus {
            connection: self.link.connection,
            up_to_date: self.link.caught_up && unsent == 0 && !record.diverged,
            catch_up: self.link.catch_up,
            last_synced: record.last_synced,
            unsent,
            unsent_per_chart: self.unsent_per_chart()?,
            work_per_chart: self.work_per_chart()?,
            receipts_owed: receipts::count(&self.db)?,
            held: self.held_changes()?,
            kept_aside: kept_work::all(&self.db)?,
            quarantined: self.quarantined()?,
            changed_keys: trust::changed_keys(&self.db)?,
            diverged: record.diverged,
            lease_remaining_ms: self.lease_remaining_ms(now)?,
            clock_skew_ms: record.clock_skew_ms,
            documents: documents::count(&self.db)?,
            patients: patients::count(&self.db)?,
            trail: self.trail_status()?,
        })
    }

    /// Whether everything is here and everything sent; the short form of [`Device::status`].
    ///
    /// # Errors
    /// Storage.
    pub fn is_up_to_date(&self) -> Result<bool, DeviceError> {
        let waits = outbox::has_queued(&self.db)? || kept_work::has_queued(&self.db)?;
        Ok(self.link.caught_up && !waits && !sync_state::record(&self.db)?.diverged)
    }

    /// Whether work waits to be sent; the audit trail aside.
    pub(crate) fn has_unsent_work(&self) -> Result<bool, DeviceError> {
        Ok(outbox::has_queued(&self.db)? || kept_work::has_queued(&self.db)?)
    }

    /// Whether somebody waits for the relay's answer to a request that it does not have.
    pub(crate) fn awaits_an_answer(&self) -> Result<bool, DeviceError> {
        Ok(emergency::next_waiting(&self.db, 0)?.is_some() || !referrals::waiting(&self.db)?.is_empty())
    }

    /// Queues again what the relay refused or keeps, for instance after a right was granted. Gives how many.
    ///
    /// # Errors
    /// Storage.
    pub fn send_held_again(&mut self) -> Result<usize, DeviceError> {
        let queued = self.write(|tx, _| outbox::requeue(tx))?;
        self.tell(&crate::DeviceEvent::OutboxGrew);
        Ok(queued)
    }

    fn unsent_per_chart(&self) -> Result<Vec<(Option<ChartRef>, u64)>, DeviceError> {
        let mut unsent: BTreeMap<Option<ChartRef>, u64> = BTreeMap::new();
        for (chart, state, count) in outbox::counted(&self.db)? {
            if state == OutboxState::Queued {
                *unsent.entry(chart).or_default() += count;
            }
        }
        for chart in kept_work::queued(&self.db)? {
            *unsent.entry(chart).or_default() += 1;
        }
        Ok(unsent.into_iter().collect())
    }

    fn work_per_chart(&self) -> Result<Vec<(Option<ChartRef>, ChartWork)>, DeviceError> {
        let mut work: BTreeMap<Option<ChartRef>, ChartWork> = BTreeMap::new();
        for (chart, state, count) in outbox::counted(&self.db)? {
            let of_chart = work.entry(chart).or_default();
            match state {
                OutboxState::Queued => of_chart.unsent += count,
                OutboxState::Custody => of_chart.in_custody += count,
                OutboxState::Refused => of_chart.refused += count,
            }
        }
        for kept in kept_work::all(&self.db)? {
            let of_chart = work.entry(kept.chart).or_default();
            match kept.state {
                KeptState::Custody => of_chart.in_custody += 1,
                _ => of_chart.kept_aside += 1,
            }
        }
        for (chart, count) in draft::counted(&self.db)? {
            work.entry(chart).or_default().drafts += count;
        }
        Ok(work.into_iter().collect())
    }

    fn held_changes(&self) -> Result<Vec<HeldChange>, DeviceError> {
        let held = outbox::not_accepted(&self.db)?;
        let shown = held.into_iter().map(|held| HeldChange {
            document: held.document,
            chart: held.chart,
            change: held.hash,
            state: held.state,
            reason: held.reason.unwrap_or_default(),
            made_at: held.queued_at,
        });
        Ok(shown.collect())
    }
}
