//! What patients have said about who may have their charts, in the relay's own shape and as FHIR R4.

use axum::extract::State;
use sync_protocol::UnixMillis;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Authority, Body, PathOf, Problem, QueryOf, SignedIn};
use crate::access::Consent;
use crate::admin::{Done, FhirIdPath, FhirResource, Page, PageQuery};
use crate::http::AppState;
use crate::relay::Relay;
use crate::store::StoreError;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, put)).routes(routes!(remove)).routes(routes!(export, put_fhir))
}

/// Consents of an organization's charts, whatever their status, without the FHIR resources that they were read from.
///
/// For: administer-access or read-audit. Concerns: the organizations that manage the charts.
#[utoipa::path(
    get, path = "/consents", tag = "consents", params(PageQuery),
    responses((status = 200, body = Page<Consent>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<Consent>> {
    by.administer(&state, move |relay, authority, _| {
        let scope =
            authority.scope(&[AdministrativeAction::AdministerAccess, AdministrativeAction::ReadAudit], &query)?;
        let after = query.after.as_deref().unwrap_or_default();
        let found = relay.consents_page(&scope, after, query.limit() + 1)?;
        // What it was read from is exported one by one: it may be long, and hold a person's words.
        let page = Page::of(found, query.limit(), |one| one.id.clone());
        Ok(page.map(|one| Consent { source: None, ..one }))
    })
    .await
}

/// Add a consent, or put it in the place of the one with its id.
///
/// For: administer-access at the organization that manages the chart.
#[utoipa::path(
    put, path = "/consents", tag = "consents", request_body = Consent,
    responses((status = 200, body = Done), Problem)
)]
async fn put(by: SignedIn, State(state): State<AppState>, Body(consent): Body<Consent>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| keep(relay, authority, &consent, now)).await
}

/// Add a consent, or put it in the place of the one with its id. As a FHIR R4 Consent; what it holds besides is kept. What would change its meaning and is not
/// understood is refused, with the element's path.
///
/// For: administer-access at the organization that manages the chart: `Consent.organization` names it.
#[utoipa::path(
    put, path = "/consents/{id}/fhir", tag = "consents", params(FhirIdPath), request_body = FhirResource,
    responses((status = 200, body = Done), Problem)
)]
async fn put_fhir(
    by: SignedIn,
    State(state): State<AppState>,
    PathOf(path): PathOf<FhirIdPath>,
    Body(resource): Body<FhirResource>,
) -> Answer<Done> {
    let consent = Consent::from_fhir(resource.0)?;
    if consent.id != path.id {
        return Err(Problem::bad_request("Consent.id: another than the path names"));
    }
    consent.check_content()?;
    by.administer(&state, move |relay, authority, now| keep(relay, authority, &consent, now)).await
}

/// One consent as a FHIR R4 Consent: as it was put, or made anew.
///
/// For: administer-access or read-audit at the organization that manages the chart.
#[utoipa::path(
    get, path = "/consents/{id}/fhir", tag = "consents", params(FhirIdPath),
    responses((status = 200, body = FhirResource), Problem)
)]
async fn export(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<FhirIdPath>) -> Answer<FhirResource> {
    by.administer(&state, move |relay, authority, _| {
        let found = relay.consent(&path.id)?.ok_or(StoreError::NotFound("consent"))?;
        if !authority.may(AdministrativeAction::AdministerAccess, &found.organization) {
            authority.require_of_found("consent", AdministrativeAction::ReadAudit, &found.organization)?;
        }
        Ok(FhirResource(found.to_fhir()))
    })
    .await
}

/// Remove a consent. One that has ended is better given the status `inactive`, so that it stays known.
///
/// For: administer-access at the organization that manages the chart.
#[utoipa::path(
    delete, path = "/consents/{id}", tag = "consents", params(FhirIdPath),
    responses((status = 200, body = Done), Problem)
)]
async fn remove(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<FhirIdPath>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        let found = relay.consent(&path.id)?.ok_or(StoreError::NotFound("consent"))?;
        authority.require_of_found("consent", AdministrativeAction::AdministerAccess, &found.organization)?;
        relay.remove_consent(&path.id, now)?;
        Ok(Done {})
    })
    .await
}

/// Ids are the relay's, not an organization's: nobody puts theirs in the place of another organization's.
fn keep(relay: &mut Relay, authority: &Authority, consent: &Consent, now: UnixMillis) -> Result<Done, Problem> {
    authority.require(AdministrativeAction::AdministerAccess, &consent.organization)?;
    let there = relay.consent(&consent.id)?;
    if there.is_some_and(|there| there.organization != consent.organization) {
        return Err(StoreError::Conflict("id: it is taken, choose another".into()).into());
    }
    relay.put_consent(consent, now)?;
    Ok(Done {})
}
