//! Changes in custody.

use serde::{Deserialize, Serialize};
use sync_protocol::frame::CustodyReason;
use sync_protocol::{
    ChangeHash, Compartment, DeviceId, DocumentDescriptor, DocumentId, OrganizationId, PatientId, PractitionerId,
    UnixMillis,
};
use utoipa::{IntoParams, ToSchema};

use super::{Checked, Wrong, schema};
use crate::relay::MAX_REASON_BYTES;
use crate::store::{CustodyCase, CustodyState};

/// What a document is about.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShownDocument {
    /// Its id.
    #[schema(value_type = schema::HexId)]
    pub id: DocumentId,
    /// Which organization manages it.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Whose chart it belongs to; none for the directory.
    #[schema(value_type = Option<schema::FhirId>)]
    pub patient: Option<PatientId>,
    /// What kind of content.
    #[schema(value_type = schema::CompartmentName)]
    pub compartment: Compartment,
    /// Encounter id or sensitive category; empty otherwise.
    pub part: String,
}

impl From<&DocumentDescriptor> for ShownDocument {
    fn from(descriptor: &DocumentDescriptor) -> Self {
        Self {
            id: descriptor.id(),
            organization: descriptor.organization.clone(),
            patient: descriptor.patient.clone(),
            compartment: descriptor.compartment,
            part: descriptor.part.clone(),
        }
    }
}

/// A change in custody, without its content.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShownCustody {
    /// Its number in custody.
    pub id: u64,
    /// What became of it so far.
    pub state: CustodyState,
    /// What document it was meant for.
    pub document: ShownDocument,
    /// Hash of the change.
    #[schema(value_type = schema::HexHash)]
    pub hash: ChangeHash,
    /// Which device sent it.
    #[schema(value_type = schema::HexId)]
    pub device: DeviceId,
    /// Who wrote it.
    #[schema(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// For which organization.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Why it is here, as a kebab-case word.
    #[schema(value_type = String)]
    pub reason: CustodyReason,
    /// Size of the change, in bytes.
    pub bytes: usize,
    /// When it came.
    #[schema(value_type = schema::Moment)]
    pub received_at: UnixMillis,
}

impl From<CustodyCase> for ShownCustody {
    fn from(case: CustodyCase) -> Self {
        let CustodyCase { id, entry, state, .. } = case;
        Self {
            id,
            state,
            document: ShownDocument::from(&entry.descriptor),
            hash: entry.hash,
            device: entry.device,
            practitioner: entry.practitioner,
            organization: entry.organization,
            reason: entry.reason,
            bytes: entry.payload.len(),
            received_at: entry.received_at,
        }
    }
}

/// Names a change in custody.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct CustodyPath {
    /// Its number in custody.
    #[param(maximum = 9007199254740991_i64)]
    pub id: u64,
}

/// Why a change is accepted or returned; its author is shown it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionReason {
    /// In the officer's words. Must be there for a return.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: String,
}

impl Checked for DecisionReason {
    fn check(&self) -> Result<(), Wrong> {
        let short = self.reason.len() <= MAX_REASON_BYTES;
        if short { Ok(()) } else { Err(Wrong { field: "reason", why: "at most 1000 bytes" }) }
    }
}
