//! Enrolment codes and devices.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Body, PathOf, Problem, QueryOf, SignedIn};
use crate::admin::{DevicePath, Done, NewCode, Page, PageQuery, ShownCode, ShownDevice};
use crate::http::AppState;
use crate::relay::{LostDevice, OwingDevice};

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(add_code))
        .routes(routes!(list))
        .routes(routes!(revoke))
        .routes(routes!(owing))
        .routes(routes!(lost))
}

/// Make a one-time code that enrols a device.
///
/// For: administer-devices at the organization, and wherever the practitioner belongs.
#[utoipa::path(
    post, path = "/enrolment-codes", tag = "devices", request_body = NewCode,
    responses((status = 200, body = ShownCode), Problem)
)]
async fn add_code(by: SignedIn, State(state): State<AppState>, Body(new): Body<NewCode>) -> Answer<ShownCode> {
    by.administer(&state, move |relay, authority, now| {
        authority.require_over(relay, &new.practitioner, AdministrativeAction::AdministerDevices, &new.organization)?;
        let made = relay.add_enrolment_code(new.organization, new.practitioner, new.valid_ms, now)?;
        Ok(ShownCode { code: made.code, expires_at: made.expires_at })
    })
    .await
}

/// Devices of an organization.
///
/// For: administer-devices or read-audit. Concerns: the organizations that the devices are enrolled for.
#[utoipa::path(
    get, path = "/devices", tag = "devices", params(PageQuery),
    responses((status = 200, body = Page<ShownDevice>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<ShownDevice>> {
    let after = query.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| Problem::bad_request("after: the id of a device"))?;
    by.administer(&state, move |relay, authority, _| {
        let scope =
            authority.scope(&[AdministrativeAction::AdministerDevices, AdministrativeAction::ReadAudit], &query)?;
        let found = relay.devices_page(&scope, after, query.limit() + 1)?;
        let page = Page::of(found, query.limit(), |(device, _)| device.id().to_string());
        Ok(page.map(|(device, held)| ShownDevice::new(&device, held)))
    })
    .await
}

/// Revoke a device: it is cut off at once and not let in again.
///
/// For: administer-devices at the organization that it is enrolled for.
#[utoipa::path(
    delete, path = "/devices/{id}", tag = "devices", params(DevicePath),
    responses((status = 200, body = Done), Problem)
)]
async fn revoke(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<DevicePath>) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        let organization = relay.device(&path.id)?.certificate.body.organization;
        authority.require_of_found("device", AdministrativeAction::AdministerDevices, &organization)?;
        relay.revoke_device(&path.id, now)?;
        Ok(Done {})
    })
    .await
}

/// Devices that still owe a receipt: for what they were told to remove or, once revoked, for all that was given to them.
///
/// For: administer-devices or read-audit. Concerns: the organizations that the devices are enrolled for.
#[utoipa::path(
    get, path = "/devices/owing", tag = "devices", params(PageQuery),
    responses((status = 200, body = Page<OwingDevice>), Problem)
)]
async fn owing(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<OwingDevice>> {
    by.administer(&state, move |relay, authority, now| {
        let scope =
            authority.scope(&[AdministrativeAction::AdministerDevices, AdministrativeAction::ReadAudit], &query)?;
        let mut owing = relay.devices_owing(now)?;
        owing.retain(|owing| scope.covers(&owing.organization));
        owing.sort_by_key(|owing| owing.device);
        Ok(Page::cut(owing, &query, |owing| owing.device.to_string()))
    })
    .await
}

/// A device is lost: it is revoked, to be erased when it connects; the answer is everything that is or may be on it.
///
/// For: administer-devices and read-audit at the organization that it is enrolled for.
#[utoipa::path(
    post, path = "/devices/{id}/lost", tag = "devices", params(DevicePath),
    responses((status = 200, body = LostDevice), Problem)
)]
async fn lost(by: SignedIn, State(state): State<AppState>, PathOf(path): PathOf<DevicePath>) -> Answer<LostDevice> {
    by.administer(&state, move |relay, authority, now| {
        let organization = relay.device(&path.id)?.certificate.body.organization;
        authority.require_of_found("device", AdministrativeAction::AdministerDevices, &organization)?;
        authority.require(AdministrativeAction::ReadAudit, &organization)?;
        relay.order_wipe(&path.id, now)?;
        Ok(relay.lost_device(&path.id)?)
    })
    .await
}
