//! Practitioners.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Body, Problem, QueryOf, SignedIn};
use crate::admin::{Done, NewPractitioner, Page, PageQuery, ShownPractitioner};
use crate::http::AppState;
use crate::store::Scope;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, add))
}

/// Practitioners that an organization answers for, or that have a role there.
///
/// For: administer-people, administer-devices, administer-access or read-audit. Concerns: the organizations where one may.
#[utoipa::path(
    get, path = "/practitioners", tag = "practitioners", params(PageQuery),
    responses((status = 200, body = Page<ShownPractitioner>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<ShownPractitioner>> {
    use AdministrativeAction::{AdministerAccess, AdministerDevices, AdministerPeople, ReadAudit};
    by.administer(&state, move |relay, authority, _| {
        let scope = authority.scope(&[AdministerPeople, AdministerDevices, AdministerAccess, ReadAudit], &query)?;
        let mut found = relay.practitioners()?;
        if scope != Scope::All {
            let roles = relay.roles()?;
            let here = roles.iter().filter(|role| scope.covers(&role.organization)).map(|role| &role.practitioner);
            let here: std::collections::HashSet<_> = here.collect();
            found.retain(|p| here.contains(&p.id) || p.organization.as_ref().is_some_and(|own| scope.covers(own)));
        }
        Ok(Page::cut(found, &query, |practitioner| practitioner.id.to_string()).map(ShownPractitioner::from))
    })
    .await
}

/// Add a practitioner.
///
/// For: administer-people at the organization that is to answer for them; without one, the operator.
#[utoipa::path(
    post, path = "/practitioners", tag = "practitioners", request_body = NewPractitioner,
    responses((status = 200, body = Done), Problem)
)]
async fn add(by: SignedIn, State(state): State<AppState>, Body(new): Body<NewPractitioner>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        match &new.organization {
            Some(organization) => authority.require(AdministrativeAction::AdministerPeople, organization)?,
            None => authority.require_operator()?,
        }
        relay.add_practitioner(&new.into(), now)?;
        Ok(Done {})
    })
    .await
}
