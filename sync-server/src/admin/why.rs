//! Questions of why somebody may or may not see something.

use serde::Deserialize;
use sync_protocol::{Compartment, DocumentId, OrganizationId, PatientId, PractitionerId};
use utoipa::IntoParams;

use super::schema;

/// Names a practitioner and a document.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct WhyDocumentPath {
    /// Who.
    #[param(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// The document's id.
    #[param(value_type = schema::HexId)]
    pub document: DocumentId,
}

/// Names a practitioner and a part of a chart.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct WhyChartPath {
    /// Who.
    #[param(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// Which organization manages the chart.
    #[param(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Whose chart.
    #[param(value_type = schema::FhirId)]
    pub patient: PatientId,
    /// What kind of content.
    #[param(value_type = schema::ChartCompartment)]
    pub compartment: Compartment,
}

/// For whom they would act.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WhyQuery {
    /// The organization they act for; each one where they have a role if none is given.
    #[param(value_type = Option<schema::FhirId>)]
    pub acting_for: Option<OrganizationId>,
}

/// For whom they would act, and which part.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WhyChartQuery {
    /// The organization they act for; each one where they have a role if none is given.
    #[param(value_type = Option<schema::FhirId>)]
    pub acting_for: Option<OrganizationId>,
    /// Encounter id or sensitive category, where the compartment has such parts.
    #[serde(default)]
    #[param(max_length = 64)]
    pub part: String,
}
