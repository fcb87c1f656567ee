//! What a clinician does, one file for each use case: thin over [`clinical_record::clinical`], which makes and checks the
//! resources. All of them work offline, in one transaction each, and are refused with the path of the element at fault.
//!
//! Errors, where a method says no more: [`crate::DeviceError::Clinical`] naming the element;
//! [`crate::DeviceError::UnknownPatient`] and [`crate::DeviceError::UnknownResource`]; [`crate::DeviceError::InConflict`] for
//! an edit without a reason of what is in conflict; [`crate::DeviceError::LeaseExpired`]; storage. Nothing is stored then.

mod allergy;
mod encounter;
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
mod vitals;

pub use registration::{PossibleDuplicate, Registration};
pub use vitals::VitalReading;
