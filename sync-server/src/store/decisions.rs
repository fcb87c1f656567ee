//! Decisions on what is in custody, and who has been told of them.

use serde::{Deserialize, Serialize};
use sync_protocol::frame::{ChangeName, CustodyReason, Decision};
use sync_protocol::identity::ChangeSignature;
use sync_protocol::{ChangeHash, DeviceId, DocumentId, OrganizationId, PractitionerId, UnixMillis};
use utoipa::ToSchema;

use crate::store::{CustodyEntry, StoreError};

/// What became of a change in custody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CustodyState {
    /// Nobody has decided on it.
    Undecided,
    /// Accepted; it goes into the log as soon as its author's signature covers it there.
    WaitsForSignature,
    /// Accepted, and in the log.
    Accepted,
    /// Returned to its author.
    Returned,
}

/// What became of a change in custody, without the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyMark {
    /// What became of it.
    pub state: CustodyState,
    /// Why it is there.
    pub reason: CustodyReason,
    /// Who decided on it.
    pub officer: Option<(PractitionerId, OrganizationId)>,
}

/// A change in custody and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyCase {
    /// Its number.
    pub id: u64,
    /// The change.
    pub entry: CustodyEntry,
    /// What became of it.
    pub state: CustodyState,
    /// Who decided on it.
    pub officer: Option<(PractitionerId, OrganizationId)>,
}

/// A decision to record.
#[derive(Clone, Debug)]
pub struct NewDecision {
    /// Accepted, otherwise returned.
    pub accepted: bool,
    /// By whom, for which organization; none when no person decided.
    pub officer: Option<(PractitionerId, OrganizationId)>,
    /// Why, in the officer's words.
    pub reason: String,
    /// When.
    pub at: UnixMillis,
}

/// The part of the store that keeps decisions on custody. See [`crate::store::Store`] for transactions.
pub trait DecisionStore {
    /// Everything in custody for a document, in the order in which it came.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn custody_of(&self, document: &DocumentId) -> Result<Vec<CustodyCase>, StoreError>;
    /// A change in custody, by its number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn custody_case(&self, id: u64) -> Result<CustodyCase, StoreError>;
    /// What became of everything that is or was in custody for a document.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn custody_states(&self, document: &DocumentId) -> Result<Vec<(ChangeHash, CustodyMark)>, StoreError>;
    /// What a device fills custody with, changes and their size in bytes: those that nobody has decided on, and those that
    /// came after `returned_since` and were returned without anybody deciding on them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn held_in_custody(&self, device: &DeviceId, returned_since: UnixMillis) -> Result<(u64, u64), StoreError>;
    /// Records a decision.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it is not in custody.
    fn decide_custody(&mut self, change: &ChangeName, decision: &NewDecision) -> Result<(), StoreError>;
    /// Takes note that an accepted change is in the log; its copy in custody is dropped.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it is not in custody.
    fn custody_in_log(&mut self, change: &ChangeName) -> Result<(), StoreError>;

    /// Keeps a signature that came with changes in custody.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn put_custody_signature(&mut self, document: &DocumentId, signature: &ChangeSignature) -> Result<(), StoreError>;
    /// The signatures that came with what is in custody for a document.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn custody_signatures(&self, document: &DocumentId) -> Result<Vec<ChangeSignature>, StoreError>;

    /// Has a device told what is decided on a change, again if it knew already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn add_notice(&mut self, device: &DeviceId, change: &ChangeName) -> Result<(), StoreError>;
    /// Whether a device is or was to be told of a change.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn has_notice(&self, device: &DeviceId, change: &ChangeName) -> Result<bool, StoreError>;
    /// Decisions that a device does not know yet, at most `limit`. Accepted changes are among them once they are in the log.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn notices(&self, device: &DeviceId, limit: usize) -> Result<Vec<Decision>, StoreError>;
    /// Devices that are to be told of a change.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn devices_to_tell(&self, change: &ChangeName) -> Result<Vec<DeviceId>, StoreError>;
    /// Takes note that a device knows what was decided on a change; one that was not decided stays to be told.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn notice_known(&mut self, device: &DeviceId, change: &ChangeName) -> Result<(), StoreError>;
    /// Documents in which an accepted change waits for a signature that this device could give.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn waiting_for_signature(&self, device: &DeviceId) -> Result<Vec<DocumentId>, StoreError>;
}
