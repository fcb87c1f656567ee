//! Refers a patient to another organization.

use clinical_record::clinical::{NewReferral, refer};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Refers the patient: a ServiceRequest for what is asked, and a Task that the organization asked answers with
    /// [`Device::move_task`]. [`NewReferral::task_id`] may be left empty; a fresh one is taken then.
    ///
    /// # Errors
    /// See the module.
    pub fn refer(&mut self, occasion: &Occasion<'_>, new: &NewReferral) -> Result<ActReceipt, DeviceError> {
        let mut new = new.clone();
        if new.task_id.is_empty() {
            new.task_id = self.fresh_id();
        }
        self.act(occasion, |entry| refer(entry, &new))
    }
}
