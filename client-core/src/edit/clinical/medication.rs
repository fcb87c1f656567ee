//! Starts a medicine, changes its dose, stops it.

use clinical_record::ResourceKey;
use clinical_record::clinical::{Dosage, NewMedication, change_dose, start_medication, stop_medication};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Orders a medicine.
    ///
    /// # Errors
    /// See the module.
    pub fn start_medication(
        &mut self,
        occasion: &Occasion<'_>,
        new: &NewMedication,
    ) -> Result<ActReceipt, DeviceError> {
        self.act(occasion, |entry| start_medication(entry, new))
    }

    /// Replaces the dosage of a running order. `id`: of the MedicationRequest.
    ///
    /// # Errors
    /// See the module; no reason, an order that does not run.
    pub fn change_dose(
        &mut self,
        occasion: &Occasion<'_>,
        id: &str,
        dosage: &Dosage,
        reason: &str,
    ) -> Result<ActReceipt, DeviceError> {
        self.act_on(occasion, &order(id), |entry, order| change_dose(entry, order, dosage, reason))
    }

    /// Stops a running order. `id`: of the MedicationRequest.
    ///
    /// # Errors
    /// See the module; no reason, an order that does not run.
    pub fn stop_medication(
        &mut self,
        occasion: &Occasion<'_>,
        id: &str,
        reason: &str,
    ) -> Result<ActReceipt, DeviceError> {
        self.act_on(occasion, &order(id), |entry, order| stop_medication(entry, order, reason))
    }
}

fn order(id: &str) -> ResourceKey {
    ResourceKey::new("MedicationRequest", id)
}
