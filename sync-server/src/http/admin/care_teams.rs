//! Who treats a patient together, in the relay's own shape and as FHIR R4.

use axum::extract::State;
use sync_protocol::UnixMillis;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Authority, Body, PathOf, Problem, QueryOf, SignedIn};
use crate::access::CareTeam;
use crate::admin::{Done, FhirIdPath, FhirResource, Page, PageQuery};
use crate::http::AppState;
use crate::relay::Relay;
use crate::store::StoreError;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, put)).routes(routes!(remove)).routes(routes!(export, put_fhir))
}

/// Care teams of an organization's charts, without the FHIR resources that they were read from.
///
/// For: administer-access or read-audit. Concerns: the organizations that manage the charts.
#[utoipa::path(
    get, path = "/care-teams", tag = "care-teams", params(PageQuery),
    responses((status = 200, body = Page<CareTeam>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<CareTeam>> {
    by.administer(&state, move |relay, authority, _| {
        let scope =
            authority.scope(&[AdministrativeAction::AdministerAccess, AdministrativeAction::ReadAudit], &query)?;
        let after = query.after.as_deref().unwrap_or_default();
        let found = relay.care_teams_page(&scope, after, query.limit() + 1)?;
        // What it was read from is exported one by one: it may be long, and hold a person's words.
        let page = Page::of(found, query.limit(), |one| one.id.clone());
        Ok(page.map(|one| CareTeam { source: None, ..one }))
    })
    .await
}

/// Add a care team, or put it in the place of the one with its id.
///
/// For: administer-access at the organization that manages the chart.
#[utoipa::path(
    put, path = "/care-teams", tag = "care-teams", request_body = CareTeam,
    responses((status = 200, body = Done), Problem)
)]
async fn put(by: SignedIn, State(state): State<AppState>, Body(team): Body<CareTeam>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| keep(relay, authority, &team, now)).await
}

/// Add a care team, or put it in the place of the one with its id. As a FHIR R4 CareTeam; what it holds besides is kept. What would change its meaning and is not
/// understood is refused, with the element's path.
///
/// For: administer-access at the organization that manages the chart: `CareTeam.managingOrganization` names it.
#[utoipa::path(
    put, path = "/care-teams/{id}/fhir", tag = "care-teams", params(FhirIdPath), request_body = FhirResource,
    responses((status = 200, body = Done), Problem)
)]
async fn put_fhir(
    by: SignedIn,
    State(state): State<AppState>,
    PathOf(path): PathOf<FhirIdPath>,
    Body(resource): Body<FhirResource>,
) -> Answer<Done> {
    let team = CareTeam::from_fhir(resource.0)?;
    if team.id != path.id {
        return Err(Problem::bad_request("CareTeam.id: another than the path names"));
    }
    team.check_content()?;
    by.administer(&state, move |relay, authority, now| keep(relay, authority, &team, now)).await
}

/// One care team as a FHIR R4 CareTeam: as it was put, or made anew.
///
/// For: administer-access or read-audit at the organization that manages the chart.
#[utoipa::path(
    get, path = "/care-teams/{id}/fhir", tag = "care-teams", params(FhirIdPath),
    responses((status = 200, body = FhirResource), Problem)
)]
async fn export(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<FhirIdPath>) -> Answer<FhirResource> {
    by.administer(&state, move |relay, authority, _| {
        let found = relay.care_team(&path.id)?.ok_or(StoreError::NotFound("care team"))?;
        if !authority.may(AdministrativeAction::AdministerAccess, &found.organization) {
            authority.require_of_found("care team", AdministrativeAction::ReadAudit, &found.organization)?;
        }
        Ok(FhirResource(found.to_fhir()))
    })
    .await
}

/// End a care team.
///
/// For: administer-access at the organization that manages the chart.
#[utoipa::path(
    delete, path = "/care-teams/{id}", tag = "care-teams", params(FhirIdPath),
    responses((status = 200, body = Done), Problem)
)]
async fn remove(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<FhirIdPath>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        let found = relay.care_team(&path.id)?.ok_or(StoreError::NotFound("care team"))?;
        authority.require_of_found("care team", AdministrativeAction::AdministerAccess, &found.organization)?;
        relay.remove_care_team(&path.id, now)?;
        Ok(Done {})
    })
    .await
}

/// Ids are the relay's, not an organization's: nobody puts theirs in the place of another organization's.
fn keep(relay: &mut Relay, authority: &Authority, team: &CareTeam, now: UnixMillis) -> Result<Done, Problem> {
    authority.require(AdministrativeAction::AdministerAccess, &team.organization)?;
    let there = relay.care_team(&team.id)?;
    if there.is_some_and(|there| there.organization != team.organization) {
        return Err(StoreError::Conflict("id: it is taken, choose another".into()).into());
    }
    relay.put_care_team(team, now)?;
    Ok(Done {})
}
