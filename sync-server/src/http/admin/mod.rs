//! The admin API: JSON over HTTP, one file per resource.
//!
//! Every route but the sign-in wants a token. A handler runs its work through [`SignedIn::administer`], which asks anew who
//! is signed in and what they may do, in the same transaction as the work itself; the handler names the administrative
//! action and the organization that it concerns. Routes and their description (OpenAPI) are made from the same list.

mod accounts;
mod affiliations;
mod audit;
mod authority;
mod care_teams;
mod consents;
mod custody;
mod devices;
mod emergency;
mod extract;
mod fhir_clients;
mod grants;
mod guard;
mod organizations;
mod policies;
mod practitioners;
mod problem;
mod relationships;
mod roles;
mod sign_in;
mod signed_in;
mod why;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;

pub use authority::{AdministrativeAction, Authority};
pub use extract::{Body, PathOf, QueryOf};
pub use guard::{Login, SignInGuard};
pub use problem::Problem;
pub use signed_in::{Answer, SignedIn};

use crate::http::AppState;

/// Bytes of a request's body, at most.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// The API's routes, with what describes them at `/admin/openapi.json`.
pub fn router(state: &AppState) -> Router<AppState> {
    let (router, description) = described(Some(state)).split_for_parts();
    let description = as_json(&description);
    router
        .route("/admin/openapi.json", get(async move || ([(header::CONTENT_TYPE, "application/json")], description)))
        .route("/admin/{*rest}", axum::routing::any(async || Problem::no_such_path()))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(map_response(not_to_be_kept))
}

/// The API's description as JSON text, ending in a newline.
#[must_use]
pub fn openapi() -> String {
    as_json(&described(None).into_openapi())
}

fn described(state: Option<&AppState>) -> OpenApiRouter<AppState> {
    let mut open = OpenApiRouter::with_openapi(front_matter()).nest("/admin", sign_in::open());
    let mut own = sign_in::own();
    let mut resources = OpenApiRouter::new()
        .merge(organizations::routes())
        .merge(practitioners::routes())
        .merge(roles::routes())
        .merge(affiliations::routes())
        .merge(grants::routes())
        .merge(relationships::routes())
        .merge(care_teams::routes())
        .merge(consents::routes())
        .merge(emergency::routes())
        .merge(policies::routes())
        .merge(why::routes())
        .merge(devices::routes())
        .merge(fhir_clients::routes())
        .merge(custody::routes())
        .merge(audit::routes())
        .merge(accounts::routes());
    if let Some(state) = state {
        own = own.route_layer(from_fn_with_state(state.clone(), signed_in::require_any));
        resources = resources.route_layer(from_fn_with_state(state.clone(), signed_in::require));
    }
    open = open.nest("/admin", own);
    open.nest("/admin/v1", resources)
}

fn front_matter() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Satchel admin API")
        .description(Some(
            "Looks after a Satchel relay: organizations, people, access, devices, custody, audit. Sign in at \
             /admin/sign-in and present the token as bearer. Every refusal has the shape of ShownProblem.",
        ))
        .version("1")
        .build();
    let mut description = OpenApiBuilder::new().info(info).build();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    description.components.get_or_insert_default().add_security_scheme("token", scheme);
    description.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    description
}

fn as_json(description: &OpenApi) -> String {
    let mut text = description.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// Answers hold tokens, codes and the names of people: no cache keeps them.
async fn not_to_be_kept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
