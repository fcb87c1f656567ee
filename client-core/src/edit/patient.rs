//! Registers a patient who has no chart yet.

use serde_json::{Value, json};
use sync_protocol::{PatientId, UnixMillis};

use crate::random::fresh_id;
use crate::{ChartRef, Device, DeviceError};

/// What is known of a patient at first.
#[derive(Clone, Default)]
pub struct NewPatient {
    /// Family name.
    pub family: String,
    /// Given names, in order.
    pub given: Vec<String>,
    /// FHIR date: `1970`, `1970-01` or `1970-01-31`.
    pub birth_date: Option<String>,
    /// FHIR administrative gender: male, female, other, unknown.
    pub gender: Option<String>,
    /// (namespace URI, value).
    pub identifiers: Vec<(Option<String>, String)>,
}

impl std::fmt::Debug for NewPatient {
    /// Nothing of it: all of it is patient content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPatient").finish_non_exhaustive()
    }
}

impl Device {
    /// Starts a chart, managed by this device's organization.
    ///
    /// # Errors
    /// [`DeviceError::LeaseExpired`], [`DeviceError::NotEnrolled`]; storage.
    pub fn register_patient(&mut self, patient: &NewPatient, now: UnixMillis) -> Result<ChartRef, DeviceError> {
        let organization = self.enrolled_identity()?.organization.clone();
        let id = PatientId::new(fresh_id(&mut *self.randomness))?;
        let resource = patient.resource(&id);
        let chart = ChartRef { organization, patient: id };
        self.put_resource(&chart, &resource, now)?;
        Ok(chart)
    }
}

impl NewPatient {
    fn resource(&self, id: &PatientId) -> Value {
        let mut name = json!({"use": "official", "family": self.family});
        if !self.given.is_empty() {
            name["given"] = json!(self.given);
        }
        let mut resource = json!({"resourceType": "Patient", "id": id.as_str(), "active": true, "name": [name]});
        if let Some(birth_date) = &self.birth_date {
            resource["birthDate"] = json!(birth_date);
        }
        if let Some(gender) = &self.gender {
            resource["gender"] = json!(gender);
        }
        if !self.identifiers.is_empty() {
            resource["identifier"] = self.identifiers.iter().map(identifier).collect();
        }
        resource
    }
}

fn identifier((system, value): &(Option<String>, String)) -> Value {
    match system {
        Some(system) => json!({"system": system, "value": value}),
        None => json!({"value": value}),
    }
}
