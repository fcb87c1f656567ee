//! What a clinician does, as pure functions: a small request in, checked FHIR resources and the documents they belong in out.
//!
//! One file for each use case. No function reads a clock or draws an id: [`Entry`] carries both. Whatever comes out is valid
//! R4; whatever is refused is refused with the path of the element it would have filled.

mod allergy;
mod encounter;
mod entry;
mod error;
mod flag;
mod immunization;
mod medication;
mod note;
mod plan;
mod problem;
mod procedure;
mod referral;
mod registration;
mod result;
mod task;
mod vital_signs;
mod vitals;

pub use allergy::{Criticality, NewAllergy, record_allergy};
pub use encounter::{NewEncounter, close_encounter, open_encounter};
pub(crate) use entry::push;
pub use entry::{ClinicalEdit, Code, Concept, EditWarning, Entry, Quantity};
pub use error::ClinicalError;
pub use flag::{NewFlag, lower_flag, raise_flag};
pub use immunization::{NewImmunization, record_immunization};
pub use medication::{Dosage, NewMedication, change_dose, start_medication, stop_medication};
pub use note::{NewNote, add_note, amend_note, note_text_path, sign_note};
pub use plan::{NewActivity, NewCarePlan, add_activity, start_care_plan};
pub use problem::{NewProblem, record_problem, resolve_problem};
pub use procedure::{NewProcedure, record_procedure};
pub use referral::{NewReferral, refer};
pub use registration::{NewPatient, PersonIdentifier, register_patient};
pub use result::{NewResult, ResultValue, record_result};
pub use task::{NewTask, TaskStep, add_task, move_task};
pub use vital_signs::{VITAL_SIGNS, VitalSign, VitalUnit};
pub use vitals::{Vital, record_vitals};
