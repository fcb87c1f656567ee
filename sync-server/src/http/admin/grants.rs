//! Single charts opened for a time (referrals).

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Body, PathOf, Problem, QueryOf, SignedIn};
use crate::access::Grant;
use crate::admin::{Done, GrantPath, NewGrant, Page, PageQuery};
use crate::http::AppState;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(end))
}

/// Grants of an organization's charts, those that ran out included.
///
/// For: administer-access or read-audit. Concerns: the organizations that manage the charts.
#[utoipa::path(
    get, path = "/grants", tag = "grants", params(PageQuery),
    responses((status = 200, body = Page<Grant>), Problem)
)]
async fn list(by: SignedIn, State(state): State<AppState>, QueryOf(query): QueryOf<PageQuery>) -> Answer<Page<Grant>> {
    by.administer(&state, move |relay, authority, _| {
        let scope =
            authority.scope(&[AdministrativeAction::AdministerAccess, AdministrativeAction::ReadAudit], &query)?;
        let after = query.after.as_deref().unwrap_or_default();
        let found = relay.grants_page(&scope, after, query.limit() + 1)?;
        Ok(Page::of(found, query.limit(), |grant| grant.id.clone()))
    })
    .await
}

/// Open a chart, or some of it, for a time.
///
/// For: administer-access at the organization that manages the chart.
#[utoipa::path(
    post, path = "/grants", tag = "grants", request_body = NewGrant,
    responses((status = 200, body = Grant), Problem)
)]
async fn add(by: SignedIn, State(state): State<AppState>, Body(new): Body<NewGrant>) -> Answer<Grant> {
    by.administer(&state, move |relay, authority, now| {
        authority.require(AdministrativeAction::AdministerAccess, &new.organization)?;
        let grant = Grant {
            id: String::new(),
            organization: new.organization,
            patient: new.patient,
            grantee: new.grantee,
            compartments: new.compartments,
            may_write: new.may_write,
            expires_at: now.plus(new.valid_ms),
        };
        Ok(relay.add_grant(grant, now)?)
    })
    .await
}

/// End a grant now.
///
/// For: administer-access at the organization that manages the chart.
#[utoipa::path(
    delete, path = "/grants/{id}", tag = "grants", params(GrantPath),
    responses((status = 200, body = Done), Problem)
)]
async fn end(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<GrantPath>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        let organization = relay.grant(&path.id)?.organization;
        authority.require_of_found("grant", AdministrativeAction::AdministerAccess, &organization)?;
        relay.end_grant(&path.id, now)?;
        Ok(Done {})
    })
    .await
}
