//! The audit trail.

use std::ops::ControlFlow;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::number;
use super::{AdministrativeAction, Answer, Problem, QueryOf, SignedIn};
use crate::admin::{Page, PageQuery, ShownAuditCheck};
use crate::http::AppState;
use crate::relay::AuditCheck;
use crate::store::AuditRow;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(verify))
}

/// Rows of the audit trail, oldest first.
///
/// For: read-audit. Concerns: the organizations that the rows name; rows that name none are for the operator.
#[utoipa::path(
    get, path = "/audit", tag = "audit", params(PageQuery),
    responses((status = 200, body = Page<AuditRow>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<AuditRow>> {
    let after = number(&query)?;
    by.administer(&state, move |relay, authority, _| {
        let scope = authority.scope(&[AdministrativeAction::ReadAudit], &query)?;
        let found = relay.audit_page(&scope, after, query.limit() + 1)?;
        Ok(Page::of(found, query.limit(), |row| row.seq.to_string()))
    })
    .await
}

/// Check that no row of the audit trail was removed, changed or reordered.
///
/// For: read-audit at any organization. Checks the whole chain, and shows none of it.
#[utoipa::path(
    get, path = "/audit/verify", tag = "audit", responses((status = 200, body = ShownAuditCheck), Problem)
)]
async fn verify(by: SignedIn, State(state): State<AppState>) -> Answer<ShownAuditCheck> {
    let mut checked = AuditCheck::default();
    // A slice at a time: devices are served in between.
    loop {
        let Json(outcome) = by
            .administer(&state, move |relay, authority, _| {
                authority.scope(&[AdministrativeAction::ReadAudit], &PageQuery::default())?;
                Ok(relay.verify_audit_on(checked)?)
            })
            .await?;
        match outcome {
            ControlFlow::Continue(further) => checked = further,
            ControlFlow::Break((rows, broken_at)) => return Ok(Json(ShownAuditCheck { rows, broken_at })),
        }
    }
}
