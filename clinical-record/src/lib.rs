//! FHIR R4 resources as Automerge documents: where each resource belongs, how it is edited, what conflicts, who changed it.
//!
//! The only crate of the workspace that opens documents. It does no IO, reads no clock and draws no randomness: actor ids,
//! times and seeds come from the caller, so it also builds for wasm32.

mod admission;
mod bundle;
mod change;
mod change_scan;
mod compartment;
mod conflict;
mod containment;
mod decimal;
mod decode;
mod diff;
mod document;
mod editor;
mod encode;
mod entered_in_error;
mod error;
mod history;
mod merging;
mod operations;
mod overridden;
mod path;
mod placement;
mod reference;
mod resource_key;
pub mod sample;
mod settlement;
mod summary;
mod text_form;

pub use bundle::{
    BundleError, BundleLimits, EntryProblem, PlacedEntry, ProblemCause, ReadBundle, read_bundle, write_bundle,
};
pub use change::{ChangeMeta, EncodedChange, MAX_CHANGE_OPS, inspect_change};
pub use compartment::{Compartment, CompartmentError, DocumentKey};
pub use conflict::{ConflictValue, FieldConflict};
pub use document::RecordDocument;
pub use editor::DocumentEditor;
pub use encode::MAX_DEPTH;
pub use error::RecordError;
pub use history::{HistoryEntry, Touch, TouchedElement};
pub use merging::{Inside, MERGE_RULES, MergeRule, Merging, merging_markdown};
pub use overridden::OverriddenEdit;
pub use path::{ElementPath, PathError, PathStep};
pub use placement::{PlacementError, place};
pub use reference::{ReferencedResource, References, referenced};
pub use resource_key::{ResourceKey, is_fhir_id};
pub use summary::{PatientIdentifier, PatientSummary, ResourceSummary, patient_summary, resource_summary};
