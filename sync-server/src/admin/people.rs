//! Organizations and practitioners.

use serde::{Deserialize, Serialize};
use sync_protocol::{OrganizationId, PractitionerId, PublicKey};
use utoipa::ToSchema;

use super::schema;
use crate::store::{OrganizationRecord, PractitionerRecord};

/// An organization to add.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    /// FHIR id.
    #[schema(value_type = schema::FhirId)]
    pub id: OrganizationId,
    /// For people.
    #[schema(value_type = schema::Name)]
    pub name: String,
}

/// An organization, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShownOrganization {
    /// FHIR id.
    #[schema(value_type = schema::FhirId)]
    pub id: OrganizationId,
    /// For people.
    pub name: String,
    /// Public enrolment key.
    #[schema(value_type = schema::HexHash)]
    pub enrolment_key: PublicKey,
}

impl From<OrganizationRecord> for ShownOrganization {
    fn from(record: OrganizationRecord) -> Self {
        Self { id: record.id, name: record.name, enrolment_key: record.key.public() }
    }
}

/// A practitioner to add.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPractitioner {
    /// FHIR id.
    #[schema(value_type = schema::FhirId)]
    pub id: PractitionerId,
    /// For people.
    #[schema(value_type = schema::Name)]
    pub name: String,
    /// The organization that answers for them. Only the operator may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::FhirId>)]
    pub organization: Option<OrganizationId>,
}

impl From<NewPractitioner> for PractitionerRecord {
    fn from(new: NewPractitioner) -> Self {
        Self { id: new.id, name: new.name, organization: new.organization }
    }
}

/// A practitioner.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShownPractitioner {
    /// FHIR id.
    #[schema(value_type = schema::FhirId)]
    pub id: PractitionerId,
    /// For people.
    pub name: String,
    /// The organization that answers for them.
    #[schema(value_type = Option<schema::FhirId>)]
    pub organization: Option<OrganizationId>,
}

impl From<PractitionerRecord> for ShownPractitioner {
    fn from(record: PractitionerRecord) -> Self {
        Self { id: record.id, name: record.name, organization: record.organization }
    }
}
