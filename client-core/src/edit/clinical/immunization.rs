//! Records a vaccination.

use clinical_record::clinical::{NewImmunization, record_immunization};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Records a vaccination that was given, or why it was not.
    ///
    /// # Errors
    /// See the module.
    pub fn record_immunization(
        &mut self,
        occasion: &Occasion<'_>,
        new: &NewImmunization,
    ) -> Result<ActReceipt, DeviceError> {
        self.act(occasion, |entry| record_immunization(entry, new))
    }
}
