//! A clinical act: what a use case of [`clinical_record::clinical`] makes, put into the chart's documents in one transaction.

use std::collections::BTreeMap;

use clinical_record::clinical::{ClinicalEdit, ClinicalError, EditWarning, Entry};
use clinical_record::{DocumentEditor, ResourceKey};
use rusqlite::Transaction;
use serde_json::Value;
use sync_protocol::{ChangeHash, DocumentDescriptor, DocumentId, UnixMillis};

use super::commit::edit_several;
use super::kept_open::KeptOpen;
use super::validity;
use crate::descriptor::descriptor_of;
use crate::observe::DeviceEvent;
use crate::random::fresh_id;
use crate::store::identity::Identity;
use crate::store::{documents, resources};
use crate::trail::{self, Act};
use crate::{ChartRef, Device, DeviceError, fhir_time};

/// For whom, in which visit and when something is entered. Who enters it is who the device is enrolled for.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'o> {
    /// The patient's chart.
    pub chart: &'o ChartRef,
    /// FHIR id of the Encounter it happens in; what is entered goes to that encounter's document.
    pub encounter: Option<&'o str>,
    /// Now, by this device's clock. Shown, never used to order.
    pub now: UnixMillis,
}

impl<'o> Occasion<'o> {
    /// Outside any visit.
    #[must_use]
    pub fn new(chart: &'o ChartRef, now: UnixMillis) -> Self {
        Self { chart, encounter: None, now }
    }

    /// In a visit. `encounter`: FHIR id of an Encounter of the chart.
    #[must_use]
    pub fn during(self, encounter: &'o str) -> Self {
        Self { encounter: Some(encounter), ..self }
    }
}

/// What a clinical act did. Once it is returned it survives a loss of power.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActReceipt {
    /// What was put, in the order of the act.
    pub resources: Vec<ResourceKey>,
    /// The changes it made, one a document; empty if all was so already.
    pub changes: Vec<(DocumentId, ChangeHash)>,
    /// What is unusual about it and should be looked at again.
    pub warnings: Vec<EditWarning>,
}

impl Device {
    /// Does a clinical act that makes something new.
    pub(crate) fn act(
        &mut self,
        occasion: &Occasion<'_>,
        make: impl FnOnce(&Entry<'_>) -> Result<ClinicalEdit, ClinicalError>,
    ) -> Result<ActReceipt, DeviceError> {
        self.act_in(occasion, |_, entry| Ok(make(entry)?))
    }

    /// Does a clinical act on a resource of the chart.
    pub(crate) fn act_on(
        &mut self,
        occasion: &Occasion<'_>,
        key: &ResourceKey,
        make: impl FnOnce(&Entry<'_>, &Value) -> Result<ClinicalEdit, ClinicalError>,
    ) -> Result<ActReceipt, DeviceError> {
        self.act_in(occasion, |tx, entry| Ok(make(entry, &in_chart(tx, occasion.chart, key)?)?))
    }

    fn act_in(
        &mut self,
        occasion: &Occasion<'_>,
        make: impl FnOnce(&Transaction<'_>, &Entry<'_>) -> Result<ClinicalEdit, DeviceError>,
    ) -> Result<ActReceipt, DeviceError> {
        self.check_lease(occasion.now)?;
        self.ensure_chart_projected(occasion.chart)?;
        let id = self.fresh_id();
        let (chart, now) = (occasion.chart.clone(), occasion.now);
        let receipt = self.write_documents(|tx, identity, kept| {
            if let Some(encounter) = occasion.encounter {
                in_chart(tx, &chart, &ResourceKey::new("Encounter", encounter))?;
            }
            let moment = fhir_time::instant(now);
            let entry = Entry {
                patient: chart.patient.as_str(),
                encounter: occasion.encounter,
                author: identity.practitioner.as_str(),
                now: &moment,
                id: &id,
            };
            let edit = make(tx, &entry)?;
            store(tx, (identity, kept), "edit", std::slice::from_ref(&chart), edit, now)
        });
        self.acted(receipt, &[chart], now)
    }

    /// Sets apart a document that turned out not to open, and tells observers of what was done.
    pub(crate) fn acted(
        &mut self,
        receipt: Result<ActReceipt, DeviceError>,
        charts: &[ChartRef],
        now: UnixMillis,
    ) -> Result<ActReceipt, DeviceError> {
        if let Err(DeviceError::Quarantined { document, reason }) = &receipt {
            self.note_unreadable(document, reason)?;
        }
        let receipt = receipt?;
        if !receipt.changes.is_empty() {
            let documents = receipt.changes.iter().map(|(document, _)| *document).collect();
            self.tell(&DeviceEvent::DocumentsChanged { documents, charts: charts.to_vec() });
            self.tell(&DeviceEvent::OutboxGrew);
            self.run_live_queries(now);
        }
        Ok(receipt)
    }

    /// A FHIR id that nothing has yet.
    pub(crate) fn fresh_id(&mut self) -> String {
        fresh_id(&mut *self.randomness)
    }
}

/// Puts the resources of an edit into the documents of `charts` that hold them or should, inside the caller's transaction.
/// A resource that names the patient of none of the charts is refused.
pub(crate) fn store(
    tx: &Transaction<'_>,
    (identity, kept): (&Identity, &mut KeptOpen),
    action: &'static str,
    charts: &[ChartRef],
    edit: ClinicalEdit,
    now: UnixMillis,
) -> Result<ActReceipt, DeviceError> {
    let mut receipt = ActReceipt { warnings: edit.warnings, ..ActReceipt::default() };
    let mut by_document: BTreeMap<DocumentDescriptor, Vec<Value>> = BTreeMap::new();
    for (placed, resource) in edit.resources {
        let key = ResourceKey::of(&resource)?;
        let chart = charts.iter().find(|chart| placed.patient.as_deref() == Some(chart.patient.as_str()));
        let chart = chart.ok_or_else(|| DeviceError::WrongChart { resource: key.to_string() })?;
        let descriptor = match holding(tx, chart, &key)? {
            Some(descriptor) => descriptor,
            None if key.resource_type != "Patient" && documents::of_chart(tx, chart)?.is_empty() => {
                return Err(DeviceError::UnknownPatient { patient: chart.patient.to_string() });
            }
            None => descriptor_of(&placed, &chart.organization)?,
        };
        receipt.resources.push(key);
        by_document.entry(descriptor).or_default().push(resource);
    }
    let mut touched: BTreeMap<Option<ChartRef>, Vec<DocumentId>> = BTreeMap::new();
    for (descriptor, resources) in by_document {
        let reason = edit.reason.as_deref();
        let put = |editor: &mut DocumentEditor<'_>| put_all(editor, &resources, reason);
        let edited = edit_several(tx, (identity, &mut *kept), &descriptor, now, put)?;
        if let Some(change) = edited.change {
            receipt.changes.push((edited.document.id, change));
            touched.entry(edited.document.chart()).or_default().push(edited.document.id);
        }
    }
    for (chart, documents) in touched {
        trail::record(tx, &Act::new(action, chart.as_ref(), documents), now)?;
    }
    Ok(receipt)
}

fn put_all(
    editor: &mut DocumentEditor<'_>,
    resources: &[Value],
    reason: Option<&str>,
) -> Result<Vec<ResourceKey>, DeviceError> {
    if let Some(reason) = reason {
        editor.set_message(reason);
    }
    resources.iter().map(|resource| validity::put(editor, resource)).collect()
}

/// A resource of a chart.
pub(crate) fn in_chart(tx: &Transaction<'_>, chart: &ChartRef, key: &ResourceKey) -> Result<Value, DeviceError> {
    let unknown = || DeviceError::UnknownResource { resource: key.to_string() };
    let held = documents::of_chart(tx, chart)?;
    let numbers: Vec<i64> = held.iter().map(|document| document.number).collect();
    let holder = resources::holder(tx, &numbers, key)?.ok_or_else(unknown)?;
    resources::json(tx, holder, key)?.ok_or_else(unknown)
}

/// The descriptor of the document of a chart that holds a resource.
pub(crate) fn holding(
    tx: &rusqlite::Connection,
    chart: &ChartRef,
    key: &ResourceKey,
) -> Result<Option<DocumentDescriptor>, DeviceError> {
    let held = documents::of_chart(tx, chart)?;
    let numbers: Vec<i64> = held.iter().map(|document| document.number).collect();
    let holder = resources::holder(tx, &numbers, key)?;
    Ok(held.into_iter().find(|document| Some(document.number) == holder).map(|document| document.descriptor))
}
