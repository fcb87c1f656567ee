//! Flat records that cross the boundary.

use client_core::driver::SyncReport;
use client_core::{ChartRef, DeviceStatus, OrganizationId, PatientEntry, PatientId};

use crate::SatchelError;

/// Addresses a chart.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ChartId {
    /// FHIR id of the organization that manages it.
    pub organization: String,
    /// FHIR id of the patient.
    pub patient: String,
}

impl TryFrom<ChartId> for ChartRef {
    type Error = SatchelError;

    fn try_from(id: ChartId) -> Result<Self, SatchelError> {
        Ok(Self {
            organization: OrganizationId::new(id.organization)
                .map_err(|_| SatchelError::invalid("the organization id"))?,
            patient: PatientId::new(id.patient).map_err(|_| SatchelError::invalid("the patient id"))?,
        })
    }
}

/// A patient of the list.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct PatientRow {
    /// The chart.
    pub chart: ChartId,
    /// Display name.
    pub name: String,
    /// FHIR date, perhaps partial.
    pub birth_date: Option<String>,
    /// FHIR administrative gender.
    pub gender: Option<String>,
}

impl From<PatientEntry> for PatientRow {
    fn from(entry: PatientEntry) -> Self {
        let chart = ChartId { organization: entry.chart.organization.into(), patient: entry.chart.patient.into() };
        Self { chart, name: entry.name, birth_date: entry.birth_date, gender: entry.gender }
    }
}

/// What one sync did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SyncSummary {
    /// Changes received.
    pub received: u64,
    /// Changes sent that are in the relay's log now.
    pub sent: u64,
    /// Changes that the relay keeps from others or refused.
    pub not_accepted: u64,
    /// Bytes to the relay.
    pub bytes_up: u64,
    /// Bytes from the relay.
    pub bytes_down: u64,
}

impl From<SyncReport> for SyncSummary {
    fn from(report: SyncReport) -> Self {
        Self {
            received: report.changes,
            sent: report.sent,
            not_accepted: report.custody + report.refused,
            bytes_up: report.bytes_up,
            bytes_down: report.bytes_down,
        }
    }
}

/// The device's state in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct StatusSummary {
    /// Changes that wait to be sent.
    pub unsent: u64,
    /// Own changes that the relay keeps from others or refused.
    pub held: u64,
    /// Resources with work that a privacy officer returned.
    pub drafts: u64,
    /// Entries of the audit trail that the relay does not have yet.
    pub trail_unsent: u64,
    /// Documents that cannot be accepted or opened.
    pub quarantined: u64,
    /// When device and relay last agreed, in milliseconds since the Unix epoch.
    pub last_synced_ms: Option<i64>,
    /// Milliseconds for which charts may still be used without the relay.
    pub lease_remaining_ms: i64,
}

impl From<DeviceStatus> for StatusSummary {
    fn from(status: DeviceStatus) -> Self {
        Self {
            unsent: status.unsent,
            held: status.held.len() as u64,
            drafts: status.work_per_chart.iter().map(|(_, work)| work.drafts).sum(),
            trail_unsent: status.trail.unsent,
            quarantined: status.quarantined.len() as u64,
            last_synced_ms: status.last_synced.map(|at| at.0),
            lease_remaining_ms: status.lease_remaining_ms,
        }
    }
}
