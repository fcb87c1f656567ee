//! What a clinician enters: typed, checked against FHIR R4, offline, one transaction each.
//!
//! Refused with [`SatchelError::Clinical`], which names the element, [`SatchelError::UnknownPatient`],
//! [`SatchelError::UnknownResource`], [`SatchelError::InConflict`], [`SatchelError::LeaseExpired`]; nothing is stored then.

use client_core::clinical::{
    Dosage, NewActivity, NewAllergy, NewCarePlan, NewEncounter, NewFlag, NewImmunization, NewMedication, NewNote,
    NewProblem, NewProcedure, NewReferral, NewTask, TaskStep,
};
use client_core::{ActReceipt, ChartRef, Device, DeviceError, ElementPath, ResourceKey, VitalReading};

use crate::types::Json;
use crate::{ActDone, EditDone, LabResult, Occasion, SatchelDevice, SatchelError, Warning};

impl SatchelDevice {
    fn act(
        &self,
        at: &Occasion,
        act: impl FnOnce(&mut Device, &client_core::Occasion<'_>) -> Result<ActReceipt, DeviceError>,
    ) -> Result<ActDone, SatchelError> {
        self.with(|device, now| act(device, &at.at(now))).map(ActDone::from)
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// Records an allergy or intolerance.
    pub fn record_allergy(&self, at: Occasion, new: NewAllergy) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.record_allergy(at, &new))
    }

    /// Records a problem on the patient's list.
    pub fn record_problem(&self, at: Occasion, new: NewProblem) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.record_problem(at, &new))
    }

    /// Marks a problem as resolved. `id`: of the Condition. `end`: FHIR dateTime, now if none.
    #[uniffi::method(default(end = None, note = None))]
    pub fn resolve_problem(
        &self,
        at: Occasion,
        id: String,
        end: Option<String>,
        note: Option<String>,
    ) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.resolve_problem(at, &id, end.as_deref(), note.as_deref()))
    }

    /// Orders a medicine.
    pub fn start_medication(&self, at: Occasion, new: NewMedication) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.start_medication(at, &new))
    }

    /// Replaces the dosage of a running order. `id`: of the MedicationRequest.
    pub fn change_dose(
        &self,
        at: Occasion,
        id: String,
        dosage: Dosage,
        reason: String,
    ) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.change_dose(at, &id, &dosage, &reason))
    }

    /// Stops a running order. `id`: of the MedicationRequest.
    pub fn stop_medication(&self, at: Occasion, id: String, reason: String) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.stop_medication(at, &id, &reason))
    }

    /// Records a vaccination that was given, or why it was not.
    pub fn record_immunization(&self, at: Occasion, new: NewImmunization) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.record_immunization(at, &new))
    }

    /// Records measurements taken together. `taken`: FHIR dateTime, now if none. Unusual values come back as warnings.
    #[uniffi::method(default(taken = None))]
    pub fn record_vitals(
        &self,
        at: Occasion,
        readings: Vec<VitalReading>,
        taken: Option<String>,
    ) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.record_vitals(at, &readings, taken.as_deref()))
    }

    /// What should be looked at again before these are saved; what would be refused is refused here too.
    pub fn check_vitals(&self, readings: Vec<VitalReading>) -> Result<Vec<Warning>, SatchelError> {
        let warnings = self.with(|_, now| VitalReading::check(&readings, now))?;
        Ok(warnings.into_iter().map(Warning::from).collect())
    }

    /// Opens a visit; what is entered on an occasion of it goes to its document.
    pub fn open_encounter(&self, at: Occasion, new: NewEncounter) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.open_encounter(at, &new))
    }

    /// Closes a visit. `id`: of the Encounter.
    pub fn close_encounter(&self, at: Occasion, id: String) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.close_encounter(at, &id))
    }

    /// Records a procedure that was done.
    pub fn record_procedure(&self, at: Occasion, new: NewProcedure) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.record_procedure(at, &new))
    }

    /// Records a laboratory result.
    pub fn record_result(&self, at: Occasion, new: LabResult) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.record_result(at, &new.into()))
    }

    /// Starts a care plan.
    pub fn start_care_plan(&self, at: Occasion, new: NewCarePlan) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.start_care_plan(at, &new))
    }

    /// Adds an activity to a running care plan. `id`: of the CarePlan.
    pub fn add_activity(&self, at: Occasion, id: String, activity: NewActivity) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.add_activity(at, &id, &activity))
    }

    /// Gives someone a task.
    pub fn add_task(&self, at: Occasion, new: NewTask) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.add_task(at, &new))
    }

    /// Moves a task on; a referral is accepted this way too. `id`: of the Task.
    #[uniffi::method(default(reason = None))]
    pub fn move_task(
        &self,
        at: Occasion,
        id: String,
        step: TaskStep,
        reason: Option<String>,
    ) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.move_task(at, &id, step, reason.as_deref()))
    }

    /// Raises a warning that everyone who opens the chart should see.
    pub fn raise_flag(&self, at: Occasion, new: NewFlag) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.raise_flag(at, &new))
    }

    /// Lowers a warning that no longer holds. `id`: of the Flag.
    pub fn lower_flag(&self, at: Occasion, id: String, reason: String) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.lower_flag(at, &id, &reason))
    }

    /// Refers the patient: a request for what is asked, and a task that the organization asked answers. To open the chart to
    /// them as well see `open_by_referral`.
    pub fn refer(&self, at: Occasion, new: NewReferral) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.refer(at, &new))
    }

    /// Adds a note, unsigned; several people may type in it at once.
    pub fn write_note(&self, at: Occasion, new: NewNote) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.write_note(at, &new))
    }

    /// Signs a note: from now on it is amended, not edited. `id`: of the DocumentReference.
    pub fn sign_note(&self, at: Occasion, id: String) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.sign_note(at, &id))
    }

    /// Amends a signed note by another that is signed with it. `id`: of the DocumentReference amended.
    pub fn amend_note(&self, at: Occasion, id: String, text: String, reason: String) -> Result<ActDone, SatchelError> {
        self.act(&at, |device, at| device.amend_note(at, &id, &text, &reason))
    }

    /// Types in an unsigned note: deletes `delete` characters at `position`, then inserts. Counted in Unicode code points.
    pub fn splice_note(
        &self,
        chart: ChartRef,
        note: ResourceKey,
        position: u32,
        delete: u32,
        insert: String,
    ) -> Result<EditDone, SatchelError> {
        let (position, delete) = (position as usize, delete as usize);
        self.with(|device, now| device.splice_note(&chart, &note, position, delete, &insert, now)).map(EditDone::from)
    }

    /// Creates a resource, or makes the one of the same type and id equal to it; only what differs is changed.
    pub fn put_resource(&self, chart: ChartRef, resource: Json) -> Result<EditDone, SatchelError> {
        self.with(|device, now| device.put_resource(&chart, &resource, now)).map(EditDone::from)
    }

    /// Sets one element. `path`: as FHIR writes it, `dosageInstruction[0].text`.
    pub fn set_element(
        &self,
        chart: ChartRef,
        resource: ResourceKey,
        path: ElementPath,
        value: Json,
    ) -> Result<EditDone, SatchelError> {
        self.with(|device, now| device.set_element(&chart, &resource, &path, value, now)).map(EditDone::from)
    }

    /// Marks a resource as entered in error: it is kept and no longer shown.
    pub fn mark_entered_in_error(
        &self,
        chart: ChartRef,
        resource: ResourceKey,
        reason: String,
    ) -> Result<EditDone, SatchelError> {
        self.with(|device, now| device.mark_entered_in_error(&chart, &resource, &reason, now)).map(EditDone::from)
    }
}
