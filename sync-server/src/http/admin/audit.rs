//! The audit trail, disclosures and alerts.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::number;
use super::{AdministrativeAction, Answer, Body, PathOf, Problem, QueryOf, SignedIn};
use crate::admin::{AlertPath, AlertQuery, ChartPath, Checkpoints, Done, MAX_PAGE, Page, PageQuery, ShownAuditCheck};
use crate::audit_event;
use crate::http::AppState;
use crate::relay::{AuditCheckpoint, AuditVerifier, ChartDisclosures};
use crate::store::{AlertRecord, AlertsAfter, AuditRow, Scope};

/// Rows that are verified before devices are served again.
const SLICE: usize = 1_000;
/// Rows in one export, at most: each becomes one event or more.
const EXPORTED: usize = 200;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(verify))
        .routes(routes!(checkpoint))
        .routes(routes!(export))
        .routes(routes!(disclosures))
        .routes(routes!(alerts))
        .routes(routes!(alert_seen))
}

/// Rows of the audit trail, oldest first.
///
/// For: read-audit. Concerns: the organizations that the rows name; rows that name none are for the operator. Recorded, but
/// for pages that show nothing but reading.
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
    by.administer(&state, move |relay, authority, now| {
        let scope = authority.scope(&[AdministrativeAction::ReadAudit], &query)?;
        let found = relay.audit_page(&scope, after, query.limit() + 1)?;
        let page = Page::of(found, query.limit(), |row| row.seq.to_string());
        let upto = page.items.last().map(|row| row.seq);
        if !is_of_reading(page.items.iter()) {
            relay.read_audit("audit-list", &scope, &json!({ "after": after, "upto": upto }), now)?;
        }
        Ok(page)
    })
    .await
}

/// Whether rows say nothing but that rows were read. Reading those is not recorded: whoever goes on to the end would write the
/// next page as they read this one.
fn is_of_reading<'a>(mut rows: impl Iterator<Item = &'a AuditRow>) -> bool {
    rows.all(|row| matches!(row.action.as_str(), "audit-list" | "audit-export"))
}

/// Check that no row of the audit trail was removed, changed or reordered, that devices' trails are as they were anchored,
/// and that the trail goes on from the checkpoints.
///
/// For: read-audit at any organization. Checks the whole chain, and shows none of it.
#[utoipa::path(
    post, path = "/audit/verify", tag = "audit", request_body = Checkpoints,
    responses((status = 200, body = ShownAuditCheck), Problem)
)]
async fn verify(
    by: SignedIn,
    State(state): State<AppState>,
    Body(against): Body<Checkpoints>,
) -> Answer<ShownAuditCheck> {
    let verifier = Arc::new(Mutex::new(AuditVerifier::against(against.checkpoints)));
    // A slice at a time: devices are served in between.
    loop {
        let further = verifier.clone();
        let Json(done) = by
            .administer(&state, move |relay, authority, _| {
                authority.scope(&[AdministrativeAction::ReadAudit], &PageQuery::default())?;
                let mut verifier = further.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(relay.verify_further(&mut verifier, SLICE)?)
            })
            .await?;
        if done {
            let mut verifier = verifier.lock().unwrap_or_else(PoisonError::into_inner);
            let faults = std::mem::take(&mut verifier.faults);
            return Ok(Json(ShownAuditCheck { rows: verifier.rows, entries: verifier.entries, faults }));
        }
    }
}

/// The relay's signed word on where its audit trail stands. Kept outside, it shows if the trail's end is cut off.
///
/// For: read-audit at any organization.
#[utoipa::path(
    get, path = "/audit/checkpoint", tag = "audit", responses((status = 200, body = AuditCheckpoint), Problem)
)]
async fn checkpoint(by: SignedIn, State(state): State<AppState>) -> Answer<AuditCheckpoint> {
    by.administer(&state, |relay, authority, now| {
        authority.scope(&[AdministrativeAction::ReadAudit], &PageQuery::default())?;
        Ok(relay.audit_checkpoint(now)?)
    })
    .await
}

/// Rows of the audit trail as FHIR R4 AuditEvents: a page whose entries are Bundles, one a page.
///
/// For: read-audit. Concerns: as for the list of rows. Recorded.
#[utoipa::path(
    get, path = "/audit/events", tag = "audit", params(PageQuery),
    responses((status = 200, body = Page<Object>), Problem)
)]
async fn export(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<Value>> {
    let after = number(&query)?;
    let limit = query.limit().min(EXPORTED);
    by.administer(&state, move |relay, authority, now| {
        let scope = authority.scope(&[AdministrativeAction::ReadAudit], &query)?;
        let mut found = relay.audit_event_rows(&scope, after, limit + 1)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|one| one.row.seq);
        if !is_of_reading(found.iter().map(|one| &one.row)) {
            relay.read_audit("audit-export", &scope, &json!({ "after": after, "upto": last }), now)?;
        }
        let next = last.filter(|_| more).map(|seq| seq.to_string());
        Ok(Page { items: vec![audit_event::bundle(&found, &relay.id())], next })
    })
    .await
}

/// Who was given something of a patient's chart, when, in which version; and what devices recorded of reading it.
///
/// For: read-audit at the organization that manages the chart. Recorded.
#[utoipa::path(
    get, path = "/disclosures/{organization}/{patient}", tag = "audit", params(ChartPath),
    responses((status = 200, body = ChartDisclosures), Problem)
)]
async fn disclosures(
    by: SignedIn,
    State(state): State<AppState>,
    PathOf(path): PathOf<ChartPath>,
) -> Answer<ChartDisclosures> {
    by.administer(&state, move |relay, authority, now| {
        authority.require(AdministrativeAction::ReadAudit, &path.organization)?;
        let of = Scope::Of(vec![path.organization.clone()]);
        relay.read_audit("disclosures", &of, &json!({ "patient": path.patient }), now)?;
        Ok(relay.disclosures(&path.organization, &path.patient, now)?)
    })
    .await
}

/// What privacy officers must hear of, oldest first.
///
/// For: read-audit. Concerns: the organizations that the alerts are for. Recorded, if there are any.
#[utoipa::path(
    get, path = "/alerts", tag = "audit", params(AlertQuery),
    responses((status = 200, body = Page<AlertRecord>), Problem)
)]
async fn alerts(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<AlertQuery>,
) -> Answer<Page<AlertRecord>> {
    by.administer(&state, move |relay, authority, now| {
        let scope = authority.scope(&[AdministrativeAction::ReadAudit], &PageQuery::default())?;
        let of = match &scope {
            Scope::All => None,
            Scope::Of(organizations) => Some(organizations.as_slice()),
        };
        let limit = query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
        let after = query.after.unwrap_or_default().min(i64::MAX as u64);
        let found = relay.alerts(of, AlertsAfter { after, unseen: !query.seen, limit: limit + 1 })?;
        let page = Page::of(found, limit, |alert| alert.id.to_string());
        if let Some(last) = page.items.last() {
            let detail = json!({ "after": after, "upto": last.id });
            relay.read_audit("alerts-list", &scope, &detail, now)?;
        }
        Ok(page)
    })
    .await
}

/// Mark an alert as seen.
///
/// For: read-audit at the organization that the alert is for.
#[utoipa::path(
    post, path = "/alerts/{id}/seen", tag = "audit", params(AlertPath), responses((status = 200, body = Done), Problem)
)]
async fn alert_seen(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<AlertPath>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        let alert = relay.alert(path.id)?;
        authority.require_of_found("alert", AdministrativeAction::ReadAudit, &alert.organization)?;
        let who = authority.who().practitioner().map_or_else(|| "operator".to_owned(), ToString::to_string);
        relay.alert_seen(path.id, &who, now)?;
        Ok(Done {})
    })
    .await
}
