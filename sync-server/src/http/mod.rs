//! HTTP: the WebSocket that devices sync over, health and metrics, the admin API.

pub mod admin;
pub(crate) mod client;
mod health;
mod socket;
mod upgrade;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;

pub use admin::{Login, SignInGuard};

use crate::fhir::Fhir;
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
    /// SHA-256 of the operator's key.
    pub operator_key_hash: [u8; 32],
    /// Where clinics keep policies of their own.
    pub policies: Arc<Path>,
    /// How long a sign-in is in force, in milliseconds.
    pub sign_in_ms: i64,
    /// Counts and bounds sign-ins.
    pub sign_ins: Arc<SignInGuard>,
    /// What the FHIR API shares.
    pub fhir: Arc<Fhir>,
    /// The proxy whose word on where a request comes from is taken.
    pub proxy: Option<IpAddr>,
    /// Held by every open socket: when all are dropped, every goodbye is out.
    pub open: tokio::sync::mpsc::Sender<std::convert::Infallible>,
}

/// What is served where devices connect, the FHIR API with it: everything if administrators have no address of their own.
pub fn devices_router(state: AppState, administered_elsewhere: bool) -> Router {
    let router = Router::new()
        .route("/sync", get(socket::upgrade))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .merge(crate::fhir::router());
    let router = if administered_elsewhere {
        router
    } else {
        router.route("/metrics", get(health::metrics_here)).merge(admin::router(&state))
    };
    router.with_state(state)
}

/// What is served where administrators connect, if that is an address of its own.
pub fn admin_router(state: AppState) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(admin::router(&state))
        .with_state(state)
}
