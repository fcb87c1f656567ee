//! Work that is not with others: what became of each change, and what its author wrote in it, to be taken elsewhere.

use clinical_record::{Written, written};
use sync_protocol::{ChangeHash, DocumentId, UnixMillis};

use crate::store::kept_work::{self, KeptState};
use crate::store::outbox::OutboxState;
use crate::trail::Act;
use crate::{ChartRef, Device, DeviceError};

/// A change of this device's author that is not in the relay's log, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnWork {
    /// The document.
    pub document: DocumentId,
    /// The chart; none for the directory.
    pub chart: Option<ChartRef>,
    /// The change.
    pub change: ChangeHash,
    /// When it was made, by this device's clock.
    pub made_at: UnixMillis,
    /// What became of it.
    pub state: KeptState,
    /// Why, where the relay or a privacy officer said so.
    pub reason: Option<String>,
    /// The chart was taken back: only the author's own words are left of it here.
    pub taken_back: bool,
}

impl Device {
    /// Own changes that the relay keeps from others or refused, or that were kept aside when their chart was taken back.
    /// Past the lease too: it says which, not what.
    ///
    /// # Errors
    /// [`DeviceError::NotEnrolled`]; storage.
    pub fn own_work(&self, now: UnixMillis) -> Result<Vec<OwnWork>, DeviceError> {
        let status = self.status(now)?;
        let held = status.held.into_iter().map(|held| OwnWork {
            document: held.document,
            chart: held.chart,
            change: held.change,
            made_at: held.made_at,
            state: match held.state {
                OutboxState::Queued => KeptState::Queued,
                OutboxState::Custody => KeptState::Custody,
                OutboxState::Refused => KeptState::Refused,
            },
            reason: Some(held.reason).filter(|reason| !reason.is_empty()),
            taken_back: false,
        });
        let kept = status.kept_aside.into_iter().map(|kept| OwnWork {
            document: kept.document,
            chart: kept.chart,
            change: kept.change,
            made_at: kept.made_at,
            state: kept.state,
            reason: kept.reason,
            taken_back: true,
        });
        Ok(held.chain(kept).collect())
    }

    /// What the author wrote in one of [`Device::own_work`]. Each time recorded as `own-work-exported`.
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] if there is no such change; [`DeviceError::LeaseExpired`]; storage.
    pub fn export_own_work(&mut self, work: &OwnWork, now: UnixMillis) -> Result<Vec<Written>, DeviceError> {
        self.check_lease(now)?;
        let payload = kept_work::own_payload(&self.db, &work.document, &work.change)?
            .ok_or(DeviceError::Invalid("there is no such change among those that are not with others"))?;
        let told = written(&payload)?;
        self.record_act(&Act::new("own-work-exported", work.chart.as_ref(), vec![work.document]), now)?;
        Ok(told)
    }
}
