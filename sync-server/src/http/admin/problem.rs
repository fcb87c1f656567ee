//! Refusals and failures as answers.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};

use super::AdministrativeAction;
use crate::access::FhirError;
use crate::accounts::attempts::Wait;
use crate::admin::{ErrorCode, ShownProblem, Wrong};
use crate::service::Stopped;
use crate::store::StoreError;

/// Letters of a message, at most: it may quote what the request held.
const MAX_MESSAGE: usize = 300;

/// Why a request was not carried out.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    shown: ShownProblem,
    /// What somebody who is signed in may not do: to be recorded.
    refused: Option<&'static str>,
}

impl Problem {
    /// A problem with its status.
    pub fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into().chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect();
        Self { status, shown: ShownProblem { code, message, wait_s: None }, refused: None }
    }

    /// No token, or one that is not in force.
    #[must_use]
    pub fn not_signed_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::NotSignedIn, "sign in first: this needs a token in force")
    }

    /// What is stored cannot be shown.
    #[must_use]
    pub fn unreadable() -> Self {
        Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, "the change cannot be read: return it to its author")
    }

    /// Login, password or key are wrong. Which of them is not said.
    #[must_use]
    pub fn sign_in_refused() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::SignInRefused, "login, password or key is wrong")
    }

    /// The one-time password is still there.
    #[must_use]
    pub fn must_change_password() -> Self {
        let message = "the one-time password must be changed before anything else";
        Self::new(StatusCode::FORBIDDEN, ErrorCode::MustChangePassword, message)
    }

    /// Whoever is signed in may not do this.
    #[must_use]
    pub fn not_permitted(what: &'static str) -> Self {
        let message = format!("you may not do this here: it takes {what}");
        Self { refused: Some(what), ..Self::new(StatusCode::FORBIDDEN, ErrorCode::NotPermitted, message) }
    }

    /// There is no such thing, or it is somebody else's: both are answered alike.
    #[must_use]
    pub fn hidden(what: &'static str, action: AdministrativeAction) -> Self {
        Self { refused: Some(action.as_str()), ..StoreError::NotFound(what).into() }
    }

    /// The relay has more sign-ins to check than it takes at once.
    #[must_use]
    pub fn busy() -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Busy, "the relay is busy, try again");
        problem.shown.wait_s = Some(1);
        problem
    }

    /// The API has no such path.
    #[must_use]
    pub fn no_such_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, "the admin API has no such path")
    }

    /// The path does not take the method.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let message = "this path does not take this method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message)
    }

    /// What the request lacks or has wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message)
    }

    /// What somebody who is signed in may not do, if that is the problem.
    pub(super) fn refused(&self) -> Option<&'static str> {
        self.refused
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let wait = self.shown.wait_s.map(HeaderValue::from);
        let mut response = (self.status, Json(self.shown)).into_response();
        if let Some(wait) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, error.to_string()),
            StoreError::Invalid(_) => Self::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, error.to_string()),
            StoreError::Exists(_) => Self::new(StatusCode::CONFLICT, ErrorCode::Exists, error.to_string()),
            StoreError::Conflict(why) => Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, why),
            error => {
                tracing::error!(%error, "an administrative request failed");
                let message = "the relay failed; its log says why";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Failed, message)
            }
        }
    }
}

impl From<Stopped> for Problem {
    fn from(stopped: Stopped) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Stopping, stopped.to_string())
    }
}

impl From<Wrong> for Problem {
    fn from(wrong: Wrong) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::BadRequest, wrong.to_string())
    }
}

impl From<FhirError> for Problem {
    fn from(error: FhirError) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::BadRequest, error.to_string())
    }
}

impl From<Wait> for Problem {
    fn from(wait: Wait) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyAttempts, wait.to_string());
        problem.shown.wait_s = Some(wait.seconds());
        problem
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        let code = match status {
            StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::TooLarge,
            _ => ErrorCode::BadRequest,
        };
        Self::new(status, code, rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

/// Every operation may be refused in these ways; the bodies are alike.
impl utoipa::IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let refusal = |description: &str| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ShownProblem"))).build();
            let response = ResponseBuilder::new().description(description).content("application/json", content);
            RefOr::T(response.build())
        };
        [
            ("401", "Not signed in, or the sign-in is refused."),
            ("403", "Who is signed in may not do this."),
            ("404", "There is no such thing, or not for who is signed in."),
            ("409", "It exists already, or cannot be done as things stand."),
            ("422", "A field is not as it must be; other malformed requests are answered with 400, 413 or 415."),
            ("429", "Too many failed tries."),
            ("500", "The relay failed."),
            ("503", "The relay is busy or stopping."),
        ]
        .map(|(status, description)| (status.to_owned(), refusal(description)))
        .into()
    }
}
