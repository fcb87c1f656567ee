//! The medicines that a patient is on.

use std::collections::BTreeSet;

use clinical_record::facts::ChartSection;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_protocol::UnixMillis;

use super::concealed;
use crate::store::rows::{StoredRow, Wanted};
use crate::{ChartRef, Device, DeviceError};

/// A medicine that the patient is on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MedicationRow {
    /// The organization whose chart it is in.
    pub organization: String,
    /// The registration that it is of.
    pub patient: String,
    /// `MedicationRequest/id` or `MedicationStatement/id`.
    pub resource: String,
    /// Which medicine.
    pub medication: String,
    /// How it is taken, in words.
    pub dosage: Option<String>,
    /// Since when.
    pub since: Option<String>,
    /// FHIR status: active, on-hold.
    pub status: Option<String>,
    /// Something about it is in conflict: what is shown is one of several values.
    pub in_conflict: bool,
}

concealed!(MedicationRow);

impl Device {
    /// The medicines that a patient is on: ordered or stated, and neither stopped nor taken back.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage.
    pub fn medications_now(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Vec<MedicationRow>, DeviceError> {
        let section = Some(ChartSection::Medications);
        let found = self.wanted(chart, &Wanted { section, current: true, json: true, ..Wanted::default() }, now)?;
        let mut disputed = BTreeSet::new();
        for chart in found.iter().map(|row| &row.chart).collect::<BTreeSet<_>>() {
            let conflicts = self.conflicts(chart, now)?;
            disputed.extend(conflicts.into_iter().map(|conflict| (conflict.document, conflict.key)));
        }
        self.record_rows(&found, now)?;
        Ok(found.iter().map(|row| medication(row, disputed.contains(&(row.document, row.key.clone())))).collect())
    }
}

fn medication(row: &StoredRow, in_conflict: bool) -> MedicationRow {
    let json = row.json.as_ref().unwrap_or(&Value::Null);
    let dosages = json.get("dosageInstruction").or_else(|| json.get("dosage")).and_then(Value::as_array);
    let texts = dosages.into_iter().flatten().filter_map(|dosage| dosage["text"].as_str());
    let dosage = texts.collect::<Vec<_>>().join("; ");
    MedicationRow {
        organization: row.chart.organization.to_string(),
        patient: row.chart.patient.to_string(),
        resource: row.key.to_string(),
        medication: row.summary.clone(),
        dosage: (!dosage.is_empty()).then_some(dosage),
        since: row.date.clone(),
        status: row.status.clone(),
        in_conflict,
    }
}
