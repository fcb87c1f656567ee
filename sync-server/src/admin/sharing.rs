//! Relationships, care teams, consents, and charts opened in an emergency.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_protocol::{OpeningId, OrganizationId, PatientId};
use utoipa::{IntoParams, ToSchema};

use super::{PageQuery, schema};

/// Names a consent or a care team.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct FhirIdPath {
    /// Its id.
    #[param(value_type = schema::FhirId)]
    pub id: String,
}

/// A FHIR R4 resource as JSON.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct FhirResource(pub Value);

/// Names a relationship.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct RelationshipPath {
    /// Which organization manages the chart.
    #[param(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Whose chart.
    #[param(value_type = schema::FhirId)]
    pub patient: PatientId,
    /// Who treats them too.
    #[param(value_type = schema::FhirId)]
    pub partner: OrganizationId,
}

/// Names a chart opened in an emergency.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OpeningPath {
    /// The opening's id.
    #[param(value_type = schema::HexId)]
    pub id: OpeningId,
}

/// Which page of the charts that were opened in emergencies.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OpeningQuery {
    /// Charts of this organization; all that one may see if none is given.
    #[param(value_type = Option<schema::FhirId>)]
    pub organization: Option<OrganizationId>,
    /// Entries after this one: `next` of the page before.
    #[param(max_length = 64)]
    pub after: Option<String>,
    /// At most so many, up to 1000.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// Those that are over, too.
    #[serde(default)]
    pub over: bool,
}

impl OpeningQuery {
    /// Without what only openings have.
    #[must_use]
    pub fn page(&self) -> PageQuery {
        PageQuery { organization: self.organization.clone(), after: self.after.clone(), limit: self.limit }
    }
}
