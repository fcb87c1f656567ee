//! Edits: each one transaction that applies, logs, signs, queues and shows a change, or does none of it.

mod act;
mod clinical;
mod commit;
mod elements;
mod import;
mod kept_open;
mod notes;
mod remake;
mod resource;
mod settle;
mod steps;
mod take_back;
mod validity;

pub use act::{ActReceipt, Occasion};
pub(crate) use act::{in_chart, store};
pub use clinical::{PossibleDuplicate, Registration, VitalReading};
pub(crate) use commit::{append_own, edit_in, sign, sign_newest};
pub use import::{ImportOptions, ImportProblem, ImportReport};
pub(crate) use kept_open::KeptOpen;
pub(crate) use remake::remake_unsent;
pub(crate) use steps::Step;
pub(crate) use take_back::take_back;

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
