//! The International Patient Summary of a person: a document Bundle, from every registration on this device.

use clinical_record::ResourceKey;
use clinical_record::ips::{SummaryRequest, international_patient_summary};
use serde_json::{Value, json};
use sync_protocol::UnixMillis;

use crate::trail::Act;
use crate::{ChartRef, Device, DeviceError, fhir_time};

/// Base of the full URLs inside a summary, which resolve among themselves only.
const BASE: &str = "https://satchel.invalid/fhir";

impl Device {
    /// The International Patient Summary of a person. It holds what this device may see of the person and says of an empty
    /// section that nothing is available, never that nothing is wrong. Recorded as `export`.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`]; [`DeviceError::Invalid`] if the patient's demographics are not here;
    /// [`DeviceError::LeaseExpired`]; storage.
    pub fn export_summary(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Value, DeviceError> {
        let summary = self.summary(chart, now)?;
        let documents = self.chart_documents(chart, now)?.into_iter().map(|document| document.id).collect();
        self.record_act(&Act::new("export", Some(chart), documents), now)?;
        Ok(summary)
    }

    /// The summary, recorded as read only: for a print-out, which records itself.
    pub(super) fn summary(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Value, DeviceError> {
        let view = self.person_view(chart, now)?;
        let resources: Vec<Value> = view.into_iter().map(|one| one.resource).collect();
        let (author, moment) = (self.author_resource(now)?, fhir_time::instant(now));
        let (bundle_id, composition_id) = (self.fresh_id(), self.fresh_id());
        let request = SummaryRequest {
            bundle_id: &bundle_id,
            composition_id: &composition_id,
            now: &moment,
            author: &author,
            base: BASE,
        };
        international_patient_summary(&resources, &request)
            .map_err(|_| DeviceError::Invalid("the patient's demographics are not on this device"))
    }

    /// Who makes the summary: as the directory has them, or by what they are called.
    fn author_resource(&mut self, now: UnixMillis) -> Result<Value, DeviceError> {
        let identity = self.identity()?;
        let key = ResourceKey::new("Practitioner", identity.practitioner.as_str());
        match self.directory_resource(&key, now) {
            Err(DeviceError::UnknownResource { .. }) => {
                let called = match identity.practitioner_name.as_str() {
                    "" => identity.practitioner.as_str(),
                    name => name,
                };
                Ok(json!({"resourceType": "Practitioner", "id": key.id, "name": [{"text": called}]}))
            }
            found => found,
        }
    }
}
