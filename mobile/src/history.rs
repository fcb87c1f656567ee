//! Looking back: who changed what, the chart as it was, what changed between two moments, what was signed.

use client_core::{
    ChangeHash, ChartChange, ChartHistoryEntry, ChartRef, ElementPath, OrganizationId, PractitionerId, ResourceKey,
    SignedNote, UnixMillis,
};

use crate::types::Json;
use crate::{SatchelDevice, SatchelError};

/// One change of a chart.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct HistoryEntry {
    /// The change.
    pub change: ChangeHash,
    /// Who made it; none while no trusted certificate of theirs is here.
    pub practitioner: Option<PractitionerId>,
    /// What the directory calls them.
    pub practitioner_name: Option<String>,
    /// For which organization.
    pub organization: Option<OrganizationId>,
    /// When, by the author's clock. For display.
    pub time: UnixMillis,
    /// Why, where the author said it.
    pub message: Option<String>,
    /// Whether a valid signature of its author covers it.
    pub signed: bool,
    /// Whether the relay has it.
    pub sent: bool,
    /// What it touched: `Type/id` and element.
    pub touched: Vec<String>,
}

impl From<ChartHistoryEntry> for HistoryEntry {
    fn from(entry: ChartHistoryEntry) -> Self {
        let touched = entry.touched.iter().map(|touched| format!("{} {}", touched.key, touched.path));
        Self {
            change: entry.change,
            touched: touched.map(|touched| touched.trim_end().to_owned()).collect(),
            practitioner: entry.author.practitioner,
            practitioner_name: entry.author.name,
            organization: entry.author.organization,
            time: entry.time,
            message: entry.message,
            signed: entry.signed,
            sent: entry.sent,
        }
    }
}

/// A chart as it was at a moment.
#[derive(Clone, PartialEq, uniffi::Record)]
pub struct ChartThen {
    /// Its resources, FHIR JSON each.
    pub resources: Vec<Json>,
    /// Changes left out because a clock was wrong. Other than 0, the moment is not to be relied on.
    pub out_of_order: u64,
}

/// An element of a chart that differs between two moments.
#[derive(Clone, PartialEq, uniffi::Record)]
pub struct ElementDiff {
    /// `Type/id`.
    pub resource: ResourceKey,
    /// The element; empty when the whole resource came or went.
    pub path: ElementPath,
    /// Its value before, FHIR JSON; none when it was not there.
    pub before: Option<Json>,
    /// Its value after; none when it is not there any more.
    pub after: Option<Json>,
}

impl From<ChartChange> for ElementDiff {
    fn from(found: ChartChange) -> Self {
        let change = found.change;
        Self { resource: change.key, path: change.path, before: change.before, after: change.after }
    }
}

/// The last version of a note that someone signed.
#[derive(Clone, PartialEq, uniffi::Record)]
pub struct Signed {
    /// Who signed.
    pub practitioner: Option<PractitionerId>,
    /// When, by the signer's clock. For display.
    pub time: UnixMillis,
    /// The note as the signer saw it, FHIR JSON.
    pub note: Json,
    /// It says something else by now.
    pub altered: bool,
}

impl From<SignedNote> for Signed {
    fn from(signed: SignedNote) -> Self {
        let practitioner = signed.author.practitioner;
        Self { practitioner, time: signed.time, note: signed.signed, altered: signed.altered }
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// The changes of a chart, or of one resource of it, in causal order within a document.
    pub fn history(&self, chart: ChartRef, only: Option<ResourceKey>) -> Result<Vec<HistoryEntry>, SatchelError> {
        let entries = self.with(|device, now| device.history(&chart, only.as_ref(), now))?;
        Ok(entries.into_iter().map(HistoryEntry::from).collect())
    }

    /// A chart as it was written by a moment, by its authors' clocks.
    pub fn chart_as_of(&self, chart: ChartRef, moment: UnixMillis) -> Result<ChartThen, SatchelError> {
        let then = self.with(|device, now| device.chart_as_of(&chart, moment, now))?;
        Ok(ChartThen { resources: then.resources, out_of_order: then.out_of_order as u64 })
    }

    /// What of a chart differs between two moments, element by element.
    pub fn compare_chart(
        &self,
        chart: ChartRef,
        from: UnixMillis,
        until: UnixMillis,
    ) -> Result<Vec<ElementDiff>, SatchelError> {
        let found = self.with(|device, now| device.compare_chart(&chart, from, until, now))?;
        Ok(found.into_iter().map(ElementDiff::from).collect())
    }

    /// The version of a note that was signed; none for one that is not.
    pub fn signed_note(&self, chart: ChartRef, note: ResourceKey) -> Result<Option<Signed>, SatchelError> {
        Ok(self.with(|device, now| device.signed_note(&chart, &note, now))?.map(Signed::from))
    }

    /// The history of a chart as a Bundle of FHIR Provenance. Recorded as `export`.
    pub fn export_provenance(&self, chart: ChartRef, only: Option<ResourceKey>) -> Result<Json, SatchelError> {
        self.with(|device, now| device.export_provenance(&chart, only.as_ref(), now))
    }
}
