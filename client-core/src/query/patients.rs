//! The patient list, narrowed down and in pages; a person with several registrations is one row.

use serde::{Deserialize, Serialize};
use sync_protocol::UnixMillis;

use super::{Page, concealed};
use crate::store::patients::PatientFilter;
use crate::{Device, DeviceError};

/// Most patients that are looked at for one list.
const EVERYBODY: usize = 1_000_000;

/// Which patients to list; each condition narrows it down.
#[derive(Clone, Default)]
pub struct PatientQuery {
    /// Words to search for, and the organization; see [`Device::patients`].
    pub filter: PatientFilter,
    /// FHIR administrative gender.
    pub gender: Option<String>,
    /// Born on this FHIR date or later; a date of lower precision counts as its beginning.
    pub born_from: Option<String>,
    /// Born before this FHIR date.
    pub born_before: Option<String>,
    /// Also registrations that another replaces.
    pub with_replaced: bool,
}

/// A patient of the list.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PatientRow {
    /// The organization that manages the chart.
    pub organization: String,
    /// FHIR id of the Patient.
    pub patient: String,
    /// Display name.
    pub name: String,
    /// FHIR date.
    pub birth_date: Option<String>,
    /// FHIR administrative gender.
    pub gender: Option<String>,
    /// Identifier values, joined by a comma.
    pub identifiers: String,
    /// Registrations that this one replaces, and that are shown with it.
    pub replaces: u32,
    /// Its registrations were merged in ways that contradict one another.
    pub disputed: bool,
}

concealed!(PatientQuery, PatientRow);

impl Device {
    /// Patients by name. A registration that another one on this device replaces is shown with that one, not by itself.
    /// Recorded as `search`, with every patient shown.
    ///
    /// # Errors
    /// [`DeviceError::LeaseExpired`], [`DeviceError::NotEnrolled`]; storage.
    pub fn list_patients(
        &mut self,
        query: &PatientQuery,
        page: Page,
        now: UnixMillis,
    ) -> Result<Vec<PatientRow>, DeviceError> {
        self.check_lease(now)?;
        let persons = self.merged_persons()?;
        let mut found = crate::store::patients::list(&self.db, &query.filter, EVERYBODY, 0)?;
        found.retain(|patient| {
            let replaced = persons.iter().any(|person| person.hides(&patient.chart));
            let born = patient.birth_date.as_deref();
            (query.with_replaced || !replaced)
                && query.gender.as_ref().is_none_or(|gender| patient.gender.as_ref() == Some(gender))
                && query.born_from.as_deref().is_none_or(|from| born.is_some_and(|born| born >= from))
                && query.born_before.as_deref().is_none_or(|before| born.is_some_and(|born| born < before))
        });
        let given = page.of(found);
        self.record_listing(&given, now)?;
        let row = |patient: crate::PatientEntry| {
            let person = persons.iter().find(|person| person.survivor == patient.chart.patient);
            PatientRow {
                organization: patient.chart.organization.to_string(),
                patient: patient.chart.patient.to_string(),
                name: patient.name,
                birth_date: patient.birth_date,
                gender: patient.gender,
                identifiers: patient.identifiers.join(", "),
                replaces: person
                    .map_or(0, |person| u32::try_from(person.charts.len().saturating_sub(1)).unwrap_or(u32::MAX)),
                disputed: person.is_some_and(|person| person.disputed),
            }
        };
        Ok(given.into_iter().map(row).collect())
    }
}
