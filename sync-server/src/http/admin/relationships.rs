//! Which patients are treated by two organizations.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Body, PathOf, Problem, QueryOf, SignedIn};
use crate::access::Relationship;
use crate::admin::{Done, Page, PageQuery, RelationshipPath};
use crate::http::AppState;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, put)).routes(routes!(remove))
}

/// Relationships of an organization's charts.
///
/// For: administer-access or read-audit. Concerns: the organizations that manage the charts.
#[utoipa::path(
    get, path = "/relationships", tag = "relationships", params(PageQuery),
    responses((status = 200, body = Page<Relationship>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<Relationship>> {
    by.administer(&state, move |relay, authority, _| {
        let scope =
            authority.scope(&[AdministrativeAction::AdministerAccess, AdministrativeAction::ReadAudit], &query)?;
        let mut found = relay.relationships()?;
        found.retain(|relationship| scope.covers(&relationship.organization));
        let key = |one: &Relationship| format!("{}/{}/{}", one.organization, one.patient, one.partner);
        found.sort_by_cached_key(key);
        Ok(Page::cut(found, &query, key))
    })
    .await
}

/// Say that another organization treats a patient too. What that opens, an affiliation and the policies say.
///
/// For: administer-access at the organization that manages the chart.
#[utoipa::path(
    put, path = "/relationships", tag = "relationships", request_body = Relationship,
    responses((status = 200, body = Done), Problem)
)]
async fn put(by: SignedIn, State(state): State<AppState>, Body(relationship): Body<Relationship>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        authority.require(AdministrativeAction::AdministerAccess, &relationship.organization)?;
        relay.put_relationship(&relationship, now)?;
        Ok(Done {})
    })
    .await
}

/// End a relationship.
///
/// For: administer-access at the organization that manages the chart.
#[utoipa::path(
    delete, path = "/relationships/{organization}/{patient}/{partner}", tag = "relationships",
    params(RelationshipPath), responses((status = 200, body = Done), Problem)
)]
async fn remove(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<RelationshipPath>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        authority.require(AdministrativeAction::AdministerAccess, &path.organization)?;
        let RelationshipPath { organization, patient, partner } = path;
        relay.remove_relationship(&Relationship { organization, patient, partner }, now)?;
        Ok(Done {})
    })
    .await
}
