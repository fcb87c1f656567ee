//! Changes in custody.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::number;
use super::{AdministrativeAction, Answer, Problem, QueryOf, SignedIn};
use crate::admin::{Page, PageQuery, ShownCustody};
use crate::http::AppState;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
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
        let page = Page::of(found, query.limit(), |(number, _)| number.to_string());
        Ok(page.map(|(_, entry)| ShownCustody::from(entry)))
    })
    .await
}
