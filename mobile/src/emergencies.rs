//! Emergency access ("break the glass"): from the relay, or from what lies sealed on the device.

use client_core::{ChartRef, EmergencyAccess, EmergencyState, SealedChart, UnixMillis};

use crate::{SatchelDevice, SatchelError};

/// A chart of which something lies ready, sealed. What it is cannot be seen.
#[uniffi::remote(Record)]
pub struct SealedChart {
    /// Whose.
    pub chart: ChartRef,
    /// Documents that lie ready.
    pub documents: u64,
    /// For how long an opening would hold, in milliseconds.
    pub for_ms: u64,
    /// When the oldest of them was laid ready, by this device's clock.
    pub since: UnixMillis,
}

/// What became of a request for emergency access.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum EmergencyOutcome {
    /// It is sent as soon as the relay is reached.
    Waiting,
    /// The chart is open.
    Open {
        /// When it ends by itself, by the relay's clock.
        until: UnixMillis,
    },
    /// The relay refused it.
    Refused {
        /// Why, for a person.
        reason: String,
    },
    /// The relay was not reached in time: nothing was asked.
    Lapsed,
    /// It was open, and is over.
    Over,
}

/// A request for emergency access.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Emergency {
    /// Names it on this device.
    pub request: u64,
    /// The chart.
    pub chart: ChartRef,
    /// Purpose of use (v3-PurposeOfUse).
    pub purpose: String,
    /// When it was asked for, by this device's clock.
    pub asked_at: UnixMillis,
    /// What became of it.
    pub outcome: EmergencyOutcome,
}

impl From<EmergencyAccess> for Emergency {
    fn from(access: EmergencyAccess) -> Self {
        let outcome = match access.state {
            EmergencyState::Waiting => EmergencyOutcome::Waiting,
            EmergencyState::Open { until, .. } => EmergencyOutcome::Open { until },
            EmergencyState::Refused(reason) => EmergencyOutcome::Refused { reason },
            EmergencyState::Lapsed => EmergencyOutcome::Lapsed,
            EmergencyState::Over => EmergencyOutcome::Over,
        };
        let EmergencyAccess { request, chart, purpose, asked_at, .. } = access;
        Self { request, chart, purpose, asked_at, outcome }
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// Asks for emergency access to a chart; goes out as soon as the relay is reached, within a quarter of an hour. `purpose`:
    /// v3-PurposeOfUse, `ETREAT`; `reason`: in the practitioner's words, the privacy officer reads it. Gives the request.
    pub fn request_break_glass(&self, chart: ChartRef, purpose: String, reason: String) -> Result<u64, SatchelError> {
        self.with(|device, now| device.request_break_glass(&chart, &purpose, &reason, now))
    }

    /// All requests for emergency access made here, oldest first.
    pub fn emergencies(&self) -> Result<Vec<Emergency>, SatchelError> {
        let asked = self.with(|device, now| device.emergency_accesses(now))?;
        Ok(asked.into_iter().map(Emergency::from).collect())
    }

    /// Charts that lie ready for an emergency, by patient.
    pub fn sealed_charts(&self) -> Result<Vec<SealedChart>, SatchelError> {
        self.with(|device, now| device.sealed_charts(now))
    }

    /// Opens what lies sealed of a chart, without the relay, which hears of it later. Gives how many documents opened.
    pub fn break_glass_offline(&self, chart: ChartRef, purpose: String, reason: String) -> Result<u64, SatchelError> {
        let unsealed = self.with(|device, now| device.break_glass_offline(&chart, &purpose, &reason, now))?;
        Ok(unsealed.documents.len() as u64)
    }
}
