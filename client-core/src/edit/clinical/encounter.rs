//! Opens a visit and closes it.

use clinical_record::ResourceKey;
use clinical_record::clinical::{NewEncounter, close_encounter, open_encounter};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Opens a visit. What is entered on an [`Occasion::during`] it goes to its document.
    ///
    /// # Errors
    /// See the module.
    pub fn open_encounter(&mut self, occasion: &Occasion<'_>, new: &NewEncounter) -> Result<ActReceipt, DeviceError> {
        self.act(occasion, |entry| open_encounter(entry, new))
    }

    /// Closes a visit. `id`: of the Encounter.
    ///
    /// # Errors
    /// See the module; a visit that is not open.
    pub fn close_encounter(&mut self, occasion: &Occasion<'_>, id: &str) -> Result<ActReceipt, DeviceError> {
        self.act_on(occasion, &ResourceKey::new("Encounter", id), close_encounter)
    }
}
