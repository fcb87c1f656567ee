//! Signing in and out.

use serde::{Deserialize, Serialize};
use sync_protocol::{OrganizationId, PractitionerId, UnixMillis};
use utoipa::ToSchema;
use zeroize::Zeroize;

use super::schema;

/// A password, key or token. Never shown by `Debug`; wiped from memory when dropped.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What proves who signs in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Credentials {
    /// The operator, by the key from the relay's data folder.
    Operator {
        /// Content of `admin.token`.
        #[schema(value_type = String, max_length = 1024)]
        key: Secret,
    },
    /// A practitioner with an account.
    Practitioner {
        /// The practitioner's id.
        #[schema(max_length = 1024)]
        login: String,
        /// Their password, or the one-time password of a new account.
        #[schema(value_type = String, max_length = 1024)]
        password: Secret,
    },
}

/// A password to set in place of the present one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The present one.
    #[schema(value_type = String, max_length = 1024)]
    pub current: Secret,
    /// The one to set: 12 to 128 letters.
    #[schema(value_type = String, min_length = 12, max_length = 128)]
    pub new: Secret,
}

/// What a sign-in gives.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Admitted {
    /// To present as bearer token.
    #[schema(value_type = String)]
    pub token: Secret,
    /// From this moment on it is worth nothing.
    #[schema(value_type = schema::Moment)]
    pub expires_at: UnixMillis,
    /// Who has signed in; none for the operator.
    #[schema(value_type = Option<schema::FhirId>)]
    pub practitioner: Option<PractitionerId>,
    /// The token is good for nothing but changing the password.
    pub must_change_password: bool,
    /// What they may do, and where; empty for the operator, who may do everything but see charts.
    pub rights: Vec<ShownRight>,
}

/// What somebody may do at an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownRight {
    /// Where.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Administrative actions.
    pub actions: Vec<String>,
}
