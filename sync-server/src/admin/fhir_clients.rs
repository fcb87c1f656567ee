//! Programs that use the FHIR API.

use serde::{Deserialize, Serialize};
use sync_protocol::{OrganizationId, PractitionerId, UnixMillis};
use utoipa::{IntoParams, ToSchema};

use super::schema;
use crate::store::FhirClientRecord;

/// A client to add.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFhirClient {
    /// What people call it.
    pub name: String,
    /// For whom it acts: it may do what they may do.
    #[schema(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// At which organization.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
}

/// Names a client.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct FhirClientPath {
    /// Its id.
    pub id: String,
}

/// A client as it is shown, once, with its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FhirClientSecret {
    /// `client_id` of POST /fhir/token.
    pub id: String,
    /// `client_secret` of POST /fhir/token. The relay keeps a hash of it only.
    pub secret: String,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownFhirClient {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// For whom it acts.
    #[schema(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// At which organization.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// When it was added.
    #[schema(value_type = schema::Moment)]
    pub added_at: UnixMillis,
    /// When it was revoked.
    #[schema(value_type = Option<schema::Moment>)]
    pub revoked_at: Option<UnixMillis>,
}

impl From<FhirClientRecord> for ShownFhirClient {
    fn from(client: FhirClientRecord) -> Self {
        let FhirClientRecord { id, name, practitioner, organization, added_at, revoked_at, .. } = client;
        Self { id, name, practitioner, organization, added_at, revoked_at }
    }
}
