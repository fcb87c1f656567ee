//! Records a procedure.

use clinical_record::clinical::{NewProcedure, record_procedure};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Records a procedure that was done.
    ///
    /// # Errors
    /// See the module.
    pub fn record_procedure(&mut self, occasion: &Occasion<'_>, new: &NewProcedure) -> Result<ActReceipt, DeviceError> {
        self.act(occasion, |entry| record_procedure(entry, new))
    }
}
