//! What the store takes and gives.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sync_protocol::frame::CustodyReason;
use sync_protocol::identity::{Certificate, ChangeSignature, SecretKey};
use sync_protocol::{
    ChangeHash, DeviceId, DocumentDescriptor, DocumentId, OrganizationId, PractitionerId, PublicKey, UnixMillis,
};

/// A place in the change log; 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position(pub u64);

/// An organization and the key that certifies its devices.
#[derive(Clone, Debug)]
pub struct OrganizationRecord {
    /// FHIR id.
    pub id: OrganizationId,
    /// For people.
    pub name: String,
    /// Its enrolment key.
    pub key: SecretKey,
}

/// A practitioner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PractitionerRecord {
    /// FHIR id.
    pub id: PractitionerId,
    /// For people.
    pub name: String,
    /// Which organization answers for them; none if the operator does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
}

/// A one-time code, known by its hash only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentCode {
    /// SHA-256 of the code.
    pub code_hash: [u8; 32],
    /// For which organization.
    pub organization: OrganizationId,
    /// For whose device.
    pub practitioner: PractitionerId,
    /// From this moment on it enrols nobody.
    pub expires_at: UnixMillis,
    /// The device that used it.
    pub used_by: Option<DeviceId>,
}

/// An enrolled device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRecord {
    /// What its organization certifies: key, practitioner, organization.
    pub certificate: Certificate,
    /// What people call it.
    pub name: String,
    /// When it was enrolled.
    pub enrolled_at: UnixMillis,
    /// When it last connected.
    pub last_seen: Option<UnixMillis>,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
}

impl DeviceRecord {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        self.certificate.device()
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.certificate.body.device_key
    }
}

/// What a device was given, as document numbers: the ledger of disclosures to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Holdings {
    /// It acknowledged to hold these, each complete as of its cursor.
    pub held: RoaringBitmap,
    /// Something of these was sent to it, ever. Never shrinks.
    pub given: RoaringBitmap,
    /// It was told to remove these and has not been sent them since.
    pub gone: RoaringBitmap,
    /// How often it was told to remove documents.
    pub withdrawals: u64,
    /// Documents that it was last given as open by emergency access only, and until when: it removes them then by itself.
    pub marked: BTreeMap<u32, UnixMillis>,
}

impl Holdings {
    /// Documents that may still be on the device.
    #[must_use]
    pub fn present(&self) -> RoaringBitmap {
        &self.given - &self.gone
    }

    /// Takes note that something of a document goes to the device. Whether that is new.
    pub fn give(&mut self, document: u32) -> bool {
        let new = self.given.insert(document);
        self.gone.remove(document) || new
    }

    /// Takes note that the device is told to remove these.
    pub fn withdraw(&mut self, documents: &RoaringBitmap) {
        self.held -= documents;
        self.gone |= documents;
        self.withdrawals += 1;
        self.marked.retain(|document, _| !documents.contains(*document));
    }

    /// Takes note of the mark that a document is given with. Whether it is another than before.
    pub fn mark(&mut self, document: u32, until: Option<UnixMillis>) -> bool {
        match until {
            Some(until) => self.marked.insert(document, until) != Some(until),
            None => self.marked.remove(&document).is_some(),
        }
    }
}

/// A document, as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentEntry {
    /// Dense number within this relay.
    pub number: u32,
    /// Its id.
    pub id: DocumentId,
    /// What it is about.
    pub descriptor: DocumentDescriptor,
}

/// What is known of a change in the log without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeFacts {
    /// Where it stands.
    pub position: Position,
    /// Number of its last operation.
    pub max_op: u64,
}

/// A checked change to append.
#[derive(Clone, Debug)]
pub struct NewChange<'a> {
    /// SHA-256, as Automerge computes it.
    pub hash: ChangeHash,
    /// Automerge actor id.
    pub actor: &'a [u8],
    /// The actor's sequence number.
    pub seq: u64,
    /// Number of its last operation.
    pub max_op: u64,
    /// The device that uploaded it.
    pub origin: DeviceId,
    /// When.
    pub received_at: UnixMillis,
    /// One uncompressed Automerge change.
    pub payload: &'a [u8],
}

/// A change read from the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChange {
    /// Where it stands.
    pub position: Position,
    /// Automerge actor id.
    pub actor: Vec<u8>,
    /// One uncompressed Automerge change.
    pub payload: Vec<u8>,
}

/// The newest signature of an actor in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSignature {
    /// Actor id of the signed change.
    pub actor: Vec<u8>,
    /// Its sequence number.
    pub seq: u64,
    /// The signature.
    pub signature: ChangeSignature,
}

/// A document that lies sealed on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagedDocument {
    /// Its number.
    pub document: u32,
    /// Everything up to here is in it.
    pub upto: Position,
    /// When it was sent.
    pub at: UnixMillis,
    /// The device has said that it is on its disk.
    pub acknowledged: bool,
}

/// A change kept for a privacy officer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyEntry {
    /// What document it was meant for.
    pub descriptor: DocumentDescriptor,
    /// SHA-256 of the change.
    pub hash: ChangeHash,
    /// The change.
    pub payload: Vec<u8>,
    /// The author's signature that covers it.
    pub signature: Option<ChangeSignature>,
    /// Which device sent it.
    pub device: DeviceId,
    /// Who wrote it.
    pub practitioner: PractitionerId,
    /// For which organization.
    pub organization: OrganizationId,
    /// Why it is here.
    pub reason: CustodyReason,
    /// When it came.
    pub received_at: UnixMillis,
}

/// A row to append to the audit trail.
#[derive(Clone, Debug)]
pub struct NewAuditRow {
    /// When.
    pub at: UnixMillis,
    /// What was done, as a kebab-case word.
    pub action: &'static str,
    /// By or to which device.
    pub device: Option<DeviceId>,
    /// By whom.
    pub practitioner: Option<PractitionerId>,
    /// For which organization.
    pub organization: Option<OrganizationId>,
    /// Ids, counts and reasons; never content.
    pub detail: serde_json::Value,
}

/// A row of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AuditRow {
    /// 1 for the first, then one more each.
    pub seq: u64,
    /// When, in milliseconds since the Unix epoch.
    #[schema(value_type = crate::admin::schema::Moment)]
    pub at: UnixMillis,
    /// What was done.
    pub action: String,
    /// By or to which device.
    #[schema(value_type = Option<crate::admin::schema::HexId>)]
    pub device: Option<DeviceId>,
    /// By whom.
    pub practitioner: Option<String>,
    /// For which organization.
    pub organization: Option<String>,
    /// JSON text: ids, counts and reasons.
    pub detail: String,
    /// Hash of the row before; zeros for the first.
    #[serde(with = "hex::serde")]
    #[schema(value_type = crate::admin::schema::HexHash)]
    pub previous_hash: [u8; 32],
    /// Hash over `previous_hash` and this row.
    #[serde(with = "hex::serde")]
    #[schema(value_type = crate::admin::schema::HexHash)]
    pub hash: [u8; 32],
}

impl AuditRow {
    /// What [`AuditRow::hash`] must be: SHA-256 over the length-prefixed fields, the previous hash first.
    #[must_use]
    pub fn expected_hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new_with_prefix(b"satchel audit v1");
        let device = self.device.map(|d| d.0);
        let fields: [&[u8]; 8] = [
            &self.previous_hash,
            &self.seq.to_be_bytes(),
            &self.at.0.to_be_bytes(),
            self.action.as_bytes(),
            device.as_ref().map_or(&[], |d| d.as_slice()),
            self.practitioner.as_deref().unwrap_or_default().as_bytes(),
            self.organization.as_deref().unwrap_or_default().as_bytes(),
            self.detail.as_bytes(),
        ];
        for field in fields {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field);
        }
        hasher.finalize().into()
    }
}
