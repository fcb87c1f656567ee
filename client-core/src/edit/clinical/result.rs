//! Records a laboratory result.

use clinical_record::clinical::{NewResult, record_result};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Records a laboratory result.
    ///
    /// # Errors
    /// See the module.
    pub fn record_result(&mut self, occasion: &Occasion<'_>, new: &NewResult) -> Result<ActReceipt, DeviceError> {
        self.act(occasion, |entry| record_result(entry, new))
    }
}
