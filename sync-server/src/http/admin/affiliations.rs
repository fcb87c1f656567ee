//! What organizations open to one another.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Body, PathOf, Problem, QueryOf, SignedIn};
use crate::access::Affiliation;
use crate::admin::{AffiliationPath, Done, Page, PageQuery};
use crate::http::AppState;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, put)).routes(routes!(remove))
}

/// What an organization opens to others, and what others open to it.
///
/// For: administer-access or read-audit. Concerns: the organizations where one may.
#[utoipa::path(
    get, path = "/affiliations", tag = "affiliations", params(PageQuery),
    responses((status = 200, body = Page<Affiliation>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<Affiliation>> {
    by.administer(&state, move |relay, authority, _| {
        let scope =
            authority.scope(&[AdministrativeAction::AdministerAccess, AdministrativeAction::ReadAudit], &query)?;
        let mut found = relay.affiliations()?;
        found.retain(|affiliation| scope.covers(&affiliation.organization) || scope.covers(&affiliation.partner));
        let key = |affiliation: &Affiliation| format!("{}/{}", affiliation.organization, affiliation.partner);
        found.sort_by_cached_key(key);
        Ok(Page::cut(found, &query, key))
    })
    .await
}

/// Open compartments of an organization's charts to another.
///
/// For: administer-access at the organization whose charts they are.
#[utoipa::path(
    put, path = "/affiliations", tag = "affiliations", request_body = Affiliation,
    responses((status = 200, body = Done), Problem)
)]
async fn put(by: SignedIn, State(state): State<AppState>, Body(affiliation): Body<Affiliation>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        authority.require(AdministrativeAction::AdministerAccess, &affiliation.organization)?;
        relay.put_affiliation(affiliation, now)?;
        Ok(Done {})
    })
    .await
}

/// End an affiliation.
///
/// For: administer-access at the organization whose charts they are.
#[utoipa::path(
    delete, path = "/affiliations/{organization}/{partner}", tag = "affiliations", params(AffiliationPath),
    responses((status = 200, body = Done), Problem)
)]
async fn remove(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<AffiliationPath>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        authority.require(AdministrativeAction::AdministerAccess, &path.organization)?;
        relay.remove_affiliation(&path.organization, &path.partner, now)?;
        Ok(Done {})
    })
    .await
}
