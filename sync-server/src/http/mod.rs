//! HTTP: the WebSocket that devices sync over, health and metrics, the admin API.

mod admin;
mod health;
mod socket;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::metrics::Metrics;
use crate::service::Service;

/// What handlers share.
#[derive(Clone)]
pub struct AppState {
    /// The relay's thread.
    pub service: Service,
    /// Its counters.
    pub metrics: Arc<Metrics>,
    /// Largest frame to accept, in bytes.
    pub max_frame_bytes: usize,
    /// What an administrator presents as bearer token.
    pub admin_token: Arc<str>,
    /// Held by every open socket: when all are dropped, every goodbye is out.
    pub open: tokio::sync::mpsc::Sender<std::convert::Infallible>,
}

/// All routes.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/sync", get(socket::upgrade))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .nest("/admin/v1", admin::routes(&state))
        .with_state(state)
}
