//! A chart as it is opened: who, what by type, and what waits for a decision.

use std::collections::BTreeMap;

use clinical_record::ResourceKey;
use serde_json::Value;
use sync_protocol::{DocumentId, UnixMillis};

use super::{Conflict, Overridden};
use crate::receive::QuarantinedDocument;
use crate::store::patients::{self, PatientEntry};
use crate::store::resources::{self, ENTERED_IN_ERROR, ResourceEntry};
use crate::store::{documents, quarantine};
use crate::{ChartRef, Device, DeviceError};

/// The resources of one type, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceGroup {
    /// FHIR type name.
    pub resource_type: String,
    /// One entry each.
    pub resources: Vec<ResourceEntry>,
}

/// All that is known of one patient.
#[derive(Clone, PartialEq)]
pub struct Chart {
    /// Which.
    pub chart: ChartRef,
    /// Demographics; none while the patient's index has not arrived or may not be seen.
    pub patient: Option<PatientEntry>,
    /// By type name; without what was entered in error.
    pub groups: Vec<ResourceGroup>,
    /// What was entered in error: kept, and shown only when asked for.
    pub retracted: Vec<ResourceEntry>,
    /// Concurrent values that nobody has decided between.
    pub conflicts: Vec<Conflict>,
    /// Edits that a concurrent one made invisible and that nobody has looked at.
    pub overridden: Vec<Overridden>,
    /// Parts of the chart that cannot be shown, with the reasons.
    pub quarantined: Vec<QuarantinedDocument>,
    /// Own changes of it that are not in the relay's log.
    pub unsent: u64,
}

impl std::fmt::Debug for Chart {
    /// Which chart, and counts: the rest is patient content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let resources: usize = self.groups.iter().map(|group| group.resources.len()).sum();
        f.debug_struct("Chart").field("chart", &self.chart).field("resources", &resources).finish_non_exhaustive()
    }
}

impl Device {
    /// A chart. Recorded as `read`.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage. A part that cannot be opened is listed
    /// in [`Chart::quarantined`] and hides nothing else.
    pub fn chart(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Chart, DeviceError> {
        let documents = self.read_whole_chart(chart, now)?;
        let mut groups: BTreeMap<String, Vec<ResourceEntry>> = BTreeMap::new();
        let (mut unsent, mut quarantined, mut retracted) = (0, Vec::new(), Vec::new());
        let kept = quarantine::all(&self.db)?;
        for document in &documents {
            for entry in resources::of_document(&self.db, document.number)? {
                if entry.status.as_deref() == Some(ENTERED_IN_ERROR) {
                    retracted.push(entry);
                    continue;
                }
                groups.entry(entry.key.resource_type.clone()).or_default().push(entry);
            }
            unsent += crate::store::outbox::count_of_document(&self.db, document.number)?;
            let held_back = kept.iter().find(|(id, ..)| *id == document.id);
            let reasons = document.unreadable.clone().map(|reason| (reason, None));
            let reasons = reasons.or_else(|| held_back.map(|(_, reason, since)| (reason.clone(), Some(*since))));
            quarantined.extend(reasons.map(|(reason, since)| QuarantinedDocument {
                document: document.id,
                reason,
                since,
            }));
        }
        let groups = groups.into_iter().map(|(resource_type, mut resources)| {
            resources.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.key.cmp(&b.key)));
            ResourceGroup { resource_type, resources }
        });
        let inbox = self.inbox_of(&documents)?;
        Ok(Chart {
            chart: chart.clone(),
            patient: patients::find(&self.db, chart)?,
            groups: groups.collect(),
            retracted,
            conflicts: inbox.conflicts,
            overridden: inbox.overridden,
            quarantined,
            unsent,
        })
    }

    /// A resource of a chart, as FHIR JSON. The document that holds it is recorded as `read`.
    ///
    /// # Errors
    /// [`DeviceError::UnknownResource`], [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage.
    pub fn resource(&mut self, chart: &ChartRef, key: &ResourceKey, now: UnixMillis) -> Result<Value, DeviceError> {
        let documents = self.chart_documents(chart, now)?;
        let unknown = || DeviceError::UnknownResource { resource: key.to_string() };
        let (document, found) = self.json_in(&documents, key)?.ok_or_else(unknown)?;
        self.record_reading(chart, [document], now)?;
        Ok(found)
    }

    /// A resource of any directory on this device, as FHIR JSON. Of no patient, so not recorded.
    ///
    /// # Errors
    /// [`DeviceError::UnknownResource`], [`DeviceError::LeaseExpired`]; storage.
    pub fn directory_resource(&mut self, key: &ResourceKey, now: UnixMillis) -> Result<Value, DeviceError> {
        self.check_lease(now)?;
        let documents = documents::of_directories(&self.db)?;
        self.ensure_projected(&documents)?;
        let found = self.json_in(&documents, key)?.map(|(_, found)| found);
        found.ok_or_else(|| DeviceError::UnknownResource { resource: key.to_string() })
    }

    /// What the directories on this device hold. Of no patient, so not recorded.
    ///
    /// # Errors
    /// [`DeviceError::LeaseExpired`]; storage.
    pub fn directory(&mut self, now: UnixMillis) -> Result<Vec<ResourceEntry>, DeviceError> {
        self.check_lease(now)?;
        let documents = documents::of_directories(&self.db)?;
        self.ensure_projected(&documents)?;
        let mut entries = Vec::new();
        for document in &documents {
            entries.extend(resources::of_document(&self.db, document.number)?);
        }
        Ok(entries)
    }

    fn json_in(
        &self,
        documents: &[documents::StoredDocument],
        key: &ResourceKey,
    ) -> Result<Option<(DocumentId, Value)>, DeviceError> {
        let numbers: Vec<i64> = documents.iter().map(|document| document.number).collect();
        let Some(holder) = resources::holder(&self.db, &numbers, key)? else { return Ok(None) };
        let document = documents.iter().find(|document| document.number == holder).map(|document| document.id);
        Ok(document.zip(resources::json(&self.db, holder, key)?))
    }
}
