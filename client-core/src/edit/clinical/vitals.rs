//! Records vital signs, refusing what no living person has.

use clinical_record::clinical::{EditWarning, Entry, Vital, record_vitals};
use serde_json::Number;
use sync_protocol::UnixMillis;

use crate::{ActReceipt, Device, DeviceError, Occasion, fhir_time};

/// One measurement.
#[derive(Clone)]
pub struct VitalReading {
    /// LOINC code, one of [`clinical_record::clinical::VITAL_SIGNS`].
    pub loinc: String,
    /// The number, digits as entered: `37.0` keeps its zero.
    pub value: Number,
    /// UCUM code, or what people write for it; the first unit of the sign when not given.
    pub unit: Option<String>,
}

impl std::fmt::Debug for VitalReading {
    /// What was measured, not the value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VitalReading").field("loinc", &self.loinc).finish_non_exhaustive()
    }
}

impl Device {
    /// Records measurements taken together. `taken`: FHIR dateTime, now if none. Unusual values come back as warnings;
    /// [`VitalReading::check`] gives the same before anything is saved.
    ///
    /// # Errors
    /// See the module; an unknown sign or unit, a value that is not possible, half of a blood pressure.
    pub fn record_vitals(
        &mut self,
        occasion: &Occasion<'_>,
        readings: &[VitalReading],
        taken: Option<&str>,
    ) -> Result<ActReceipt, DeviceError> {
        let vitals: Vec<Vital> = readings.iter().map(|reading| reading.vital(self.fresh_id())).collect();
        self.act(occasion, |entry| record_vitals(entry, &vitals, taken))
    }
}

impl VitalReading {
    fn vital(&self, id: String) -> Vital {
        Vital { loinc: self.loinc.clone(), value: self.value.clone(), unit: self.unit.clone(), id }
    }

    /// What should be looked at again before these are saved.
    ///
    /// # Errors
    /// [`DeviceError::Clinical`] for what would be refused.
    pub fn check(readings: &[Self], now: UnixMillis) -> Result<Vec<EditWarning>, DeviceError> {
        let moment = fhir_time::instant(now);
        let entry = Entry { patient: "p", encounter: None, author: "a", now: &moment, id: "o" };
        let vitals: Vec<Vital> = (0..).zip(readings).map(|(n, one)| one.vital(format!("o{n}"))).collect();
        Ok(record_vitals(&entry, &vitals, None)?.warnings)
    }
}
