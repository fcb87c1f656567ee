//! Refusals and failures as OperationOutcomes.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::accounts::attempts::Wait;
use crate::relay::GatewayRefusal;
use crate::service::Stopped;
use crate::store::StoreError;

/// Issues of one answer, at most.
const MAX_ISSUES: usize = 20;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// R4's IssueType.
    pub code: &'static str,
    /// For people. No content of a record.
    pub text: String,
    /// FHIRPath of the element at fault.
    pub expression: Option<String>,
}

impl Issue {
    /// An issue that concerns no single element.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), expression: None }
    }

    /// An issue of one element.
    pub fn at(code: &'static str, expression: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), expression: Some(expression.into()) }
    }

    fn shown(&self, severity: &str) -> Value {
        let mut shown = json!({ "severity": severity, "code": self.code, "diagnostics": self.text });
        if let Some(expression) = &self.expression {
            shown["expression"] = json!([expression]);
        }
        shown
    }
}

/// Why a request was not carried out.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The answer's status.
    pub status: StatusCode,
    /// What is wrong.
    pub issues: Vec<Issue>,
    /// Seconds after which it is worth trying again.
    pub retry_after: Option<u64>,
    /// What the ledger says of it; none where nothing was refused to anybody.
    pub audited: Option<&'static str>,
    /// A file is damaged: the index, perhaps.
    pub damage: bool,
}

impl Fault {
    /// A fault with one issue.
    pub fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, issues: vec![Issue::new(code, text)], retry_after: None, audited: None, damage: false }
    }

    /// The request is not understood.
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", text)
    }

    /// No token, or one that is not in force.
    #[must_use]
    pub fn not_signed_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "login", "this needs a token of POST /fhir/token in force")
    }

    /// There is no such thing, or the caller may not see it: both are answered alike, to the byte.
    #[must_use]
    pub fn not_found() -> Self {
        let fault = Self::new(StatusCode::NOT_FOUND, "not-found", "there is no such resource");
        Self { audited: Some("not-found"), ..fault }
    }

    /// The caller may not write there.
    #[must_use]
    pub fn forbidden() -> Self {
        let fault = Self::new(StatusCode::FORBIDDEN, "forbidden", "you may not write this here");
        Self { audited: Some("not-permitted"), ..fault }
    }

    /// The API does not do that.
    #[must_use]
    pub fn method_not_allowed(text: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", text)
    }

    /// The resource is another by now.
    #[must_use]
    pub fn version_differs() -> Self {
        let text = "the resource is another than If-Match names: read it again";
        Self::new(StatusCode::PRECONDITION_FAILED, "conflict", text)
    }

    /// What was sent is not what R4 or the record wants.
    #[must_use]
    pub fn unprocessable(issues: Vec<Issue>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self { status, issues, retry_after: None, audited: None, damage: false }
    }

    /// Come back later.
    pub fn try_again(text: impl Into<String>, seconds: u64) -> Self {
        let fault = Self::new(StatusCode::SERVICE_UNAVAILABLE, "transient", text);
        Self { retry_after: Some(seconds), ..fault }
    }

    /// Too many requests.
    pub fn too_many(text: impl Into<String>, seconds: u64) -> Self {
        let fault = Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", text);
        Self { retry_after: Some(seconds), ..fault }
    }

    /// Something of the relay's own failed; the log says what.
    #[must_use]
    pub fn failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "exception", "the relay could not do this")
    }

    /// As an OperationOutcome.
    #[must_use]
    pub fn outcome(&self) -> Value {
        outcome("error", &self.issues)
    }
}

/// An OperationOutcome.
#[must_use]
pub fn outcome(severity: &str, issues: &[Issue]) -> Value {
    let issues: Vec<_> = issues.iter().take(MAX_ISSUES).map(|issue| issue.shown(severity)).collect();
    json!({ "resourceType": "OperationOutcome", "issue": issues })
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a FHIR request met a failing store");
        Self { damage: error.is_damage(), ..Self::failed() }
    }
}

impl From<Stopped> for Fault {
    fn from(_: Stopped) -> Self {
        Self::try_again("the relay is going down", 5)
    }
}

impl From<Wait> for Fault {
    fn from(wait: Wait) -> Self {
        Self::too_many(wait.to_string(), wait.seconds())
    }
}

impl From<GatewayRefusal> for Fault {
    fn from(refusal: GatewayRefusal) -> Self {
        match refusal {
            GatewayRefusal::NotSignedIn => Self::not_signed_in(),
            GatewayRefusal::NotPermitted => Self::forbidden(),
            GatewayRefusal::Stale => Self::try_again("others write to the same chart, try again", 1),
            GatewayRefusal::Refused => {
                tracing::error!("a change of the FHIR gateway was refused by the relay's own checks");
                Self::failed()
            }
            GatewayRefusal::Store(error) => error.into(),
        }
    }
}
