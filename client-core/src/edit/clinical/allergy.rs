//! Records an allergy or intolerance.

use clinical_record::clinical::{NewAllergy, record_allergy};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Records an allergy or intolerance.
    ///
    /// # Errors
    /// See the module.
    pub fn record_allergy(&mut self, occasion: &Occasion<'_>, new: &NewAllergy) -> Result<ActReceipt, DeviceError> {
        self.act(occasion, |entry| record_allergy(entry, new))
    }
}
