//! The frames that carry documents and changes, and what they hold once unpacked.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::checksum::Checksum;
use crate::document::DocumentDescriptor;
use crate::frame::packed::Packed;
use crate::identity::{Certificate, ChangeSignature};
use crate::ids::{ChangeHash, DocumentId, OrganizationId, PublicKey, UnixMillis};

/// A place in what the relay sends, opaque to the device: the relay alone can read it, and gaps between two tell nothing.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub ByteBuf);

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} bytes)", self.0.len())
    }
}

/// See [`crate::Frame::Batch`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// 1 for the first of a connection, then one more each.
    pub batch: u64,
    /// Where to resume once this batch is stored; none while a document is still incomplete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// A [`BatchBody`].
    pub body: Packed,
}

/// What a batch holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchBody {
    /// Enrolment keys of organizations whose certificates follow, where not sent on this connection before.
    pub organization_keys: Vec<OrganizationKey>,
    /// Certificates of authors whose signatures follow, where not sent on this connection before.
    pub certificates: Vec<Certificate>,
    /// The documents.
    pub documents: Vec<DeliveredDocument>,
}

/// The public enrolment key of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationKey {
    /// Whose.
    #[serde(rename = "o")]
    pub organization: OrganizationId,
    /// The key.
    #[serde(rename = "k")]
    pub key: PublicKey,
}

/// A document, or what is new in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveredDocument {
    /// Which.
    pub document: DocumentId,
    /// Present when the device is given the document for the first time.
    pub descriptor: Option<DocumentDescriptor>,
    /// Automerge changes, each one uncompressed chunk, in causal order.
    pub changes: Vec<ByteBuf>,
    /// The newest signature of each author of these changes; with the last part when there are several.
    pub signatures: Vec<ChangeSignature>,
    /// The next batch goes on with this document: keep this part aside until then.
    pub more: bool,
    /// Present when the device may have the document by emergency access only: until then, by the relay's clock. The device
    /// removes it then by itself.
    pub break_glass_until: Option<UnixMillis>,
}

/// See [`crate::Frame::Push`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// The device's number for this push, repeated in the answer.
    pub push: u64,
    /// A [`PushBody`].
    pub body: Packed,
}

/// What a push holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushBody {
    /// Certificates of authors other than the sender, when it gives back what the relay has lost.
    pub certificates: Vec<Certificate>,
    /// The documents written to.
    pub documents: Vec<PushedDocument>,
}

/// Changes of one document, from a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedDocument {
    /// What the document is about; its id follows.
    pub descriptor: DocumentDescriptor,
    /// Automerge changes, each one uncompressed chunk, in causal order.
    pub changes: Vec<ByteBuf>,
    /// The newest signature of each author of these changes.
    pub signatures: Vec<ChangeSignature>,
}

/// See [`crate::Frame::Pushed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// Which push is answered.
    pub push: u64,
    /// One for each change, in the order of the push.
    pub answers: Vec<Answer>,
}

/// What became of one pushed change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is in the relay's log, synced to disk.
    #[serde(rename = "a")]
    Accepted,
    /// It was there before.
    #[serde(rename = "h")]
    AlreadyHad,
    /// It builds on changes that the relay does not have; send these too.
    #[serde(rename = "n")]
    Needs(Vec<ChangeHash>),
    /// It is kept for a privacy officer to decide on, and reaches no other device.
    #[serde(rename = "c")]
    Custody(CustodyReason),
    /// It is not kept. The device keeps it and shows why.
    #[serde(rename = "r")]
    Refused(RefusalReason),
}

/// Why a change went to custody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CustodyReason {
    /// Its author may not write this document, or no longer may.
    NotPermitted,
    /// It builds on a change that is in custody.
    BuildsOnCustody,
    /// The device that made it is revoked.
    DeviceRevoked,
    /// A reason of a later version.
    #[serde(other)]
    Other,
}

/// Why a change was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalReason {
    /// Not one well-formed, uncompressed Automerge change.
    Malformed,
    /// Larger than the limit.
    TooLarge,
    /// Its actor id is not of an author who signed it, or the signature does not verify.
    NotSigned,
    /// The certificate of its author does not verify or has run out.
    NotCertified,
    /// The actor's sequence number was used for another change before: the device was set back to an earlier state.
    SequenceReused,
    /// Its operations are not numbered as its dependencies demand.
    BadOperations,
    /// The descriptor does not describe a document.
    BadDescriptor,
    /// It would go to custody, and the device has as much there as may wait for a decision. Later there may be room.
    CustodyFull,
    /// A reason of a later version.
    #[serde(other)]
    Other,
}

/// See [`crate::Frame::Inventory`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Some of what the device holds.
    pub documents: Vec<InventoryEntry>,
    /// Whether another inventory frame follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// One held document in an inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryEntry {
    /// Which.
    #[serde(rename = "i")]
    pub document: DocumentId,
    /// Sum over the changes of it that the device believes to share with the relay.
    #[serde(rename = "f")]
    pub fingerprint: Checksum,
}
