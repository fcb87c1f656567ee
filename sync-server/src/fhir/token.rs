//! POST /fhir/token: a client's secret for a short-lived token (OAuth 2.0, client credentials).

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::request::pairs;
use crate::accounts::attempts::Wait;
use crate::admin::Secret;
use crate::http::AppState;
use crate::http::Login;
use crate::http::client::Client;
use crate::service::now;

/// Bytes of an id or a secret that are looked at, at most.
const MAX_CREDENTIAL: usize = 256;

/// Why there is no token, as OAuth 2.0 (RFC 6749, 5.2) puts it.
enum Refusal {
    Request(&'static str),
    GrantType,
    Client,
    Wait(Wait),
    Failed,
}

/// Gives a token.
pub async fn token(State(state): State<AppState>, client: Client, headers: HeaderMap, body: Bytes) -> Response {
    match admit(&state, client, &headers, &body).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

async fn admit(state: &AppState, client: Client, headers: &HeaderMap, body: &Bytes) -> Result<Response, Refusal> {
    state.sign_ins.check_origin(client.origin, now()).map_err(|wait| refused(state, Refusal::Wait(wait)))?;
    let (id, secret) = credentials(headers, body)?;
    // Counted by where they come from: a secret cannot be guessed, and nobody locks another's client out.
    state.sign_ins.begin(client.origin, &Login::Operator, now()).map_err(|wait| refused(state, Refusal::Wait(wait)))?;
    let origin = client.origin;
    let known = id.clone();
    let admitted = state
        .service
        .administer(move |relay, now| relay.admit_fhir_client(&known, secret.reveal(), origin, now))
        .await
        .map_err(|_| Refusal::Failed)?
        .map_err(|_| Refusal::Failed)?;
    let Some(admission) = admitted else {
        let recorded = state.service.administer(move |relay, now| relay.refused_fhir_sign_in(&id, origin, now)).await;
        if !matches!(recorded, Ok(Ok(()))) {
            return Err(Refusal::Failed);
        }
        return Err(refused(state, Refusal::Client));
    };
    state.sign_ins.succeeded(origin, &Login::Operator);
    let body = json!({
        "access_token": admission.token, "token_type": "Bearer", "expires_in": admission.valid_ms / 1000,
        "scope": SCOPE,
    });
    Ok(not_kept(Json(body).into_response()))
}

/// What a token is good for: all that its practitioner may do. There is none for less.
const SCOPE: &str = "system/*.rs system/*.cu";

fn refused(state: &AppState, refusal: Refusal) -> Refusal {
    state.metrics.refused_sign_ins.inc();
    refusal
}

/// Id and secret, from the form or from HTTP Basic.
fn credentials(headers: &HeaderMap, body: &[u8]) -> Result<(String, Secret), Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Refusal::Request("application/x-www-form-urlencoded is asked for"));
    }
    let form = pairs(body);
    let field = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    if field("grant_type").as_deref() != Some("client_credentials") {
        return Err(Refusal::GrantType);
    }
    let (id, secret) = match basic(headers) {
        Some(pair) => pair,
        None => {
            field("client_id").zip(field("client_secret")).ok_or(Refusal::Request("client_id and client_secret"))?
        }
    };
    if id.len() > MAX_CREDENTIAL || secret.len() > MAX_CREDENTIAL {
        return Err(Refusal::Client);
    }
    Ok((id, Secret::new(secret)))
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let presented = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let plain = String::from_utf8(STANDARD.decode(presented.trim()).ok()?).ok()?;
    plain.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error, description) = match &self {
            Self::Request(what) => (StatusCode::BAD_REQUEST, "invalid_request", (*what).to_owned()),
            Self::GrantType => {
                (StatusCode::BAD_REQUEST, "unsupported_grant_type", "grant_type is client_credentials".into())
            }
            Self::Client => (StatusCode::UNAUTHORIZED, "invalid_client", "client_id or client_secret is wrong".into()),
            Self::Wait(wait) => (StatusCode::TOO_MANY_REQUESTS, "slow_down", wait.to_string()),
            Self::Failed => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again".into()),
        };
        let body = json!({ "error": error, "error_description": description });
        let mut response = not_kept((status, Json(body)).into_response());
        if let Self::Wait(wait) = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.seconds()));
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"fhir\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn not_kept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
