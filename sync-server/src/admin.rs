//! What the admin API takes and gives; the command line uses the same types.

use serde::{Deserialize, Serialize};
use sync_protocol::frame::CustodyReason;
use sync_protocol::{
    ChangeHash, Compartment, DeviceId, DocumentDescriptor, OrganizationId, PatientId, PractitionerId, PublicKey,
    UnixMillis,
};

use crate::access::Grantee;
use crate::store::{CustodyEntry, DeviceRecord, OrganizationRecord};

/// An organization to add.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewOrganization {
    /// FHIR id.
    pub id: OrganizationId,
    /// For people.
    pub name: String,
}

/// Names an affiliation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AffiliationKey {
    /// Whose charts.
    pub organization: OrganizationId,
    /// Who may have them.
    pub partner: OrganizationId,
}

/// A grant to add.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewGrant {
    /// Which organization manages the chart.
    pub organization: OrganizationId,
    /// Whose chart.
    pub patient: PatientId,
    /// To whom.
    pub grantee: Grantee,
    /// Which compartments.
    pub compartments: Vec<Compartment>,
    /// Whether they may also write there.
    #[serde(default)]
    pub may_write: bool,
    /// For how long, in milliseconds from now.
    pub valid_ms: i64,
}

/// A code to make.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewCode {
    /// For which organization.
    pub organization: OrganizationId,
    /// For whose device.
    pub practitioner: PractitionerId,
    /// For how long, in milliseconds from now.
    pub valid_ms: i64,
}

/// A code as it is shown, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownCode {
    /// Four groups of four letters.
    pub code: String,
    /// From this moment on it enrols nobody.
    pub expires_at: UnixMillis,
}

/// Which audit rows to show.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct AuditQuery {
    /// Rows after this sequence number.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// An organization, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownOrganization {
    /// FHIR id.
    pub id: OrganizationId,
    /// For people.
    pub name: String,
    /// Public enrolment key.
    pub enrolment_key: PublicKey,
}

impl From<&OrganizationRecord> for ShownOrganization {
    fn from(record: &OrganizationRecord) -> Self {
        Self { id: record.id.clone(), name: record.name.clone(), enrolment_key: record.key.public() }
    }
}

/// A device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownDevice {
    /// Derived from its key.
    pub id: DeviceId,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub practitioner: PractitionerId,
    /// For which organization.
    pub organization: OrganizationId,
    /// When it was enrolled.
    pub enrolled_at: UnixMillis,
    /// When it last connected.
    pub last_seen: Option<UnixMillis>,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
    /// Documents that it acknowledged to hold.
    pub held_documents: u64,
}

impl ShownDevice {
    /// Shows a device and how many documents it holds.
    #[must_use]
    pub fn new(device: &DeviceRecord, held_documents: u64) -> Self {
        let body = &device.certificate.body;
        Self {
            id: device.id(),
            name: device.name.clone(),
            practitioner: body.practitioner.clone(),
            organization: body.organization.clone(),
            enrolled_at: device.enrolled_at,
            last_seen: device.last_seen,
            revoked_at: device.revoked_at,
            held_documents,
        }
    }
}

/// A change in custody, without its content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownCustody {
    /// What document it was meant for.
    pub descriptor: DocumentDescriptor,
    /// Hash of the change.
    pub hash: ChangeHash,
    /// Which device sent it.
    pub device: DeviceId,
    /// Who wrote it.
    pub practitioner: PractitionerId,
    /// For which organization.
    pub organization: OrganizationId,
    /// Why it is here.
    pub reason: CustodyReason,
    /// Size of the change, in bytes.
    pub bytes: usize,
    /// When it came.
    pub received_at: UnixMillis,
}

impl From<&CustodyEntry> for ShownCustody {
    fn from(entry: &CustodyEntry) -> Self {
        Self {
            descriptor: entry.descriptor.clone(),
            hash: entry.hash,
            device: entry.device,
            practitioner: entry.practitioner.clone(),
            organization: entry.organization.clone(),
            reason: entry.reason,
            bytes: entry.payload.len(),
            received_at: entry.received_at,
        }
    }
}

/// What checking the audit trail's chain found.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ShownAuditCheck {
    /// Rows that follow from one another.
    pub rows: u64,
    /// The first that does not, if any.
    pub broken_at: Option<u64>,
}
