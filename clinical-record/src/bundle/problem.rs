//! What can be wrong with a Bundle. Names positions, ids, types and element paths; never content.

use crate::{PlacementError, ResourceKey};

/// Why nothing of a file could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Larger than the limit. Split the export.
    #[error("the file has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Size of the file, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Not JSON, cut off, or nested beyond what the parser accepts (127 levels).
    #[error("not valid JSON at line {line}, column {column}")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// JSON, but no FHIR Bundle.
    #[error("not a FHIR Bundle")]
    NotABundle,
    /// `Bundle.entry` is not a list.
    #[error("Bundle.entry is not a list")]
    EntryNotAList,
    /// More entries than the limit.
    #[error("the bundle has {count} entries, the limit is {limit}")]
    TooManyEntries {
        /// Entries in the bundle.
        count: usize,
        /// The limit.
        limit: usize,
    },
}

/// An entry that was not read; the others were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryProblem {
    /// Position in `Bundle.entry`, from 0.
    pub index: usize,
    /// The resource's type, when it has one in FHIR's form.
    pub resource_type: Option<String>,
    /// The resource's id, when it is a valid one.
    pub id: Option<String>,
    /// What is wrong.
    pub cause: ProblemCause,
}

/// Why an entry was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemCause {
    /// The line of an NDJSON file is not JSON.
    #[error("not valid JSON at column {column}")]
    NotJson {
        /// Column, from 1.
        column: usize,
    },
    /// The entry has no resource object.
    #[error("the entry has no resource")]
    NoResource,
    /// The resource has no `resourceType` in FHIR's form.
    #[error("the resource has no valid resourceType")]
    NoResourceType,
    /// The resource has no id.
    #[error("the resource has no id")]
    NoId,
    /// The id is not 1 to 64 letters, digits, hyphens and dots.
    #[error("the resource's id is not a FHIR id")]
    InvalidId,
    /// Nested deeper than [`crate::MAX_DEPTH`].
    #[error("the resource is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit, in levels.
        limit: usize,
    },
    /// A `urn:` reference that no entry of the bundle answers.
    #[error("the reference at {path} matches no entry of the bundle")]
    UnresolvedReference {
        /// The element.
        path: String,
    },
    /// Another entry has the same type and id but other content; which one is right cannot be told.
    #[error("entry {other} has the same type and id with different content")]
    DifferentTwin {
        /// Position of the other entry.
        other: usize,
    },
    /// Its patient is neither in the bundle (and readable) nor known here.
    #[error("its patient is neither in the bundle nor known here")]
    UnknownPatient,
    /// It belongs in no document.
    #[error(transparent)]
    Placement(#[from] PlacementError),
}

impl EntryProblem {
    pub(super) fn of(index: usize, key: &ResourceKey, cause: ProblemCause) -> Self {
        Self { index, resource_type: Some(key.resource_type.clone()), id: Some(key.id.clone()), cause }
    }
}
