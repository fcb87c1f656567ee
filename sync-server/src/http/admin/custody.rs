//! Changes in custody.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::number;
use super::{AdministrativeAction, Answer, Authority, Body, PathOf, Problem, QueryOf, SignedIn};
use crate::access::Subject;
use crate::admin::{CustodyPath, DecisionReason, Page, PageQuery, ShownCustody};
use crate::http::AppState;
use crate::inspection::{self, CustodyShown};
use crate::relay::{Decided, Relay};

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(accept)).routes(routes!(give_back))
}

/// Changes that are kept for a privacy officer, oldest first, without their content.
///
/// For: decide-custody. Concerns: the organizations that manage the documents.
#[utoipa::path(
    get, path = "/custody", tag = "custody", params(PageQuery),
    responses((status = 200, body = Page<ShownCustody>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<ShownCustody>> {
    let after = number(&query)?;
    by.administer(&state, move |relay, authority, _| {
        let scope = authority.scope(&[AdministrativeAction::DecideCustody], &query)?;
        let found = relay.custody_page(&scope, after, query.limit() + 1)?;
        let page = Page::of(found, query.limit(), |case| case.id.to_string());
        Ok(page.map(ShownCustody::from))
    })
    .await
}

/// Show what a change in custody would change: element by element, with old and new value.
///
/// For: decide-custody at the organization that manages the document; a privacy officer's own account. Recorded as a
/// disclosure to them.
#[utoipa::path(
    get, path = "/custody/{id}", tag = "custody", params(CustodyPath),
    responses((status = 200, body = CustodyShown), Problem)
)]
async fn show(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<CustodyPath>) -> Answer<CustodyShown> {
    let Json(material) = by
        .administer(&state, move |relay, authority, now| {
            let officer = officer(relay, authority, path.id)?;
            Ok(relay.custody_material(&officer, path.id, now)?)
        })
        .await?;
    // Opening a document takes its time: neither the relay's thread nor the server's waits for it.
    let shown = tokio::task::spawn_blocking(move || inspection::show(&material)).await;
    match shown {
        Ok(Ok(shown)) => Ok(Json(shown)),
        _ => Err(Problem::unreadable()),
    }
}

/// Accept a change: it goes into the log and to every device that may read it.
///
/// For: decide-custody at the organization that manages the document; a privacy officer's own account.
#[utoipa::path(
    post, path = "/custody/{id}/accept", tag = "custody", params(CustodyPath), request_body = DecisionReason,
    responses((status = 200, body = Decided), Problem)
)]
async fn accept(
    by: SignedIn,
    State(state): State<AppState>,
    PathOf(path): PathOf<CustodyPath>,
    Body(why): Body<DecisionReason>,
) -> Answer<Decided> {
    by.administer(&state, move |relay, authority, now| {
        let officer = officer(relay, authority, path.id)?;
        Ok(relay.accept_custody(&officer, path.id, &why.reason, now)?)
    })
    .await
}

/// Return a change to its author, with everything in custody that builds on it.
///
/// For: decide-custody at the organization that manages the document; a privacy officer's own account.
#[utoipa::path(
    post, path = "/custody/{id}/return", tag = "custody", params(CustodyPath), request_body = DecisionReason,
    responses((status = 200, body = Decided), Problem)
)]
async fn give_back(
    by: SignedIn,
    State(state): State<AppState>,
    PathOf(path): PathOf<CustodyPath>,
    Body(why): Body<DecisionReason>,
) -> Answer<Decided> {
    by.administer(&state, move |relay, authority, now| {
        let officer = officer(relay, authority, path.id)?;
        Ok(relay.return_custody(&officer, path.id, &why.reason, now)?)
    })
    .await
}

/// Who decides: the practitioner who is signed in, for the organization that manages the document, or for the author's if
/// there is none of that name. The operator does not.
fn officer(relay: &Relay, authority: &Authority, id: u64) -> Result<Subject, Problem> {
    let organization = relay.who_decides_on(&relay.custody_case(id)?)?;
    authority.require_of_found("change in custody", AdministrativeAction::DecideCustody, &organization)?;
    let practitioner = authority.who().practitioner().cloned();
    let practitioner = practitioner.ok_or_else(|| Problem::not_permitted("a privacy officer's own account"))?;
    Ok(Subject { practitioner, organization })
}
