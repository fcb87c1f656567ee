//! Who treats a patient together (CareTeam).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_protocol::{OrganizationId, PatientId};
use utoipa::ToSchema;

use super::{Grantee, Period};
use crate::admin::schema;

/// The people and organizations that care for one patient. Its members have the patient's chart within their roles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CareTeam {
    /// Its id.
    #[schema(value_type = schema::FhirId)]
    pub id: String,
    /// Which organization manages the chart.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Whose chart.
    #[schema(value_type = schema::FhirId)]
    pub patient: PatientId,
    /// Who belongs to it.
    pub members: Vec<CareTeamMember>,
    /// The FHIR CareTeam that it was read from, with all that is not understood here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub source: Option<Value>,
}

/// A member of a care team (CareTeam.participant).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CareTeamMember {
    /// Who.
    #[schema(value_type = schema::Grantee)]
    pub member: Grantee,
    /// From when to when.
    #[serde(default)]
    pub period: Period,
}
