//! The frames of `satchel.v1`: one enum variant each.

mod bounded;
mod chunk;
mod codec;
mod compact;
mod dictionary;
mod ledger;
mod packed;
mod referral;
mod staging;
mod transfer;

pub use codec::{FrameError, decode, encode};
pub use dictionary::DictionaryId;
pub use ledger::{
    BreakGlass, BreakGlassAnswer, BreakGlassOutcome, BreakGlassRefusal, ChangeName, Decided, Decision, DecisionsKnown,
    Opening, PurgeReceipt, ReceiptKept, Trail, TrailBody, TrailEntry, TrailKept,
};
pub use packed::{Body, Packed, UnpackError};
pub use referral::{Recipient, Refer, ReferAnswer, ReferOutcome, ReferRefusal};
pub use staging::{SealedDocument, Sealing, Stage, Staged, UnsealError};
pub use transfer::{
    Answer, Batch, BatchBody, Cursor, CustodyReason, DeliveredDocument, Inventory, InventoryEntry, OrganizationKey,
    Push, PushBody, Pushed, PushedDocument, RefusalReason,
};

use serde::{Deserialize, Serialize};

use crate::identity::Certificate;
use crate::ids::{DeviceId, DocumentId, EpochId, Nonce, PublicKey, RelayId, Signature, UnixMillis};
use crate::limits::Limits;

/// WebSocket subprotocol that both sides must offer and choose.
pub const SUBPROTOCOL: &str = "satchel.v1";

/// Everything that is said on a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// Device: opens the connection.
    Hello(Hello),
    /// Relay: what to sign.
    Challenge(Challenge),
    /// Device: proves its key.
    Proof(Proof),
    /// Device: asks to be enrolled instead.
    Enroll(Enroll),
    /// Relay: the device is enrolled; the connection ends.
    Enrolled(Enrolled),
    /// Relay: the device is who it says, and what holds on this connection.
    Welcome(Welcome),
    /// Device: where to go on.
    Resume(Resume),
    /// Relay: how much is coming.
    Resumed(Resumed),
    /// Relay: documents or changes.
    Batch(Batch),
    /// Device: a batch is stored and synced to disk.
    Ack(Ack),
    /// Relay: all that the device may have has been sent.
    CaughtUp(CaughtUp),
    /// Device: changes made on it.
    Push(Push),
    /// Relay: what became of them.
    Pushed(Pushed),
    /// Device: what it holds, when a resume asked to compare.
    Inventory(Inventory),
    /// Relay: documents it wants whole from the device, after an inventory.
    Want(Want),
    /// Relay: documents that the device may no longer have.
    Withdraw(Withdraw),
    /// Device: documents that it no longer holds.
    PurgeReceipt(PurgeReceipt),
    /// Relay: a receipt is on disk.
    ReceiptKept(ReceiptKept),
    /// Device: entries of its own audit trail.
    Trail(Trail),
    /// Relay: how much of the trail is on disk.
    TrailKept(TrailKept),
    /// Relay: what was decided on changes in custody.
    Decided(Decided),
    /// Device: it has acted on decisions.
    DecisionsKnown(DecisionsKnown),
    /// Device: asks for emergency access to a chart.
    BreakGlass(BreakGlass),
    /// Relay: what became of that.
    BreakGlassAnswer(BreakGlassAnswer),
    /// Device: asks that a chart be opened to others for a time.
    Refer(Refer),
    /// Relay: what became of that.
    ReferAnswer(ReferAnswer),
    /// Device: the key that documents are to be sealed to.
    Sealing(Sealing),
    /// Relay: sealed documents to be laid ready.
    Stage(Stage),
    /// Device: they are on disk.
    Staged(Staged),
    /// Either: a frame of this name is not understood and was passed over.
    Unsupported(Unsupported),
    /// Either: the connection ends, and why.
    Goodbye(Goodbye),
}

/// See [`Frame::Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Public key of the device.
    pub device_key: PublicKey,
    /// Name and version of the software, for the relay's log.
    pub software: String,
    /// Dictionaries that bodies for it may be compressed with.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "bounded::dictionaries")]
    pub dictionaries: Vec<DictionaryId>,
}

/// See [`Frame::Challenge`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Fresh for this connection, so that a recorded proof is worthless.
    pub nonce: Nonce,
    /// Which relay asks; signed too, so that one relay cannot pass another's challenge on.
    pub relay: RelayId,
}

/// See [`Frame::Proof`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Over nonce and relay id, for [`crate::identity::Purpose::Proof`].
    pub signature: Signature,
}

/// See [`Frame::Enroll`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enroll {
    /// The one-time code.
    pub code: String,
    /// What people call the device.
    pub device_name: String,
    /// Over nonce, relay id and code, for [`crate::identity::Purpose::Enrolment`].
    pub signature: Signature,
}

/// See [`Frame::Enrolled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Which relay.
    pub relay: RelayId,
    /// The device's id, as derived from its key.
    pub device: DeviceId,
    /// What the organization certifies of it.
    pub certificate: Certificate,
    /// Public enrolment key of the organization, which the device keeps as its first anchor of trust.
    pub organization_key: PublicKey,
    /// What the organization is called.
    pub organization_name: String,
    /// What the practitioner is called.
    pub practitioner_name: String,
    /// How long the device may be used before it must have reached the relay again, in milliseconds.
    pub lease_ms: u64,
}

/// See [`Frame::Welcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Which life of the relay's log this is.
    pub epoch: EpochId,
    /// The bounds it keeps, where they are not the usual ones.
    #[serde(default, skip_serializing_if = "Limits::are_usual")]
    pub limits: Limits,
    /// As in [`Enrolled::lease_ms`], from now on.
    pub lease_ms: u64,
    /// The relay's clock, so that a device can tell its user how wrong its own is.
    pub now: UnixMillis,
    /// The device is revoked and is to erase itself: it sends its trail and its unsent changes, which go to custody, erases
    /// everything but its identity, sends its receipt, and forgets its identity once that is kept. Nothing is delivered to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wipe: bool,
    /// The relay has documents to lay ready, sealed, and does not know the device's key for that: answer with
    /// [`Frame::Sealing`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sealing: bool,
    /// One of [`Hello::dictionaries`] that bodies on this connection are compressed with, either way, where it pays. The
    /// session fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dictionary: Option<DictionaryId>,
}

/// See [`Frame::Resume`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The newest cursor that the device stored; none on its first sync.
    pub cursor: Option<Cursor>,
    /// The epoch that the cursor belongs to.
    pub epoch: Option<EpochId>,
    /// Set when the device found that it and the relay disagree: compare all that is held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compare: bool,
}

/// See [`Frame::Resumed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Documents that the relay has to send before [`Frame::CaughtUp`].
    pub documents: u64,
    /// The device must send its inventory first; `documents` is not known yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compare: bool,
}

/// See [`Frame::Ack`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Which batch.
    pub batch: u64,
}

/// See [`Frame::CaughtUp`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaughtUp {
    /// Where to resume.
    pub cursor: Cursor,
    /// Sum over every change of every document that the device should now share with the relay.
    pub checksum: crate::Checksum,
    /// Sealed documents that are to lie ready follow, see [`Frame::Stage`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stage: bool,
}

/// See [`Frame::Want`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Documents of which the relay lacks changes.
    pub documents: Vec<DocumentId>,
}

/// See [`Frame::Withdraw`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdraw {
    /// Documents that were given to the device before, and to which its practitioner has lost the right.
    pub documents: Vec<DocumentId>,
}

/// See [`Frame::Unsupported`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsupported {
    /// Name of the frame that was passed over.
    pub frame: String,
}

/// See [`Frame::Goodbye`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// For the program.
    pub reason: GoodbyeReason,
    /// For a person; no patient content. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoodbyeReason {
    /// Nothing is wrong.
    Done,
    /// The relay is going down; come back.
    ShuttingDown,
    /// No device with that key is enrolled.
    UnknownDevice,
    /// The device or its certificate is no longer accepted.
    Revoked,
    /// The proof does not verify.
    ProofRefused,
    /// The enrolment code is unknown, used or expired.
    EnrolmentRefused,
    /// The other side sent what the protocol does not allow here.
    ProtocolViolation,
    /// The other side sent what is not a frame, or one too large.
    Malformed,
    /// The same device connected again.
    Superseded,
    /// The relay could not do its part just now; come back.
    Unavailable,
    /// A reason of a later version.
    #[serde(other)]
    Other,
}

impl GoodbyeReason {
    /// Whether trying again without a person's doing is worthwhile.
    #[must_use]
    pub fn is_worth_retrying(self) -> bool {
        !matches!(self, Self::UnknownDevice | Self::Revoked | Self::ProofRefused | Self::EnrolmentRefused)
    }
}
