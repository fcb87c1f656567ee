//! Charts opened in an emergency.

use axum::extract::State;
use sync_protocol::UnixMillis;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, PathOf, Problem, QueryOf, SignedIn};
use crate::access::BreakGlassOpening;
use crate::admin::{Done, OpeningPath, OpeningQuery, Page};
use crate::http::AppState;
use crate::store::StoreError;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(end))
}

/// Charts opened in an emergency, oldest first, with the reasons that practitioners gave: those that are open, or all.
///
/// For: decide-custody or read-audit. Concerns: the organizations that manage the charts.
#[utoipa::path(
    get, path = "/emergency", tag = "emergency", params(OpeningQuery),
    responses((status = 200, body = Page<BreakGlassOpening>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<OpeningQuery>,
) -> Answer<Page<BreakGlassOpening>> {
    by.administer(&state, move |relay, authority, now| {
        let page = query.page();
        let scope = authority.scope(&[AdministrativeAction::ReadAudit, AdministrativeAction::DecideCustody], &page)?;
        let mut found = relay.openings_after(if query.over { UnixMillis(i64::MIN) } else { now })?;
        found.retain(|opening| scope.covers(&opening.organization));
        let key = |opening: &BreakGlassOpening| format!("{:020}-{}", opening.opened_at.0.max(0), opening.id);
        found.sort_by_cached_key(key);
        Ok(Page::cut(found, &page, key))
    })
    .await
}

/// End an opening before its time, with every other of the same chart to the same practitioner. What the device was given under it is purged as soon as it is connected.
///
/// For: administer-access at the organization that manages the chart.
#[utoipa::path(
    delete, path = "/emergency/{id}", tag = "emergency", params(OpeningPath),
    responses((status = 200, body = Done), Problem)
)]
async fn end(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<OpeningPath>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        let opening = relay.opening(&path.id)?;
        authority.require_of_found("opening", AdministrativeAction::AdministerAccess, &opening.organization)?;
        if opening.until <= now {
            return Err(StoreError::Conflict("this opening is over already".into()).into());
        }
        relay.end_opening(&path.id, now)?;
        Ok(Done {})
    })
    .await
}
