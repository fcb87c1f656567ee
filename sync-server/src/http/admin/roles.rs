//! Roles of practitioners at organizations.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Body, PathOf, Problem, QueryOf, SignedIn};
use crate::access::PractitionerRole;
use crate::admin::{Done, Page, PageQuery, RolePath};
use crate::http::AppState;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, put)).routes(routes!(remove))
}

/// Roles at an organization.
///
/// For: administer-people or read-audit. Concerns: the organizations where one may.
#[utoipa::path(
    get, path = "/roles", tag = "roles", params(PageQuery),
    responses((status = 200, body = Page<PractitionerRole>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<PractitionerRole>> {
    by.administer(&state, move |relay, authority, _| {
        let scope =
            authority.scope(&[AdministrativeAction::AdministerPeople, AdministrativeAction::ReadAudit], &query)?;
        let mut found = relay.roles()?;
        found.retain(|role| scope.covers(&role.organization));
        let key = |role: &PractitionerRole| key(role);
        found.sort_by_cached_key(key);
        Ok(Page::cut(found, &query, key))
    })
    .await
}

fn key(role: &PractitionerRole) -> String {
    format!("{}/{}/{}", role.organization, role.practitioner, role.role.as_str())
}

/// Give a practitioner a role, or change what it opens.
///
/// For: administer-people at the organization, and wherever the practitioner belongs. Not for oneself.
#[utoipa::path(
    put, path = "/roles", tag = "roles", request_body = PractitionerRole,
    responses((status = 200, body = Done), Problem)
)]
async fn put(by: SignedIn, State(state): State<AppState>, Body(role): Body<PractitionerRole>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        authority.require_over(
            relay,
            &role.practitioner,
            AdministrativeAction::AdministerPeople,
            &role.organization,
        )?;
        authority.require_not_oneself(&role.practitioner)?;
        relay.put_role(&role, now)?;
        Ok(Done {})
    })
    .await
}

/// Take a role away.
///
/// For: administer-people at the organization. Not for oneself.
#[utoipa::path(
    delete, path = "/roles/{organization}/{practitioner}/{role}", tag = "roles", params(RolePath),
    responses((status = 200, body = Done), Problem)
)]
async fn remove(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<RolePath>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        authority.require(AdministrativeAction::AdministerPeople, &path.organization)?;
        authority.require_not_oneself(&path.practitioner)?;
        let RolePath { organization, practitioner, role } = path;
        relay.remove_role(
            &PractitionerRole { practitioner, organization, role, sensitive: Vec::new(), until: None },
            now,
        )?;
        Ok(Done {})
    })
    .await
}
