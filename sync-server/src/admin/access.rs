//! Roles, affiliations and grants.

use serde::{Deserialize, Serialize};
use sync_protocol::{Compartment, OrganizationId, PatientId, PractitionerId};
use utoipa::{IntoParams, ToSchema};

use super::schema;
use crate::access::{Grantee, Role};

/// Names a role.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct RolePath {
    /// Where.
    #[param(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Who.
    #[param(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// What they do there.
    pub role: Role,
}

/// Names an affiliation.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AffiliationPath {
    /// Whose charts.
    #[param(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Who may have them.
    #[param(value_type = schema::FhirId)]
    pub partner: OrganizationId,
}

/// Names a grant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct GrantPath {
    /// Its id.
    #[param(value_type = schema::HexId)]
    pub id: String,
}

/// A grant to add.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// Which organization manages the chart.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Whose chart.
    #[schema(value_type = schema::FhirId)]
    pub patient: PatientId,
    /// To whom.
    #[schema(value_type = schema::Grantee)]
    pub grantee: Grantee,
    /// Which compartments.
    #[schema(value_type = Vec<schema::CompartmentName>)]
    pub compartments: Vec<Compartment>,
    /// Whether they may also write there.
    #[serde(default)]
    pub may_write: bool,
    /// For how long, in milliseconds from now.
    #[schema(value_type = schema::Duration)]
    pub valid_ms: i64,
}
