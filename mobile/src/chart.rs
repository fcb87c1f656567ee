//! Opening a chart, and reading one resource of it.

use client_core::{Chart, ChartRef, ResourceEntry, ResourceKey};

use crate::types::Json;
use crate::{ConflictFound, SatchelDevice, SatchelError};

/// A resource of a chart, in one line.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct ChartPart {
    /// `Type/id`.
    pub resource: ResourceKey,
    /// One line for a person.
    pub summary: String,
    /// When it applies, as FHIR writes it.
    pub date: Option<String>,
    /// Its status code.
    pub status: Option<String>,
}

impl From<ResourceEntry> for ChartPart {
    fn from(entry: ResourceEntry) -> Self {
        Self { resource: entry.key, summary: entry.summary, date: entry.date, status: entry.status }
    }
}

/// All that is known of one patient.
#[derive(Clone, PartialEq, uniffi::Record)]
pub struct OpenedChart {
    /// Which.
    pub chart: ChartRef,
    /// Display name; none while the patient's index is not here.
    pub name: Option<String>,
    /// FHIR date.
    pub birth_date: Option<String>,
    /// Its resources by type, each type's newest first; without what was entered in error.
    pub parts: Vec<ChartPart>,
    /// What was entered in error.
    pub retracted: Vec<ChartPart>,
    /// Concurrent values that nobody has decided between.
    pub conflicts: Vec<ConflictFound>,
    /// Parts of the chart that cannot be shown.
    pub quarantined: u64,
    /// Own changes of it that are not in the relay's log.
    pub unsent: u64,
}

impl From<Chart> for OpenedChart {
    fn from(chart: Chart) -> Self {
        let (name, birth_date) = chart.patient.map(|patient| (patient.name, patient.birth_date)).unzip();
        let parts = chart.groups.into_iter().flat_map(|group| group.resources);
        Self {
            chart: chart.chart,
            name,
            birth_date: birth_date.flatten(),
            parts: parts.map(ChartPart::from).collect(),
            retracted: chart.retracted.into_iter().map(ChartPart::from).collect(),
            conflicts: chart.conflicts.into_iter().map(ConflictFound::from).collect(),
            quarantined: chart.quarantined.len() as u64,
            unsent: chart.unsent,
        }
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// Opens a chart. Recorded as `read`.
    pub fn open_chart(&self, chart: ChartRef) -> Result<OpenedChart, SatchelError> {
        self.with(|device, now| device.chart(&chart, now)).map(OpenedChart::from)
    }

    /// A resource of a chart, FHIR JSON.
    pub fn resource(&self, chart: ChartRef, resource: ResourceKey) -> Result<Json, SatchelError> {
        self.with(|device, now| device.resource(&chart, &resource, now))
    }

    /// What the directories hold: organizations, practitioners, locations.
    pub fn directory(&self) -> Result<Vec<ChartPart>, SatchelError> {
        let entries = self.with(|device, now| device.directory(now))?;
        Ok(entries.into_iter().map(ChartPart::from).collect())
    }

    /// A resource of a directory, FHIR JSON.
    pub fn directory_resource(&self, resource: ResourceKey) -> Result<Json, SatchelError> {
        self.with(|device, now| device.directory_resource(&resource, now))
    }
}
