//! From an HTTP request to an answer: who asks, what is asked, and that everything refused is recorded.

use std::sync::PoisonError;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answer::Answer;
use super::outcome::Fault;
use super::request::Call;
use super::{AT_ONCE, Fhir, bundle, capability, read, types, write};
use crate::admin::Secret;
use crate::http::AppState;
use crate::relay::Sight;

/// Bytes of a request's body, at most.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Who asks, and the API they ask.
#[derive(Clone)]
pub struct Caller {
    /// Handles to the relay.
    pub state: AppState,
    /// The token that was presented.
    pub token: std::sync::Arc<Secret>,
    /// The API's address, as the caller knows it.
    pub base: String,
}

impl Caller {
    /// What the caller may see at this moment.
    ///
    /// # Errors
    /// [`Fault`]: not signed in.
    pub async fn sight(&self) -> Result<Sight, Fault> {
        let token = self.token.clone();
        let glance = self.state.service.look_up(move |relay, now| relay.fhir_glance(token.reveal(), now)).await??;
        if let Some(sight) = glance {
            return Ok(sight);
        }
        let token = self.token.clone();
        let sight = self.state.service.administer(move |relay, now| relay.fhir_sight(token.reveal(), now)).await??;
        sight.ok_or_else(Fault::not_signed_in)
    }
}

/// Answers a request.
pub async fn handle(State(state): State<AppState>, request: Request) -> Response {
    let base = base(&state.fhir, request.headers());
    let mut response = match serve(state, &base, request).await {
        Ok(answer) => answer.into_response(&base),
        Err(fault) => fault.into_response(),
    };
    let no_store = axum::http::HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

async fn serve(state: AppState, base: &str, request: Request) -> Result<Answer, Fault> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix("/fhir").unwrap_or_default().to_owned();
    let query = parts.uri.query().unwrap_or_default();
    if path.trim_matches('/') == "metadata" {
        let call = Call::read(parts.method, &path, query, &parts.headers, &Bytes::new())?;
        return match call.method {
            Method::GET | Method::HEAD => Ok(Answer::ok(capability::statement(base).to_string())),
            _ => Err(Fault::method_not_allowed("the CapabilityStatement is read with GET")),
        };
    }
    let token = bearer(&parts.headers).ok_or_else(Fault::not_signed_in)?;
    let caller = Caller { state, token, base: base.to_owned() };
    // Before anything of the request is looked at.
    let sight = caller.sight().await?;
    let _working = Working::begin(&caller.state.fhir, &sight.client.id)?;
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| {
        let text = format!("a request has at most {MAX_BODY_BYTES} bytes");
        Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", text)
    })?;
    let call = Call::read(parts.method, &path, query, &parts.headers, &body)?;
    carry_out(&caller, call).await
}

/// Does what a call asks for. What is refused is recorded.
///
/// # Errors
/// [`Fault`].
pub async fn carry_out(caller: &Caller, call: Call) -> Result<Answer, Fault> {
    let method = method_name(&call.method);
    let kind = call.segments.first().and_then(|name| types::known(name)).unwrap_or_default();
    let done = dispatch(caller, call).await;
    if let Err(Fault { audited: Some(reason), .. }) = &done {
        let (token, reason) = (caller.token.clone(), *reason);
        let record = caller
            .state
            .service
            .administer(move |relay, now| relay.fhir_refused(token.reveal(), method, kind, reason, now));
        record.await??;
    }
    done
}

async fn dispatch(caller: &Caller, call: Call) -> Result<Answer, Fault> {
    let segments: Vec<String> = call.segments.clone();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let Some((first, rest)) = segments.split_first() else {
        return match call.method {
            Method::POST => bundle::post(caller, call).await,
            _ => Err(Fault::method_not_allowed("Bundles of type transaction and batch are sent here with POST")),
        };
    };
    let kind = types::known(first).ok_or_else(no_such_type)?;
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) | ("POST", ["_search"]) => read::search(caller, kind, &call).await,
        ("GET" | "HEAD", ["_search"]) => Err(Fault::method_not_allowed("_search is sent with POST")),
        ("POST", []) => write::create(caller, kind, call).await,
        ("GET" | "HEAD", [id]) => read::read(caller, kind, id).await,
        ("PUT", [id]) => write::update(caller, kind, id, call).await,
        ("GET" | "HEAD", [id, "$everything"]) if kind == "Patient" => read::everything(caller, id, &call).await,
        ("DELETE", [_]) => Err(Fault::method_not_allowed(
            "a record is not deleted: update it with the status entered-in-error, and it is kept and not shown",
        )),
        ("PATCH", [_]) => Err(Fault::method_not_allowed("update the resource as a whole, with PUT and If-Match")),
        (_, [] | [_]) => Err(Fault::method_not_allowed("this is read with GET, created with POST, updated with PUT")),
        _ => Err(Fault::new(StatusCode::NOT_FOUND, "not-supported", "the API has no such operation")),
    }
}

fn no_such_type() -> Fault {
    Fault::new(StatusCode::NOT_FOUND, "not-supported", "the API has no such resource type")
}

fn method_name(method: &Method) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]
        .into_iter()
        .find(|name| *name == method.as_str())
        .unwrap_or("other")
}

/// The API's address. What a request says of it is taken only if it can be one.
fn base(fhir: &Fhir, headers: &HeaderMap) -> String {
    if let Some(address) = &fhir.address {
        return address.trim_end_matches('/').to_owned();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let plain = !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]_".contains(&b));
    let scheme = if fhir.tls { "https" } else { "http" };
    if plain { format!("{scheme}://{host}/fhir") } else { "/fhir".into() }
}

fn bearer(headers: &HeaderMap) -> Option<std::sync::Arc<Secret>> {
    let presented = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(std::sync::Arc::new(Secret::new(presented.strip_prefix("Bearer ")?)))
}

/// A request that is being worked on; counted by client.
struct Working<'a> {
    fhir: &'a Fhir,
    client: String,
}

impl<'a> Working<'a> {
    fn begin(fhir: &'a Fhir, client: &str) -> Result<Self, Fault> {
        let mut working = fhir.working.lock().unwrap_or_else(PoisonError::into_inner);
        let count = working.entry(client.to_owned()).or_default();
        if *count >= AT_ONCE {
            return Err(Fault::too_many(format!("at most {AT_ONCE} requests at the same time"), 1));
        }
        *count += 1;
        Ok(Self { fhir, client: client.to_owned() })
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let mut working = self.fhir.working.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = working.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                working.remove(&self.client);
            }
        }
    }
}
