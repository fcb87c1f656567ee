//! Whether the relay lives and works, and its counters.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::http::AppState;
use crate::http::client::Client;

/// The process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// The relay's thread answers and its store can be read and written.
pub async fn ready(State(state): State<AppState>) -> (StatusCode, &'static str) {
    match state.service.administer(|relay, _| relay.organizations().map(|_| ())).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        Ok(Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "the database fails; see the log\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the relay has stopped\n"),
    }
}

/// Counters in Prometheus format.
pub async fn metrics(State(state): State<AppState>) -> String {
    state.metrics.render()
}

/// Counters on the port that devices use: for this machine only. Others need not know how busy the clinics are.
pub async fn metrics_here(client: Client, state: State<AppState>) -> Response {
    if client.is_local {
        return metrics(state).await.into_response();
    }
    (StatusCode::NOT_FOUND, "counters are shown on this machine, or with --admin-listen\n").into_response()
}
