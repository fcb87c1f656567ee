//! The policies in force.

use std::path::Path;

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Problem, SignedIn};
use crate::access::PolicyFile;
use crate::admin::PageQuery;
use crate::http::AppState;
use crate::relay::PoliciesInForce;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(reload))
}

/// Which policies are in force.
///
/// For: administer-policy at any organization.
#[utoipa::path(get, path = "/policies", tag = "policies", responses((status = 200, body = PoliciesInForce), Problem))]
async fn show(by: SignedIn, State(state): State<AppState>) -> Answer<PoliciesInForce> {
    by.administer(&state, |relay, authority, _| {
        authority.scope(&[AdministrativeAction::AdministerPolicy], &PageQuery::default())?;
        Ok(relay.policies_in_force())
    })
    .await
}

/// Read the files in the data folder's `policies` again.
///
/// With a mistake in one of them, it is refused with file, line, column and reason, and what was in force stays.
///
/// For: the operator.
#[utoipa::path(
    post, path = "/policies/reload", tag = "policies", responses((status = 200, body = PoliciesInForce), Problem)
)]
async fn reload(by: SignedIn, State(state): State<AppState>) -> Answer<PoliciesInForce> {
    // Before any file is read for somebody.
    let _ = by.administer(&state, |_, authority, _| authority.require_operator()).await?;
    let files = read(&state.policies).await?;
    by.administer(&state, move |relay, authority, now| {
        authority.require_operator()?;
        Ok(relay.reload_policies(&files, now)?)
    })
    .await
}

/// Reads the files, away from the server's threads.
async fn read(folder: &std::sync::Arc<Path>) -> Result<Vec<PolicyFile>, Problem> {
    let folder = folder.clone();
    let read = tokio::task::spawn_blocking(move || PolicyFile::read_folder(&folder)).await;
    let unread = |why: String| Problem::bad_request(format!("the policies cannot be read: {why}"));
    read.map_err(|error| unread(error.to_string()))?.map_err(|error| unread(error.to_string()))
}
