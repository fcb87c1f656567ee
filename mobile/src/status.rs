//! What the device can truly say of itself: sent, not sent, up to date.

use client_core::{ChartRef, ConnectionState, DeviceStatus, UnixMillis};

use crate::{SatchelDevice, SatchelError};

/// Where the connection stands.
#[uniffi::remote(Enum)]
pub enum ConnectionState {
    /// Not connected, and not trying.
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

/// Own work on one chart that is not in the relay's log, counted.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ChartWorkCount {
    /// Which chart; none is the directory.
    pub chart: Option<ChartRef>,
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

/// The state of the device.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Status {
    /// Where the connection stands.
    pub connection: ConnectionState,
    /// Everything the relay has for this device is here, and it has everything that may be sent.
    pub up_to_date: bool,
    /// Changes that wait to be sent.
    pub unsent: u64,
    /// Own changes that the relay keeps from others or refused.
    pub held: u64,
    /// Own changes of charts that were taken back.
    pub kept_aside: u64,
    /// Resources with work that a privacy officer returned.
    pub drafts: u64,
    /// What is not in the relay's log yet, chart by chart.
    pub work: Vec<ChartWorkCount>,
    /// Entries of the audit trail that the relay does not have yet.
    pub trail_unsent: u64,
    /// Receipts for removed documents that the relay has not acknowledged.
    pub receipts_owed: u64,
    /// Documents that cannot be accepted or opened.
    pub quarantined: u64,
    /// Device and relay differ even after comparing everything.
    pub diverged: bool,
    /// When device and relay last agreed, by this device's clock.
    pub last_synced: Option<UnixMillis>,
    /// Milliseconds for which charts may still be used without the relay; negative once that is over.
    pub lease_remaining_ms: i64,
    /// This device's clock minus the relay's at the last connect, in milliseconds.
    pub clock_skew_ms: Option<i64>,
    /// Documents held.
    pub documents: u64,
    /// Patients listed.
    pub patients: u64,
}

impl From<DeviceStatus> for Status {
    fn from(status: DeviceStatus) -> Self {
        let work: Vec<ChartWorkCount> = status
            .work_per_chart
            .into_iter()
            .map(|(chart, work)| ChartWorkCount {
                chart,
                unsent: work.unsent,
                in_custody: work.in_custody,
                refused: work.refused,
                kept_aside: work.kept_aside,
                drafts: work.drafts,
            })
            .collect();
        Self {
            connection: status.connection,
            up_to_date: status.up_to_date,
            unsent: status.unsent,
            held: status.held.len() as u64,
            kept_aside: status.kept_aside.len() as u64,
            drafts: work.iter().map(|work| work.drafts).sum(),
            work,
            trail_unsent: status.trail.unsent,
            receipts_owed: status.receipts_owed,
            quarantined: status.quarantined.len() as u64,
            diverged: status.diverged,
            last_synced: status.last_synced,
            lease_remaining_ms: status.lease_remaining_ms,
            clock_skew_ms: status.clock_skew_ms,
            documents: status.documents,
            patients: status.patients,
        }
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// What is sent, unsent and held back. Works past the lease too.
    pub fn status(&self) -> Result<Status, SatchelError> {
        self.with(|device, now| device.status(now)).map(Status::from)
    }

    /// Tries again what could not be accepted or opened. Gives how many documents changed.
    pub fn retry_quarantined(&self) -> Result<u64, SatchelError> {
        self.with(|device, now| device.retry_quarantined(None, now)).map(|applied| applied.documents.len() as u64)
    }
}
