//! Registers a patient, after looking whether the person is known already: offline, over everyone on this device.

use clinical_record::clinical::{EditWarning, Entry, NewPatient, register_patient};
use clinical_record::duplicates::{PersonMatch, PersonTraits, compare_persons};
use clinical_record::{Compartment, ResourceKey};
use sync_protocol::{PatientId, UnixMillis};

use crate::edit::store;
use crate::store::patients::{self, PatientEntry};
use crate::{ChartRef, Device, DeviceError, fhir_time};

/// A registration that may be of the same person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PossibleDuplicate {
    /// The patient registered.
    pub patient: PatientEntry,
    /// How alike, and why.
    pub found: PersonMatch,
}

/// What came of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// A new chart was begun.
    Registered(ChartRef),
    /// Nothing was stored: the person may be one of these. A person decides.
    Known(Vec<PossibleDuplicate>),
}

impl Device {
    /// Registrations on this device that may be of this person, the most alike first: those that reach `at_least` of 100
    /// ([`clinical_record::duplicates::POSSIBLE`], [`clinical_record::duplicates::LIKELY`]). Recorded as `search`.
    ///
    /// Costs one pass over all Patients here.
    /// # Errors
    /// [`DeviceError::LeaseExpired`], [`DeviceError::NotEnrolled`]; storage.
    pub fn find_duplicates(
        &mut self,
        person: &PersonTraits,
        at_least: u8,
        now: UnixMillis,
    ) -> Result<Vec<PossibleDuplicate>, DeviceError> {
        self.check_lease(now)?;
        self.ensure_compartments_projected(&[Compartment::PatientIndex])?;
        let mut alike: Vec<(PersonMatch, ChartRef)> = Vec::new();
        patients::each_resource(&self.db, |chart, patient| {
            if let Some(traits) = PersonTraits::of_patient(&patient) {
                let found = compare_persons(person, &traits);
                if found.score >= at_least {
                    alike.push((found, chart));
                }
            }
        })?;
        alike.sort_by(|(a, one), (b, other)| (b.score, one).cmp(&(a.score, other)));
        let mut duplicates = Vec::with_capacity(alike.len());
        for (found, chart) in alike {
            if let Some(patient) = patients::find(&self.db, &chart)? {
                duplicates.push(PossibleDuplicate { patient, found });
            }
        }
        let shown: Vec<PatientEntry> = duplicates.iter().map(|one| one.patient.clone()).collect();
        self.record_listing(&shown, now)?;
        Ok(duplicates)
    }

    /// Other registrations that may be of the person of this chart.
    ///
    /// # Errors
    /// As [`Device::find_duplicates`]; [`DeviceError::UnknownPatient`].
    pub fn duplicates_of(
        &mut self,
        chart: &ChartRef,
        at_least: u8,
        now: UnixMillis,
    ) -> Result<Vec<PossibleDuplicate>, DeviceError> {
        let key = ResourceKey::new("Patient", chart.patient.as_str());
        let patient = self.resource(chart, &key, now)?;
        let traits = PersonTraits::of_patient(&patient).unwrap_or_default();
        let mut found = self.find_duplicates(&traits, at_least, now)?;
        found.retain(|one| one.patient.chart != *chart);
        Ok(found)
    }

    /// Registers a person unless registrations here reach `at_least`; see [`Device::find_duplicates`].
    ///
    /// # Errors
    /// As [`Device::register_patient`].
    pub fn register_unless_known(
        &mut self,
        new: &NewPatient,
        at_least: u8,
        now: UnixMillis,
    ) -> Result<Registration, DeviceError> {
        let known = self.find_duplicates(&PersonTraits::from(new), at_least, now)?;
        if !known.is_empty() {
            return Ok(Registration::Known(known));
        }
        Ok(Registration::Registered(self.register_patient(new, now)?))
    }

    /// What should be looked at again before a person is registered.
    ///
    /// # Errors
    /// [`DeviceError::Clinical`] for what would be refused.
    pub fn check_registration(&self, new: &NewPatient, now: UnixMillis) -> Result<Vec<EditWarning>, DeviceError> {
        let (author, moment) = (&self.enrolled_identity()?.practitioner, fhir_time::instant(now));
        let entry = Entry { patient: "p", encounter: None, author: author.as_str(), now: &moment, id: "p" };
        Ok(register_patient(&entry, new)?.warnings)
    }

    /// Starts a chart, managed by this device's organization, whoever else is registered.
    ///
    /// # Errors
    /// [`DeviceError::Clinical`] naming the element: neither name nor identifier, a date that does not exist;
    /// [`DeviceError::LeaseExpired`], [`DeviceError::NotEnrolled`]; storage.
    pub fn register_patient(&mut self, new: &NewPatient, now: UnixMillis) -> Result<ChartRef, DeviceError> {
        self.check_lease(now)?;
        let organization = self.enrolled_identity()?.organization.clone();
        let id = self.fresh_id();
        let chart = ChartRef { organization, patient: PatientId::new(id.as_str())? };
        let moment = fhir_time::instant(now);
        let receipt = self.write_documents(|tx, identity, kept| {
            let author = identity.practitioner.as_str();
            let entry = Entry { patient: &id, encounter: None, author, now: &moment, id: &id };
            let edit = register_patient(&entry, new)?;
            store(tx, (identity, kept), "edit", std::slice::from_ref(&chart), edit, now)
        });
        self.acted(receipt, std::slice::from_ref(&chart), now)?;
        Ok(chart)
    }
}
