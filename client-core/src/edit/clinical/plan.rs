//! Starts a care plan and adds to it.

use clinical_record::ResourceKey;
use clinical_record::clinical::{NewActivity, NewCarePlan, add_activity, start_care_plan};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Starts a care plan.
    ///
    /// # Errors
    /// See the module.
    pub fn start_care_plan(&mut self, occasion: &Occasion<'_>, new: &NewCarePlan) -> Result<ActReceipt, DeviceError> {
        self.act(occasion, |entry| start_care_plan(entry, new))
    }

    /// Adds an activity to a running care plan. `id`: of the CarePlan.
    ///
    /// # Errors
    /// See the module; a plan that does not run.
    pub fn add_activity(
        &mut self,
        occasion: &Occasion<'_>,
        id: &str,
        activity: &NewActivity,
    ) -> Result<ActReceipt, DeviceError> {
        self.act_on(occasion, &ResourceKey::new("CarePlan", id), |entry, plan| add_activity(entry, plan, activity))
    }
}
