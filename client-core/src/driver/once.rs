//! One sync: connect, catch up, send everything, end.

use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::engine_loop::EngineLoop;
use super::{DriverOptions, SharedDevice};
use crate::sync::{Input, RoundBudget, SyncEvent};
use crate::{ConnectionError, DeviceError};

/// Fewer bytes of a frame in all of [`DriverOptions::patience`] are no progress.
const PROGRESS_BYTES: u64 = 1_024;

/// What one sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// Documents that something new came for, each counted at each delivery.
    pub documents: u64,
    /// Changes received.
    pub changes: u64,
    /// Changes sent that are in the relay's log now.
    pub sent: u64,
    /// Changes sent that the relay keeps from others.
    pub custody: u64,
    /// Changes that the relay refused.
    pub refused: u64,
    /// Deliveries that went to quarantine.
    pub quarantined: u64,
    /// Documents that were taken back and removed.
    pub withdrawn: u64,
    /// Bytes of messages to the relay.
    pub bytes_up: u64,
    /// Bytes of messages from the relay.
    pub bytes_down: u64,
    /// How long it took, connecting included.
    pub duration: Duration,
    /// The budget was spent before device and relay agreed: another round goes on from here.
    pub cut_short: bool,
}

impl SyncReport {
    fn advanced(&self) -> bool {
        self.documents + self.sent + self.custody + self.refused + self.withdrawn > 0
    }
}

/// Syncs once, until device and relay agree and nothing waits to be sent. `progress` is told what happens.
///
/// # Errors
/// [`DeviceError::Connection`], [`DeviceError::Relay`], [`DeviceError::Diverged`], [`DeviceError::NotEnrolled`]; storage.
/// What was received and sent until then counts and is not repeated.
pub async fn sync_once(
    device: &SharedDevice,
    options: &DriverOptions,
    progress: impl FnMut(&SyncEvent),
) -> Result<SyncReport, DeviceError> {
    sync_within(device, options, RoundBudget::default(), progress).await
}

/// As [`sync_once`], ending early when `budget` is spent: for a job in the background. [`SyncReport::cut_short`] says so.
///
/// # Errors
/// As [`sync_once`]. Abandoning it is safe at any moment: what was stored counts.
pub async fn sync_within(
    device: &SharedDevice,
    options: &DriverOptions,
    budget: RoundBudget,
    mut progress: impl FnMut(&SyncEvent),
) -> Result<SyncReport, DeviceError> {
    let (started, begun) = (Instant::now(), tokio::time::Instant::now());
    let mut sync = EngineLoop::new(device, options)?;
    let mut report = SyncReport::default();
    let mut events = sync.take(Input::Start)?;
    let mut heard = 0;
    let outcome = loop {
        if let Some(outcome) = count(&mut report, events, &mut progress) {
            break outcome;
        }
        if sync.engine.is_settled() && device.lock()?.is_up_to_date()? {
            break Ok(());
        }
        let bytes = sync.traffic.up + sync.traffic.down;
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if budget.is_spent(bytes, elapsed_ms, report.advanced()) {
            report.cut_short = true;
            break Ok(());
        }
        let patience = sync.last_frame + options.patience;
        let until = budget.time_ms.map_or(patience, |time| patience.min(begun + Duration::from_millis(time)));
        events = match timeout_at(until, sync.step()).await {
            Ok(events) => events?,
            // Steps end often for other reasons; only silence counts.
            Err(_) if sync.last_frame + options.patience > tokio::time::Instant::now() => Vec::new(),
            // Part of a large frame: no ping comes to so many bytes.
            Err(_) if sync.bytes_heard() > heard + PROGRESS_BYTES => {
                (heard, sync.last_frame) = (sync.bytes_heard(), tokio::time::Instant::now());
                Vec::new()
            }
            Err(_) => break Err(silent().into()),
        };
    };
    (report.bytes_up, report.bytes_down) = (sync.traffic.up, sync.traffic.down);
    sync.finish().await?;
    report.duration = started.elapsed();
    outcome.map(|()| report)
}

/// Counts what happened. Gives the end of the sync if this was it.
fn count(
    report: &mut SyncReport,
    events: Vec<SyncEvent>,
    progress: &mut impl FnMut(&SyncEvent),
) -> Option<Result<(), DeviceError>> {
    let mut end = None;
    for event in events {
        progress(&event);
        match event {
            SyncEvent::Received { documents, changes, .. } => {
                report.documents += documents.len() as u64;
                report.changes += changes;
            }
            SyncEvent::Sent { accepted, custody, refused } => {
                report.sent += accepted;
                report.custody += custody;
                report.refused += refused;
            }
            SyncEvent::Quarantined { .. } => report.quarantined += 1,
            SyncEvent::Withdrawn { documents } => report.withdrawn += documents.len() as u64,
            SyncEvent::Diverged => end = Some(Err(DeviceError::Diverged)),
            SyncEvent::Retrying { cause, .. } => end = Some(Err(cause.into())),
            SyncEvent::Stopped { cause } => end = Some(cause.map_or(Ok(()), |cause| Err(cause.into()))),
            _ => {}
        }
    }
    end
}

fn silent() -> ConnectionError {
    ConnectionError::Lost { detail: "the relay said nothing for too long".into() }
}
