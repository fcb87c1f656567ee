//! What an edit did. Once it is returned it survives a loss of power.

use client_core::clinical::EditWarning;
use client_core::{ActReceipt, EditReceipt, ResourceKey};

/// Something unusual that should be looked at again. It was saved.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Warning {
    /// The element, as FHIRPath writes it.
    pub path: String,
    /// What is unusual about it, as the end of a sentence.
    pub problem: String,
}

impl From<EditWarning> for Warning {
    fn from(warning: EditWarning) -> Self {
        Self { path: warning.path, problem: warning.problem.into() }
    }
}

/// What a clinical act did.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ActDone {
    /// `Type/id` of what was put, in the order of the act.
    pub resources: Vec<ResourceKey>,
    /// Changes it made, one a document; 0 if all was so already.
    pub changes: u32,
    /// What is unusual about it.
    pub warnings: Vec<Warning>,
}

impl From<ActReceipt> for ActDone {
    fn from(receipt: ActReceipt) -> Self {
        Self {
            changes: u32::try_from(receipt.changes.len()).unwrap_or(u32::MAX),
            resources: receipt.resources,
            warnings: receipt.warnings.into_iter().map(Warning::from).collect(),
        }
    }
}

/// What an edit of one resource did.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct EditDone {
    /// `Type/id`.
    pub resource: ResourceKey,
    /// False if all was so already.
    pub changed: bool,
}

impl From<EditReceipt> for EditDone {
    fn from(receipt: EditReceipt) -> Self {
        Self { resource: receipt.resource, changed: receipt.change.is_some() }
    }
}
