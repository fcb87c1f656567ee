//! Accounts of those who administer.

use serde::{Deserialize, Serialize};
use sync_protocol::{PractitionerId, UnixMillis};
use utoipa::{IntoParams, ToSchema};

use super::schema;

/// An account to add. Its login is the practitioner's id.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Whose.
    #[schema(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
}

/// Names an account.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AccountPath {
    /// Whose.
    #[param(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
}

/// A password that must be changed at the first sign-in; shown once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OneTimePassword {
    /// Whose.
    #[schema(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// Four groups of four letters.
    pub password: String,
    /// From this moment on it admits nobody.
    #[schema(value_type = schema::Moment)]
    pub expires_at: UnixMillis,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownAccount {
    /// Whose; the login.
    #[schema(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// When it was added.
    #[schema(value_type = schema::Moment)]
    pub added_at: UnixMillis,
    /// When its password was last set.
    #[schema(value_type = schema::Moment)]
    pub password_set_at: UnixMillis,
    /// The one-time password was not changed yet.
    pub must_change_password: bool,
    /// Sign-ins in force.
    pub sign_ins: u64,
    /// After failed sign-ins: not before this moment again.
    #[schema(value_type = Option<schema::Moment>)]
    pub locked_until: Option<UnixMillis>,
}
