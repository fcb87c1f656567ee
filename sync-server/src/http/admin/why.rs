//! Why somebody may or may not see something.

use axum::extract::State;
use sync_protocol::{DocumentDescriptor, OrganizationId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Authority, PathOf, Problem, QueryOf, SignedIn};
use crate::access::{DecidingFact, Effect};
use crate::admin::{WhyChartPath, WhyChartQuery, WhyDocumentPath, WhyQuery};
use crate::http::AppState;
use crate::relay::Why;
use crate::store::StoreError;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(of_document)).routes(routes!(of_chart))
}

/// Why a practitioner may or may not receive and write a document: the policies that decide and the facts they rest on.
///
/// Acting for one organization, or for each where they have a role and anything ties them to the document; where nothing
/// does, what they do elsewhere is not told.
///
/// For: read-audit or administer-access at the organization that manages the document.
#[utoipa::path(
    get, path = "/why/{practitioner}/documents/{document}", tag = "why", params(WhyDocumentPath, WhyQuery),
    responses((status = 200, body = Vec<Why>), Problem)
)]
async fn of_document(
    by: SignedIn,
    State(state): State<AppState>,
    PathOf(path): PathOf<WhyDocumentPath>,
    QueryOf(query): QueryOf<WhyQuery>,
) -> Answer<Vec<Why>> {
    by.administer(&state, move |relay, authority, now| {
        let document = relay.descriptor(&path.document)?;
        require_of_found(authority, &document.organization)?;
        let answers = relay.why_of(&path.practitioner, query.acting_for.as_ref(), &document, now)?;
        told(authority, answers)
    })
    .await
}

/// As for a document, of a part of a chart; nothing need be there yet.
///
/// For: read-audit or administer-access at the organization that manages the chart.
#[utoipa::path(
    get, path = "/why/{practitioner}/charts/{organization}/{patient}/{compartment}", tag = "why",
    params(WhyChartPath, WhyChartQuery), responses((status = 200, body = Vec<Why>), Problem)
)]
async fn of_chart(
    by: SignedIn,
    State(state): State<AppState>,
    PathOf(path): PathOf<WhyChartPath>,
    QueryOf(query): QueryOf<WhyChartQuery>,
) -> Answer<Vec<Why>> {
    let WhyChartPath { practitioner, organization, patient, compartment } = path;
    let document = DocumentDescriptor { organization, patient: Some(patient), compartment, part: query.part };
    document.validate().map_err(|error| Problem::bad_request(error.to_string()))?;
    by.administer(&state, move |relay, authority, now| {
        if !authority.may(AdministrativeAction::AdministerAccess, &document.organization) {
            authority.require(AdministrativeAction::ReadAudit, &document.organization)?;
        }
        let answers = relay.why_of(&practitioner, query.acting_for.as_ref(), &document, now)?;
        told(authority, answers)
    })
    .await
}

fn require_of_found(authority: &Authority, at: &OrganizationId) -> Result<(), Problem> {
    if authority.may(AdministrativeAction::AdministerAccess, at) {
        return Ok(());
    }
    authority.require_of_found("document", AdministrativeAction::ReadAudit, at)
}

/// What may be told: where somebody works is another organization's affair, unless it bears on the document.
fn told(authority: &Authority, mut answers: Vec<Why>) -> Result<Vec<Why>, Problem> {
    let own = |why: &Why| {
        let may = |action| authority.may(action, &why.organization);
        may(AdministrativeAction::AdministerAccess) || may(AdministrativeAction::ReadAudit)
    };
    let tied: Vec<OrganizationId> =
        answers.iter().filter(|why| own(why) || bears(why)).map(|why| why.organization.clone()).collect();
    answers.retain(|why| tied.contains(&why.organization));
    if answers.is_empty() {
        // As for a practitioner who does not exist.
        return Err(StoreError::NotFound("organization where this practitioner has a role").into());
    }
    Ok(answers)
}

fn bears(why: &Why) -> bool {
    let ties = |fact: &DecidingFact| match fact {
        DecidingFact::Role { .. } => false,
        DecidingFact::Consent { effect, .. } => *effect != Some(Effect::Deny),
        _ => true,
    };
    why.explanation.permitted || why.explanation.facts.iter().any(ties)
}
