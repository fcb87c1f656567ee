//! The token of a request: nothing behind it runs without one, and what runs asks anew what it is good for.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sync_protocol::UnixMillis;

use super::{Authority, Problem};
use crate::accounts::Origin;
use crate::admin::Secret;
use crate::http::AppState;
use crate::http::client::Client;
use crate::relay::{Administrator, Relay};
use crate::store::SignInRecord;

/// What a handler answers.
pub type Answer<T> = Result<Json<T>, Problem>;

/// A token that was in force when the request came in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    token: Arc<Secret>,
    origin: Origin,
}

impl SignedIn {
    /// Runs an administrative action on the relay's thread, in one transaction with the question whether the token is
    /// still in force and what its owner may do at this moment. Committed when this returns `Ok`; a refusal is recorded.
    ///
    /// # Errors
    /// [`Problem`]: what `act` returned, or not signed in.
    pub async fn administer<T: Send + 'static>(
        &self,
        state: &AppState,
        act: impl FnOnce(&mut Relay, &Authority, UnixMillis) -> Result<T, Problem> + Send + 'static,
    ) -> Answer<T> {
        let with_authority = move |relay: &mut Relay, sign_in: SignInRecord, now| {
            if sign_in.only_password {
                return Err(Problem::must_change_password());
            }
            let authority = Authority::of(relay, administrator(&sign_in), now)?;
            act(relay, &authority, now)
        };
        let (done, who) = self.act(state, with_authority).await?;
        if let Err(problem) = &done
            && let Some(reason) = problem.refused()
        {
            let origin = self.origin;
            let record = move |relay: &mut Relay, now| {
                relay.refused("refuse-administration", who.practitioner(), origin, reason, now)
            };
            state.service.administer(record).await??;
        }
        done.map(Json)
    }

    /// Runs something that concerns the sign-in itself, whatever its rights.
    ///
    /// # Errors
    /// [`Problem`]: what `act` returned, or not signed in.
    pub(super) async fn with_own<T: Send + 'static>(
        &self,
        state: &AppState,
        act: impl FnOnce(&mut Relay, SignInRecord, UnixMillis) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.act(state, act).await?.0
    }

    async fn act<T: Send + 'static>(
        &self,
        state: &AppState,
        act: impl FnOnce(&mut Relay, SignInRecord, UnixMillis) -> Result<T, Problem> + Send + 'static,
    ) -> Result<(Result<T, Problem>, Administrator), Problem> {
        let token = self.token.clone();
        let done = state.service.administer(move |relay, now| {
            let sign_in = relay.signed_in(token.reveal(), now)?.ok_or_else(Problem::not_signed_in);
            let sign_in = sign_in.map_err(|problem| Failed(Box::new(problem), Administrator::Operator))?;
            let who = administrator(&sign_in);
            relay.act_as(who.clone());
            match act(relay, sign_in, now) {
                Ok(value) => Ok((value, who)),
                Err(problem) => Err(Failed(Box::new(problem), who)),
            }
        });
        Ok(match done.await? {
            Ok((value, who)) => (Ok(value), who),
            Err(Failed(problem, who)) => (Err(*problem), who),
        })
    }
}

/// A problem, and whose.
struct Failed(Box<Problem>, Administrator);

impl From<crate::store::StoreError> for Failed {
    fn from(error: crate::store::StoreError) -> Self {
        Self(Box::new(error.into()), Administrator::Operator)
    }
}

fn administrator(sign_in: &SignInRecord) -> Administrator {
    sign_in.practitioner.clone().map_or(Administrator::Operator, Administrator::Practitioner)
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::not_signed_in)
    }
}

/// Lets a request through with a token that is good for administering.
pub async fn require(State(state): State<AppState>, client: Client, request: Request, next: Next) -> Response {
    admit(&state, client, request, next, false).await
}

/// Lets a request through with any token in force.
pub async fn require_any(State(state): State<AppState>, client: Client, request: Request, next: Next) -> Response {
    admit(&state, client, request, next, true).await
}

async fn admit(state: &AppState, client: Client, mut request: Request, next: Next, any: bool) -> Response {
    let Some(token) = bearer(request.headers()) else { return Problem::not_signed_in().into_response() };
    let asked = token.clone();
    let found = state.service.look_up(move |relay, now| relay.signed_in(asked.reveal(), now)).await;
    let sign_in = match found {
        Ok(Ok(Some(sign_in))) => sign_in,
        Ok(Ok(None)) => return Problem::not_signed_in().into_response(),
        Ok(Err(error)) => return Problem::from(error).into_response(),
        Err(stopped) => return Problem::from(stopped).into_response(),
    };
    if sign_in.only_password && !any {
        return Problem::must_change_password().into_response();
    }
    request.extensions_mut().insert(SignedIn { token, origin: client.origin });
    next.run(request).await
}

fn bearer(headers: &HeaderMap) -> Option<Arc<Secret>> {
    let presented = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(Arc::new(Secret::new(presented.strip_prefix("Bearer ")?)))
}
