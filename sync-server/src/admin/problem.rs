//! What every refusal and failure of the API looks like.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request was not carried out. Stable: programs may rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// No token, or one that is not (or no longer) in force.
    NotSignedIn,
    /// Login, password or key are not right.
    SignInRefused,
    /// The one-time password must be changed first.
    MustChangePassword,
    /// Too many failed tries; `wait_s` says for how long to wait.
    TooManyAttempts,
    /// The relay is busy with other sign-ins.
    Busy,
    /// Who is signed in may not do this.
    NotPermitted,
    /// There is no such thing, or not for who is signed in.
    NotFound,
    /// It exists already.
    Exists,
    /// It cannot be done as things stand; the message says why.
    Conflict,
    /// The request cannot be read, or a field is not as it must be.
    BadRequest,
    /// The body is larger than the API takes.
    TooLarge,
    /// The path does not take this method.
    MethodNotAllowed,
    /// The relay failed; its log says why.
    Failed,
    /// The relay is stopping.
    Stopping,
}

/// A refusal or failure.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShownProblem {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// For how many seconds to wait before trying again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_s: Option<u64>,
}
