//! FHIR R4 resources as Automerge documents: where each resource belongs, how it is edited, what conflicts, who changed it.
//!
//! The only crate of the workspace that opens documents. It does no IO, reads no clock and draws no randomness: actor ids,
//! times and seeds come from the caller, so it also builds for wasm32.

mod admission;
mod as_of;
mod bundle;
mod change;
mod change_scan;
pub mod clinical;
mod compare;
mod compartment;
mod conflict;
mod containment;
mod decimal;
mod decode;
mod diff;
mod document;
pub mod duplicates;
mod editor;
mod encode;
mod entered_in_error;
mod error;
pub mod facts;
mod fhir_date;
mod history;
pub mod ips;
mod merging;
mod operations;
mod overridden;
mod path;
pub mod person;
mod placement;
mod provenance;
mod reference;
mod resource_key;
pub mod sample;
mod saved;
mod schema;
mod settlement;
mod signing;
mod summary;
mod text_form;
mod validation;
mod written;

pub use as_of::AsOf;
pub use bundle::{
    BundleError, BundleLimits, EntryProblem, PlacedEntry, ProblemCause, ReadBundle, read_bundle, read_ndjson,
    write_bundle, write_collection, write_ndjson,
};
pub use change::{ChangeMeta, EncodedChange, MAX_CHANGE_OPS, inspect_change};
pub use compare::{ElementChange, compare};
pub use compartment::{Compartment, CompartmentError, DocumentKey};
pub use conflict::{ConflictValue, FieldConflict};
pub use document::RecordDocument;
pub use editor::DocumentEditor;
pub use encode::MAX_DEPTH;
pub use entered_in_error::is_retracted as is_entered_in_error;
pub use error::RecordError;
pub use history::{HistoryEntry, Touch, TouchedElement};
pub use merging::{Inside, MERGE_RULES, MergeRule, Merging, merging_markdown};
pub use overridden::OverriddenEdit;
pub use path::{ElementPath, PathError, PathStep};
pub use placement::{PlacementError, place};
pub use provenance::ChangeAgent;
pub use reference::{ReferencedResource, References, referenced};
pub use resource_key::{ResourceKey, is_fhir_id};
pub use schema::{CURRENT_SCHEMA, Schema, SchemaStep};
pub use signing::{SignedVersion, is_signed, keeps_signed_content};
pub use summary::{PatientIdentifier, PatientSummary, ResourceSummary, patient_summary, resource_summary};
pub use validation::{ValidationIssue, ValidationProblem, validate};
pub use written::{Written, written};
