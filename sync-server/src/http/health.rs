//! Whether the relay lives and works, and its counters.

use axum::extract::State;
use axum::http::StatusCode;

use crate::http::AppState;

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
