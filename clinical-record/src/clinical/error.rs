//! Why a clinical edit was refused.

use crate::{PlacementError, ValidationIssue};

/// A refused edit: which element, and what is wrong with it. Carries no content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} {problem}")]
pub struct ClinicalError {
    /// The element, as FHIRPath writes it: `Observation.valueQuantity.value`.
    pub path: String,
    /// What is wrong, as the end of a sentence.
    pub problem: String,
}

impl ClinicalError {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

impl From<ValidationIssue> for ClinicalError {
    fn from(issue: ValidationIssue) -> Self {
        Self::new(issue.path, issue.problem.to_string())
    }
}

impl ClinicalError {
    pub(super) fn placement(resource_type: &str, error: &PlacementError) -> Self {
        Self::new(resource_type, format!("belongs in no document: {error}"))
    }
}
