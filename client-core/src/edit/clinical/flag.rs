//! Raises a warning on a chart, and lowers it.

use clinical_record::ResourceKey;
use clinical_record::clinical::{NewFlag, lower_flag, raise_flag};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Raises a warning that everyone who opens the chart should see.
    ///
    /// # Errors
    /// See the module.
    pub fn raise_flag(&mut self, occasion: &Occasion<'_>, new: &NewFlag) -> Result<ActReceipt, DeviceError> {
        self.act(occasion, |entry| raise_flag(entry, new))
    }

    /// Lowers a warning that no longer holds. `id`: of the Flag.
    ///
    /// # Errors
    /// See the module; no reason, a warning that is not up.
    pub fn lower_flag(&mut self, occasion: &Occasion<'_>, id: &str, reason: &str) -> Result<ActReceipt, DeviceError> {
        self.act_on(occasion, &ResourceKey::new("Flag", id), |entry, flag| lower_flag(entry, flag, reason))
    }
}
