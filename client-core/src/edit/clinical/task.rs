//! Gives someone a task, and moves it on.

use clinical_record::ResourceKey;
use clinical_record::clinical::{NewTask, TaskStep, add_task, move_task};

use crate::{ActReceipt, Device, DeviceError, Occasion};

impl Device {
    /// Gives someone a task.
    ///
    /// # Errors
    /// See the module.
    pub fn add_task(&mut self, occasion: &Occasion<'_>, new: &NewTask) -> Result<ActReceipt, DeviceError> {
        self.act(occasion, |entry| add_task(entry, new))
    }

    /// Moves a task on: a referral is accepted this way too. `id`: of the Task.
    ///
    /// # Errors
    /// See the module; a step that its status does not allow, no reason where [`TaskStep::needs_reason`].
    pub fn move_task(
        &mut self,
        occasion: &Occasion<'_>,
        id: &str,
        step: TaskStep,
        reason: Option<&str>,
    ) -> Result<ActReceipt, DeviceError> {
        self.act_on(occasion, &ResourceKey::new("Task", id), |entry, task| move_task(entry, task, step, reason))
    }
}
