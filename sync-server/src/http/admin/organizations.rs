//! Organizations.

use std::collections::BTreeSet;

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Answer, Authority, Body, Problem, QueryOf, SignedIn};
use crate::admin::{Done, NewOrganization, Page, PageQuery, ShownOrganization};
use crate::http::AppState;
use crate::relay::Relay;
use crate::store::{OrganizationRecord, Scope};

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, add))
}

/// Organizations that one administers, and those that they share charts with.
///
/// For: everybody who administers anything. Concerns: their organizations.
#[utoipa::path(
    get, path = "/organizations", tag = "organizations", params(PageQuery),
    responses((status = 200, body = Page<ShownOrganization>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<ShownOrganization>> {
    by.administer(&state, move |relay, authority, _| {
        let known = known(relay, authority, &query)?;
        Ok(Page::cut(known, &query, |organization| organization.id.to_string()).map(ShownOrganization::from))
    })
    .await
}

fn known(relay: &Relay, authority: &Authority, query: &PageQuery) -> Result<Vec<OrganizationRecord>, Problem> {
    let scope = authority.scope(&super::AdministrativeAction::ALL, query)?;
    let mut found = relay.organizations()?;
    let Scope::Of(own) = scope else { return Ok(found) };
    let mut known: BTreeSet<_> = own.iter().cloned().collect();
    if query.organization.is_none() {
        for affiliation in relay.affiliations()? {
            let both = [affiliation.organization, affiliation.partner];
            if both.iter().any(|organization| own.contains(organization)) {
                known.extend(both);
            }
        }
    }
    found.retain(|organization| known.contains(&organization.id));
    Ok(found)
}

/// Add an organization, with an enrolment key of its own.
///
/// For: the operator.
#[utoipa::path(
    post, path = "/organizations", tag = "organizations", request_body = NewOrganization,
    responses((status = 200, body = Done), Problem)
)]
async fn add(by: SignedIn, State(state): State<AppState>, Body(new): Body<NewOrganization>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        authority.require_operator()?;
        relay.add_organization(new.id, new.name, now)?;
        Ok(Done {})
    })
    .await
}
