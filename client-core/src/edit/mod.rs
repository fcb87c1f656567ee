//! Edits: each one transaction that applies, logs, signs, queues and shows a change, or does none of it.

mod commit;
mod elements;
mod import;
mod notes;
mod patient;
mod remake;
mod resource;

pub(crate) use commit::{append_own, sign, sign_newest};
pub use import::{ImportOptions, ImportProblem, ImportReport};
pub use patient::NewPatient;
pub(crate) use remake::remake_unsent;

use clinical_record::ResourceKey;
use sync_protocol::{ChangeHash, DocumentId};

use crate::ChartRef;

/// What an edit did. Once it is returned the edit survives a loss of power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditReceipt {
    /// The document that holds the resource.
    pub document: DocumentId,
    /// The chart; none for the directory.
    pub chart: Option<ChartRef>,
    /// The resource.
    pub resource: ResourceKey,
    /// The change; none if all was so already.
    pub change: Option<ChangeHash>,
}
