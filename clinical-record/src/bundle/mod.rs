//! FHIR Bundles: reading one into placed resources, writing resources back out as one.

mod metadata;
mod ndjson;
mod problem;
mod read;
mod write;

pub use ndjson::{read_ndjson, write_ndjson};
pub use problem::{BundleError, EntryProblem, ProblemCause};
pub use read::{BundleLimits, PlacedEntry, ReadBundle, read_bundle};
pub use write::{write_bundle, write_collection};
