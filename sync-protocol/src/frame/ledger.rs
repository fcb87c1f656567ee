//! The frames by which a device accounts for what it holds: receipts of what was removed, its audit trail, decisions on
//! changes in custody, and emergency access.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::frame::bounded;
use crate::frame::codec::{from_cbor, to_cbor};
use crate::frame::packed::{Body, Packed, Written};
use crate::identity::{Purpose, SecretKey, SignatureInvalid};
use crate::ids::{
    ChangeHash, DocumentId, OpeningId, OrganizationId, PatientId, PublicKey, RelayId, Signature, TrailHash, UnixMillis,
};

/// See [`crate::Frame::PurgeReceipt`]: the device states that it no longer holds these documents, nor anything made of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeReceipt {
    /// The device's number for this receipt, repeated in the answer.
    pub receipt: u64,
    /// What was removed; empty for a wipe, which removed everything.
    #[serde(deserialize_with = "bounded::documents")]
    pub documents: Vec<DocumentId>,
    /// Everything but the device's own identity was removed, on the relay's order.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wiped: bool,
    /// When, by the device's clock.
    pub purged_at: UnixMillis,
    /// By the device, for [`Purpose::PurgeReceipt`]: relay, receipt, wiped, time, documents.
    pub signature: Signature,
}

impl PurgeReceipt {
    /// A receipt for `relay`, signed with the device's key.
    #[must_use]
    pub fn sign(
        secret: &SecretKey,
        relay: &RelayId,
        receipt: u64,
        documents: Vec<DocumentId>,
        wiped: bool,
        purged_at: UnixMillis,
    ) -> Self {
        let mut made = Self { receipt, documents, wiped, purged_at, signature: Signature([0; 64]) };
        made.signature = made.over(relay, |fields| secret.sign(Purpose::PurgeReceipt, fields));
        made
    }

    /// Checks that the device with `key` signed it for `relay`.
    ///
    /// # Errors
    /// [`SignatureInvalid`].
    pub fn verify(&self, key: &PublicKey, relay: &RelayId) -> Result<(), SignatureInvalid> {
        self.over(relay, |fields| key.verify(Purpose::PurgeReceipt, fields, &self.signature))
    }

    fn over<T>(&self, relay: &RelayId, act: impl FnOnce(&[&[u8]]) -> T) -> T {
        let documents: Vec<u8> = self.documents.iter().flat_map(|document| document.0).collect();
        act(&[
            &relay.0,
            &self.receipt.to_be_bytes(),
            &[u8::from(self.wiped)],
            &self.purged_at.0.to_be_bytes(),
            &documents,
        ])
    }
}

/// See [`crate::Frame::ReceiptKept`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptKept {
    /// Which receipt is on the relay's disk.
    pub receipt: u64,
}

/// What a device's own audit trail records of one act. Ids, counts and reasons; of content only what a person gave as a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// When, by the device's clock.
    #[serde(rename = "t")]
    pub at: UnixMillis,
    /// What was done, as a kebab-case word: `read`, `search`, `export`, `edit`, `unlock`, `break-glass` and others.
    #[serde(rename = "a")]
    pub action: String,
    /// Who manages the chart.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// Whose chart.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<PatientId>,
    /// Which documents.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty", deserialize_with = "bounded::documents")]
    pub documents: Vec<DocumentId>,
    /// Why, as a person gave it, or what else is to be known of it.
    #[serde(rename = "r", default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Purpose of use (v3-PurposeOfUse), where one was given.
    #[serde(rename = "u", default, skip_serializing_if = "String::is_empty")]
    pub purpose: String,
    /// It was open to the reader by emergency access only.
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
}

impl TrailEntry {
    /// The hash of this entry as number `seq` of a trail after one with the hash `previous` (zeros before the first).
    #[must_use]
    pub fn hash(&self, seq: u64, previous: &TrailHash) -> TrailHash {
        let body = to_cbor(self);
        let mut hasher = Sha256::new_with_prefix(b"satchel trail v1");
        hasher.update(previous.0);
        hasher.update(seq.to_be_bytes());
        hasher.update((body.len() as u64).to_be_bytes());
        hasher.update(&body);
        TrailHash(hasher.finalize().into())
    }
}

/// See [`crate::Frame::Trail`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// Number of the first entry; 1 is the first of all.
    pub first: u64,
    /// Hash of the entry before it; zeros before the first of all.
    pub previous: TrailHash,
    /// A [`TrailBody`].
    pub body: Packed,
    /// By the device, for [`Purpose::Trail`]: relay, number and hash of the last entry.
    pub signature: Signature,
}

/// What a [`Trail`] holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailBody {
    /// Entries without a gap.
    #[serde(rename = "e", deserialize_with = "bounded::changes")]
    pub entries: Vec<TrailEntry>,
}

impl Body for TrailBody {
    fn write(&self) -> Written {
        Written { cbor: to_cbor(self), plain: Vec::new() }
    }

    fn read(cbor: &[u8], plain: &[u8]) -> Option<Self> {
        plain.is_empty().then(|| from_cbor(cbor)).flatten()
    }
}

impl TrailBody {
    /// Number and hash of every entry, the first being number `first` after `previous`.
    pub fn chain(&self, first: u64, previous: TrailHash) -> impl Iterator<Item = (u64, TrailHash)> + '_ {
        self.entries.iter().zip(first..).scan(previous, |last, (entry, seq)| {
            *last = entry.hash(seq, last);
            Some((seq, *last))
        })
    }
}

impl Trail {
    /// Entries for `relay`, signed with the device's key.
    #[must_use]
    pub fn sign(secret: &SecretKey, relay: &RelayId, first: u64, previous: TrailHash, body: &TrailBody) -> Self {
        let (seq, hash) = body.chain(first, previous).last().unwrap_or((first.saturating_sub(1), previous));
        let signature = secret.sign(Purpose::Trail, &[&relay.0, &seq.to_be_bytes(), &hash.0]);
        Self { first, previous, body: Packed::pack(body), signature }
    }

    /// Checks that the device with `key` signed `body`, as this frame's, for `relay`.
    ///
    /// # Errors
    /// [`SignatureInvalid`].
    pub fn verify(&self, body: &TrailBody, key: &PublicKey, relay: &RelayId) -> Result<(), SignatureInvalid> {
        let before = (self.first.saturating_sub(1), self.previous);
        let (seq, hash) = body.chain(self.first, self.previous).last().unwrap_or(before);
        key.verify(Purpose::Trail, &[&relay.0, &seq.to_be_bytes(), &hash.0], &self.signature)
    }
}

/// See [`crate::Frame::TrailKept`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailKept {
    /// The last entry that the relay has on disk; the device goes on after it, even if that is further back.
    pub through: u64,
}

/// A change by its document and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChangeName {
    /// Which document it was meant for.
    #[serde(rename = "i")]
    pub document: DocumentId,
    /// Its hash.
    #[serde(rename = "h")]
    pub hash: ChangeHash,
}

/// See [`crate::Frame::Decided`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Decisions on changes that this device sent.
    pub decisions: Vec<Decision>,
}

/// What a privacy officer decided on a change in custody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// On which change.
    #[serde(rename = "c")]
    pub change: ChangeName,
    /// It is in the log now; otherwise it was returned to its author.
    #[serde(rename = "a")]
    pub accepted: bool,
    /// Why, in the officer's words.
    #[serde(rename = "r", default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Decision {
    /// The reason of a change that was returned only because what it builds on was returned. Whatever else an officer says is
    /// about the change itself.
    pub const RETURNED_ALONG: &'static str = "it builds on a change that was returned";
}

/// See [`crate::Frame::DecisionsKnown`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionsKnown {
    /// The device has acted on the decisions on these and synced that to disk.
    #[serde(deserialize_with = "bounded::changes")]
    pub changes: Vec<ChangeName>,
}

/// See [`crate::Frame::BreakGlass`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    /// The device's number for this request, repeated in the answer.
    pub request: u64,
    /// Who manages the chart.
    pub organization: OrganizationId,
    /// Whose chart.
    pub patient: PatientId,
    /// Purpose of use (v3-PurposeOfUse), e.g. `ETREAT`.
    pub purpose: String,
    /// Why, in the practitioner's words. Shown to the privacy officer.
    pub reason: String,
}

/// See [`crate::Frame::BreakGlassAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlassAnswer {
    /// Which request is answered.
    pub request: u64,
    /// What became of it. The same whether such a chart exists or not.
    pub outcome: BreakGlassOutcome,
}

/// What became of a request for emergency access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BreakGlassOutcome {
    /// The chart is open; what there is of it comes in batches.
    #[serde(rename = "o")]
    Opened(Opening),
    /// It stays closed.
    #[serde(rename = "r")]
    Refused(BreakGlassRefusal),
}

/// Emergency access that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Under which it stands in the audit trail.
    pub id: OpeningId,
    /// When it ends by itself, by the relay's clock.
    pub until: UnixMillis,
    /// For how long, in milliseconds from the answer on: for a device whose clock is wrong.
    pub for_ms: u64,
}

/// Why emergency access was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakGlassRefusal {
    /// No policy lets this practitioner break the glass there.
    NotPermitted,
    /// A reason and a purpose of use must be given.
    ReasonMissing,
    /// Purpose or reason are too long.
    TooLong,
    /// A reason of a later version.
    #[serde(other)]
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: RelayId = RelayId([1; 16]);

    #[test]
    fn a_receipt_holds_for_its_relay_its_documents_and_its_kind_only() {
        let secret = SecretKey::from_seed([3; 32]);
        let receipt = PurgeReceipt::sign(&secret, &RELAY, 4, vec![DocumentId([5; 16])], false, UnixMillis(6));
        assert_eq!(receipt.verify(&secret.public(), &RELAY), Ok(()));
        assert!(receipt.verify(&secret.public(), &RelayId([2; 16])).is_err());
        let others = [
            PurgeReceipt { receipt: 5, ..receipt.clone() },
            PurgeReceipt { documents: vec![DocumentId([6; 16])], ..receipt.clone() },
            PurgeReceipt { wiped: true, ..receipt.clone() },
            PurgeReceipt { purged_at: UnixMillis(7), ..receipt },
        ];
        for other in others {
            assert!(other.verify(&secret.public(), &RELAY).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_trail_with_an_entry_changed_removed_or_moved_does_not_verify() {
        let secret = SecretKey::from_seed([3; 32]);
        let body = TrailBody { entries: ["read", "export", "edit"].map(entry).into() };
        let trail = Trail::sign(&secret, &RELAY, 7, TrailHash([9; 32]), &body);
        assert_eq!(trail.verify(&body, &secret.public(), &RELAY), Ok(()));
        let changed = TrailBody { entries: ["read", "search", "edit"].map(entry).into() };
        let removed = TrailBody { entries: ["read", "edit"].map(entry).into() };
        let moved = TrailBody { entries: ["export", "read", "edit"].map(entry).into() };
        for other in [changed, removed, moved] {
            assert!(trail.verify(&other, &secret.public(), &RELAY).is_err());
        }
        let elsewhere = Trail { first: 8, ..trail };
        assert!(elsewhere.verify(&body, &secret.public(), &RELAY).is_err());
    }

    fn entry(action: &str) -> TrailEntry {
        TrailEntry {
            at: UnixMillis(1),
            action: action.into(),
            organization: None,
            patient: None,
            documents: Vec::new(),
            reason: String::new(),
            purpose: String::new(),
            break_glass: false,
        }
    }
}
