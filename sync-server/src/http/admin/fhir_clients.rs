//! Programs that use the FHIR API.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Body, PathOf, Problem, QueryOf, SignedIn};
use crate::admin::{Done, FhirClientPath, FhirClientSecret, NewFhirClient, Page, PageQuery, ShownFhirClient};
use crate::http::AppState;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(revoke))
}

/// Programs that may use the FHIR API, revoked ones included.
///
/// For: administer-devices or read-audit. Concerns: the organizations at which they act.
#[utoipa::path(
    get, path = "/fhir-clients", tag = "devices", params(PageQuery),
    responses((status = 200, body = Page<ShownFhirClient>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<ShownFhirClient>> {
    by.administer(&state, move |relay, authority, _| {
        let scope =
            authority.scope(&[AdministrativeAction::AdministerDevices, AdministrativeAction::ReadAudit], &query)?;
        let after = query.after.clone().unwrap_or_default();
        let found = relay.fhir_clients_page(&scope, &after, query.limit() + 1)?;
        let page = Page::of(found, query.limit(), |client| client.id.clone());
        Ok(page.map(ShownFhirClient::from))
    })
    .await
}

/// Let a program use the FHIR API for a practitioner of an organization. Its secret is shown once.
///
/// For: administer-devices at the organization, and wherever the practitioner belongs.
#[utoipa::path(
    post, path = "/fhir-clients", tag = "devices", request_body = NewFhirClient,
    responses((status = 200, body = FhirClientSecret), Problem)
)]
async fn add(by: SignedIn, State(state): State<AppState>, Body(new): Body<NewFhirClient>) -> Answer<FhirClientSecret> {
    by.administer(&state, move |relay, authority, now| {
        authority.require_over(relay, &new.practitioner, AdministrativeAction::AdministerDevices, &new.organization)?;
        let made = relay.add_fhir_client(new.name, new.practitioner, new.organization, now)?;
        Ok(FhirClientSecret { id: made.client.id, secret: made.secret })
    })
    .await
}

/// Revoke a program: whatever it holds is worth nothing at once.
///
/// For: administer-devices at the organization at which it acts.
#[utoipa::path(
    delete, path = "/fhir-clients/{id}", tag = "devices", params(FhirClientPath),
    responses((status = 200, body = Done), Problem)
)]
async fn revoke(
    by: SignedIn,
    State(state): State<AppState>,
    PathOf(FhirClientPath { id }): PathOf<FhirClientPath>,
) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        let organization = relay.fhir_client(&id)?.organization;
        authority.require_of_found("FHIR client", AdministrativeAction::AdministerDevices, &organization)?;
        relay.revoke_fhir_client(&id, now)?;
        Ok(Done {})
    })
    .await
}
