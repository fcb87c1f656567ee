//! Records a problem or diagnosis, and resolves it.

use clinical_record::ResourceKey;
use clinical_record::clinical::{NewProblem, record_problem, resolve_problem};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Records a problem on the patient's list.
    ///
    /// # Errors
    /// See the module.
    pub fn record_problem(&mut self, occasion: &Occasion<'_>, new: &NewProblem) -> Result<ActReceipt, DeviceError> {
        self.act(occasion, |entry| record_problem(entry, new))
    }

    /// Marks a problem as resolved. `id`: of the Condition. `end`: FHIR dateTime, now if none.
    ///
    /// # Errors
    /// See the module.
    pub fn resolve_problem(
        &mut self,
        occasion: &Occasion<'_>,
        id: &str,
        end: Option<&str>,
        note: Option<&str>,
    ) -> Result<ActReceipt, DeviceError> {
        let key = ResourceKey::new("Condition", id);
        self.act_on(occasion, &key, |entry, problem| resolve_problem(entry, problem, end, note))
    }
}
