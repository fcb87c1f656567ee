//! Own work that others do not have: in custody, refused, returned as a draft.

use client_core::{ChangeHash, ChartRef, DocumentId, KeptState, OwnWork, UnixMillis};

use crate::types::Json;
use crate::{EditDone, SatchelDevice, SatchelError};

/// What became of a change.
#[uniffi::remote(Enum)]
pub enum KeptState {
    /// Stays here until the right returns.
    Kept,
    /// To be sent, for a privacy officer to decide.
    Queued,
    /// With the relay, until a privacy officer has decided.
    Custody,
    /// The relay does not take it.
    Refused,
    /// A privacy officer returned it.
    Returned,
}

/// An own change that is not in the relay's log, and why.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct OwnChange {
    /// The document.
    pub document: DocumentId,
    /// The chart; none for the directory.
    pub chart: Option<ChartRef>,
    /// The change.
    pub change: ChangeHash,
    /// When it was made, by this device's clock.
    pub made_at: UnixMillis,
    /// What became of it.
    pub state: KeptState,
    /// Why, where the relay or a privacy officer said so.
    pub reason: Option<String>,
    /// The chart was taken back: only the author's own words are left of it here.
    pub taken_back: bool,
}

impl From<OwnWork> for OwnChange {
    fn from(work: OwnWork) -> Self {
        let OwnWork { document, chart, change, made_at, state, reason, taken_back } = work;
        Self { document, chart, change, made_at, state, reason, taken_back }
    }
}

impl From<OwnChange> for OwnWork {
    fn from(change: OwnChange) -> Self {
        let OwnChange { document, chart, change, made_at, state, reason, taken_back } = change;
        Self { document, chart, change, made_at, state, reason, taken_back }
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// Own changes that the relay keeps from others or refused, or that were kept aside when their chart was taken back.
    pub fn own_work(&self) -> Result<Vec<OwnChange>, SatchelError> {
        let work = self.with(|device, now| device.own_work(now))?;
        Ok(work.into_iter().map(OwnChange::from).collect())
    }

    /// What the author wrote in one of `own_work`: a JSON array of `{element, value}`. Recorded.
    pub fn export_own_work(&self, change: OwnChange) -> Result<Json, SatchelError> {
        let written = self.with(|device, now| device.export_own_work(&change.into(), now))?;
        let told = written.into_iter().map(|one| serde_json::json!({ "element": one.element, "value": one.value }));
        Ok(told.collect())
    }

    /// Queues again what the relay refused or keeps, for instance after a right was granted. Gives how many.
    pub fn send_held_again(&self) -> Result<u64, SatchelError> {
        self.with(|device, _| device.send_held_again()).map(|queued| queued as u64)
    }

    /// Work that a privacy officer returned, each draft JSON with its `number`, `reason` and `steps`.
    pub fn drafts(&self) -> Result<Vec<Json>, SatchelError> {
        let drafts = self.with(|device, now| device.drafts(now))?;
        Ok(drafts.iter().map(client_core::Draft::to_json).collect())
    }

    /// A draft as text to be taken elsewhere. Recorded.
    pub fn export_draft(&self, number: u64) -> Result<String, SatchelError> {
        self.with(|device, now| device.export_draft(number, now)).map(|draft| draft.text())
    }

    /// Makes a draft anew as an edit; `overwrite`: also where the chart shows something else now.
    pub fn apply_draft(&self, number: u64, overwrite: bool) -> Result<EditDone, SatchelError> {
        self.with(|device, now| device.apply_draft(number, overwrite, now)).map(EditDone::from)
    }

    /// Discards a draft for good, on its author's word.
    pub fn discard_draft(&self, number: u64) -> Result<(), SatchelError> {
        self.with(|device, now| device.discard_draft(number, now))
    }
}
