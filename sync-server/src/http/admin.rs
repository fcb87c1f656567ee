//! The admin API: JSON over HTTP, behind a bearer token.

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use sync_protocol::{DeviceId, UnixMillis};

use crate::access::{Affiliation, Grant, PractitionerRole};
use crate::admin::{
    AffiliationKey, AuditQuery, NewCode, NewGrant, NewOrganization, ShownAuditCheck, ShownCode, ShownCustody,
    ShownDevice, ShownOrganization,
};
use crate::http::AppState;
use crate::relay::Relay;
use crate::service::Stopped;
use crate::store::{PractitionerRecord, StoreError};

/// Audit rows in one answer, at most.
const MAX_AUDIT_ROWS: usize = 1_000;

/// The API's routes.
pub fn routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/organizations", get(organizations).post(add_organization))
        .route("/practitioners", get(practitioners).post(add_practitioner))
        .route("/roles", get(roles).put(put_role).delete(remove_role))
        .route("/affiliations", get(affiliations).put(put_affiliation).delete(remove_affiliation))
        .route("/grants", get(grants).post(add_grant))
        .route("/grants/{id}", delete(end_grant))
        .route("/enrolment-codes", post(add_code))
        .route("/devices", get(devices))
        .route("/devices/{id}", delete(revoke_device))
        .route("/custody", get(custody))
        .route("/audit", get(audit))
        .route("/audit/verify", get(verify_audit))
        .route_layer(from_fn_with_state(state.clone(), require_token))
}

async fn require_token(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let presented = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = presented.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if !bool::from(token.as_bytes().ct_eq(state.admin_token.as_bytes())) {
        return problem(StatusCode::UNAUTHORIZED, "an admin token is needed");
    }
    next.run(request).await
}

fn problem(status: StatusCode, message: &str) -> Response<Body> {
    (status, Json(json!({ "error": message }))).into_response()
}

/// What a request ran into, as an answer.
struct Failure(Response);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.0
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        Self(problem(StatusCode::SERVICE_UNAVAILABLE, &stopped.to_string()))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let status = match error {
            StoreError::NotFound(_) => StatusCode::NOT_FOUND,
            StoreError::Exists(_) => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(problem(status, &error.to_string()))
    }
}

type Answer = Result<Json<Value>, Failure>;

/// Runs an action on the relay's thread and answers with what it returns.
async fn administer<T: serde::Serialize + Send + 'static>(
    state: &AppState,
    act: impl FnOnce(&mut Relay, UnixMillis) -> Result<T, StoreError> + Send + 'static,
) -> Answer {
    Ok(Json(json!(state.service.administer(act).await??)))
}

async fn organizations(State(state): State<AppState>) -> Answer {
    administer(&state, |relay, _| {
        let found = relay.organizations()?;
        Ok(found.iter().map(ShownOrganization::from).collect::<Vec<_>>())
    })
    .await
}

async fn add_organization(State(state): State<AppState>, Json(new): Json<NewOrganization>) -> Answer {
    administer(&state, move |relay, now| relay.add_organization(new.id, new.name, now)).await
}

async fn practitioners(State(state): State<AppState>) -> Answer {
    administer(&state, |relay, _| relay.practitioners()).await
}

async fn add_practitioner(State(state): State<AppState>, Json(record): Json<PractitionerRecord>) -> Answer {
    administer(&state, move |relay, now| relay.add_practitioner(&record, now)).await
}

async fn roles(State(state): State<AppState>) -> Answer {
    administer(&state, |relay, _| relay.roles()).await
}

async fn put_role(State(state): State<AppState>, Json(role): Json<PractitionerRole>) -> Answer {
    administer(&state, move |relay, now| relay.put_role(&role, now)).await
}

async fn remove_role(State(state): State<AppState>, Json(role): Json<PractitionerRole>) -> Answer {
    administer(&state, move |relay, now| relay.remove_role(&role, now)).await
}

async fn affiliations(State(state): State<AppState>) -> Answer {
    administer(&state, |relay, _| relay.affiliations()).await
}

async fn put_affiliation(State(state): State<AppState>, Json(affiliation): Json<Affiliation>) -> Answer {
    administer(&state, move |relay, now| relay.put_affiliation(affiliation, now)).await
}

async fn remove_affiliation(State(state): State<AppState>, Json(key): Json<AffiliationKey>) -> Answer {
    administer(&state, move |relay, now| relay.remove_affiliation(&key.organization, &key.partner, now)).await
}

async fn grants(State(state): State<AppState>) -> Answer {
    administer(&state, |relay, _| relay.grants()).await
}

async fn add_grant(State(state): State<AppState>, Json(new): Json<NewGrant>) -> Answer {
    administer(&state, move |relay, now| {
        relay.add_grant(
            Grant {
                id: String::new(),
                organization: new.organization,
                patient: new.patient,
                grantee: new.grantee,
                compartments: new.compartments,
                may_write: new.may_write,
                expires_at: now.plus(new.valid_ms),
            },
            now,
        )
    })
    .await
}

async fn end_grant(State(state): State<AppState>, Path(id): Path<String>) -> Answer {
    administer(&state, move |relay, now| relay.end_grant(&id, now)).await
}

async fn add_code(State(state): State<AppState>, Json(new): Json<NewCode>) -> Answer {
    administer(&state, move |relay, now| {
        let made = relay.add_enrolment_code(new.organization, new.practitioner, new.valid_ms, now)?;
        Ok(ShownCode { code: made.code, expires_at: made.expires_at })
    })
    .await
}

async fn devices(State(state): State<AppState>) -> Answer {
    administer(&state, |relay, _| {
        let found = relay.devices()?;
        Ok(found.into_iter().map(|(device, held)| ShownDevice::new(&device, held)).collect::<Vec<_>>())
    })
    .await
}

async fn revoke_device(State(state): State<AppState>, Path(id): Path<DeviceId>) -> Answer {
    administer(&state, move |relay, now| relay.revoke_device(&id, now)).await
}

async fn custody(State(state): State<AppState>) -> Answer {
    administer(&state, |relay, _| {
        let found = relay.custody()?;
        Ok(found.iter().map(ShownCustody::from).collect::<Vec<_>>())
    })
    .await
}

async fn audit(State(state): State<AppState>, Query(query): Query<AuditQuery>) -> Answer {
    let limit = query.limit.unwrap_or(MAX_AUDIT_ROWS).min(MAX_AUDIT_ROWS);
    administer(&state, move |relay, _| relay.audit_after(query.after.unwrap_or(0), limit)).await
}

async fn verify_audit(State(state): State<AppState>) -> Answer {
    administer(&state, |relay, _| {
        let (rows, broken_at) = relay.verify_audit()?;
        Ok(ShownAuditCheck { rows, broken_at })
    })
    .await
}
