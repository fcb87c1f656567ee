//! What is owed and proved: receipts of what was removed, orders to wipe, trails of devices, which version went to whom.

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use sync_protocol::frame::{PurgeReceipt, TrailEntry};
use sync_protocol::{DeviceId, OrganizationId, PatientId, Signature, TrailHash, UnixMillis};
use utoipa::ToSchema;

use crate::admin::schema;
use crate::store::{NewAuditRow, Position, StoreError};

/// Documents that a device was told to remove at one time and has not confirmed.
#[derive(Clone, Debug, PartialEq)]
pub struct OwedReceipt {
    /// The device's count of withdrawals with this one.
    pub withdrawal: u64,
    /// When it was told.
    pub since: UnixMillis,
    /// Which documents, by number. Some may have been given again since.
    pub documents: RoaringBitmap,
}

/// A receipt as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptReceipt {
    /// The receipt.
    pub receipt: PurgeReceipt,
    /// When it came.
    pub received_at: UnixMillis,
}

/// An order to erase a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WipeOrder {
    /// When it was given.
    #[schema(value_type = schema::Moment)]
    pub ordered_at: UnixMillis,
    /// When the device's receipt for it came.
    #[schema(value_type = Option<schema::Moment>)]
    pub wiped_at: Option<UnixMillis>,
}

/// One document sent to one device in one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disclosed {
    /// Number of the document.
    pub document: u32,
    /// Everything of it up to here was sent.
    pub upto: Position,
    /// It was open to the receiver by emergency access only.
    pub break_glass: bool,
    /// It left sealed, to be opened in an emergency without a network.
    pub sealed: bool,
}

/// A document sent to a device, with the audit row of the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisclosureRow {
    /// What.
    pub disclosed: Disclosed,
    /// To which device.
    pub device: DeviceId,
    /// The audit row of the batch.
    pub row: u64,
    /// When it was sent.
    pub at: UnixMillis,
    /// To whom.
    pub practitioner: Option<String>,
    /// For which organization.
    pub organization: Option<String>,
    /// When the device said that it has it on disk.
    pub acknowledged_at: Option<UnixMillis>,
}

/// How far a device was sent a document, over all batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentUpTo {
    /// Number of the document.
    pub document: u32,
    /// The furthest that was sent: perhaps on the device.
    pub sent: Position,
    /// The furthest that it acknowledged: on the device.
    pub acknowledged: Option<Position>,
    /// Some of it was sent by emergency access only.
    pub break_glass: bool,
}

/// A version of a document: everything up to a position in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentVersion {
    /// Changes that it consists of.
    pub changes: u64,
    /// When the last of them came to the relay.
    #[schema(value_type = Option<schema::Moment>)]
    pub last_change_at: Option<UnixMillis>,
}

/// One line of a device's trail; the first is branch 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailBranch {
    /// Its number among the device's.
    pub branch: u32,
    /// Number of its first entry.
    pub first: u64,
    /// Hash of the entry before that.
    pub previous: TrailHash,
    /// Number of its last entry; `first - 1` while there is none.
    pub last: u64,
}

/// An entry of a device's trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEntry {
    /// Whose.
    pub device: DeviceId,
    /// On which branch.
    pub branch: u32,
    /// Its number.
    pub seq: u64,
    /// What it says.
    pub entry: TrailEntry,
    /// The trail's hash with it.
    pub hash: TrailHash,
}

/// Entries that a device sent and signed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailStretch {
    /// Whose.
    pub device: DeviceId,
    /// On which branch.
    pub branch: u32,
    /// Its last entry.
    pub last: u64,
    /// The trail's hash with that.
    pub hash: TrailHash,
    /// The device's, over number and hash.
    pub signature: Signature,
    /// The row of the relay's own trail that anchors it.
    pub row: u64,
}

/// The part of the store that devices account to. See [`crate::store::Store`] for transactions.
pub trait LedgerStore {
    /// Takes note that a device was told to remove documents and owes a receipt for them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn add_owed_receipt(&mut self, device: &DeviceId, owed: &OwedReceipt) -> Result<(), StoreError>;
    /// What a device was told to remove and has not confirmed, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn owed_receipts(&self, device: &DeviceId) -> Result<Vec<OwedReceipt>, StoreError>;
    /// Takes documents off what a device owes.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn settle_owed(&mut self, device: &DeviceId, documents: &RoaringBitmap) -> Result<(), StoreError>;
    /// Devices that were told to remove something and have not confirmed all of it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn devices_owing(&self) -> Result<Vec<DeviceId>, StoreError>;
    /// Keeps a receipt; the same one twice is kept once. Whether it is new.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn keep_receipt(&mut self, device: &DeviceId, kept: &KeptReceipt) -> Result<bool, StoreError>;
    /// The receipts of a device, by number.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn receipts(&self, device: &DeviceId) -> Result<Vec<KeptReceipt>, StoreError>;

    /// Orders a device to be erased; an order that is there stays, and one that was carried out begins anew.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn order_wipe(&mut self, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError>;
    /// The order to erase a device, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn wipe_order(&self, device: &DeviceId) -> Result<Option<WipeOrder>, StoreError>;
    /// Takes note that an order was carried out; the first time stands.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    fn wiped(&mut self, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError>;

    /// Appends a row to the audit trail; gives its number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn append_audit_row(&mut self, row: &NewAuditRow) -> Result<u64, StoreError>;
    /// Number and hash of the last row of the audit trail; none before the first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn last_audit_row(&self) -> Result<Option<(u64, [u8; 32])>, StoreError>;
    /// Records what one batch held, under the audit row of the batch.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn add_disclosures(&mut self, device: &DeviceId, row: u64, documents: &[Disclosed]) -> Result<(), StoreError>;
    /// Records that a device has a batch on disk, by its audit row.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn acknowledged(&mut self, row: u64, now: UnixMillis) -> Result<(), StoreError>;
    /// Documents that were ever laid sealed on a device, those that it had to give back included.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn laid_sealed(&self, device: &DeviceId) -> Result<RoaringBitmap, StoreError>;
    /// How far a device was sent each document openly, by number of the document.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn sent_to(&self, device: &DeviceId) -> Result<Vec<SentUpTo>, StoreError>;
    /// Every time a document was sent to a device, oldest first, after an audit row, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn disclosures_of(&self, document: u32, after: u64, limit: usize) -> Result<Vec<DisclosureRow>, StoreError>;
    /// To which device a document went in the batch of an audit row, and up to where.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn disclosure(&self, document: u32, row: u64) -> Result<Option<(DeviceId, Position)>, StoreError>;
    /// How many times a document was sent to a device, in all.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn count_disclosures(&self) -> Result<u64, StoreError>;
    /// What a document consists of up to a position.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn version(&self, document: u32, upto: Position) -> Result<DocumentVersion, StoreError>;
    /// What a device itself uploaded of a document.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn written_by(&self, document: u32, device: &DeviceId) -> Result<DocumentVersion, StoreError>;

    /// The branches of a device's trail, newest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn trail_branches(&self, device: &DeviceId) -> Result<Vec<TrailBranch>, StoreError>;
    /// Begins a branch.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn begin_trail_branch(
        &mut self,
        device: &DeviceId,
        branch: &TrailBranch,
        now: UnixMillis,
    ) -> Result<(), StoreError>;
    /// Hashes of a branch's entries from `first` to `last`, by number; absent ones left out.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn trail_hashes(
        &self,
        device: &DeviceId,
        branch: u32,
        first: u64,
        last: u64,
    ) -> Result<Vec<(u64, TrailHash)>, StoreError>;
    /// Keeps an entry.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn add_trail_entry(&mut self, kept: &KeptEntry) -> Result<(), StoreError>;
    /// Keeps the signature over a stretch; the first over the same entries stands.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn add_trail_stretch(&mut self, stretch: &TrailStretch) -> Result<(), StoreError>;
    /// Entries of a branch after a number, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn trail_entries(
        &self,
        device: &DeviceId,
        branch: u32,
        after: u64,
        limit: usize,
    ) -> Result<Vec<KeptEntry>, StoreError>;
    /// The signed stretches of a branch, in order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn trail_stretches(&self, device: &DeviceId, branch: u32) -> Result<Vec<TrailStretch>, StoreError>;
    /// What devices recorded about a chart, in the order in which it came to the relay: of each device its newest, at most
    /// `limits.0`, of all of them at most `limits.1`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn trail_of_chart(
        &self,
        organization: &OrganizationId,
        patient: &PatientId,
        limits: (usize, usize),
    ) -> Result<Vec<KeptEntry>, StoreError>;
}
