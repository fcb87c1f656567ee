//! Signing in and out, and one's own password.

use axum::Json;
use axum::extract::State;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use sync_protocol::PractitionerId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::guard::Login;
use super::{Answer, Authority, Body, Problem, SignedIn};
use crate::accounts::{Origin, password};
use crate::admin::{Admitted, Credentials, Done, NewPassword, Secret};
use crate::http::AppState;
use crate::http::client::Client;
use crate::relay::{Administrator, LOCKED, Relay};
use crate::service::now;

/// What needs no token.
pub fn open() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(sign_in))
}

/// What needs a token, but no rights.
pub fn own() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(sign_out)).routes(routes!(change_password))
}

/// Sign in.
///
/// With the operator's key, or with a practitioner's login and password. The token is short-lived; it is ended by signing
/// out, by a change of the password and by the removal of the account. A new account's one-time password gives a token that
/// is good for nothing but changing the password.
#[utoipa::path(
    post, path = "/sign-in", tag = "sign-in", request_body = Credentials, security(()),
    responses((status = 200, body = Admitted), Problem)
)]
async fn sign_in(State(state): State<AppState>, client: Client, Body(given): Body<Credentials>) -> Answer<Admitted> {
    state.sign_ins.check_origin(client.origin, now()).inspect_err(|_| state.metrics.refused_sign_ins.inc())?;
    let (who, verified) = match given {
        Credentials::Operator { key } => (operator(&state, client.origin, &key).await?, None),
        Credentials::Practitioner { login, password } => {
            let (who, verified) = practitioner(&state, client.origin, &login, password).await?;
            (who, Some(verified))
        }
    };
    admit(&state, client.origin, who, verified).await
}

async fn operator(state: &AppState, origin: Origin, key: &Secret) -> Result<Administrator, Problem> {
    state.sign_ins.begin(origin, &Login::Operator, now())?;
    let hash: [u8; 32] = Sha256::digest(key.reveal().trim()).into();
    if !bool::from(hash.ct_eq(&state.operator_key_hash)) {
        return Err(refused(state, origin, &Login::Operator).await?);
    }
    state.sign_ins.succeeded(origin, &Login::Operator);
    Ok(Administrator::Operator)
}

/// Checks a login and its password; gives whose they are, and the hash that the password was checked against.
async fn practitioner(
    state: &AppState,
    origin: Origin,
    login: &str,
    password: Secret,
) -> Result<(Administrator, String), Problem> {
    let account = match PractitionerId::new(login) {
        Ok(id) => state.service.look_up(move |relay, _| relay.account(&id)).await??,
        Err(_) => None,
    };
    let key = account.as_ref().map_or_else(|| Login::unknown(login), |a| Login::Account(a.practitioner.clone()));
    state.sign_ins.check_login(&key, now()).inspect_err(|_| state.metrics.refused_sign_ins.inc())?;
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let right = verify(state, origin, &key, password, hash).await?;
    match account {
        Some(account) if right && account.one_time_until.is_none_or(|until| now() < until) => {
            state.sign_ins.succeeded(origin, &key);
            Ok((Administrator::Practitioner(account.practitioner), account.password_hash))
        }
        _ => Err(refused(state, origin, &key).await?),
    }
}

async fn verify(
    state: &AppState,
    origin: Origin,
    key: &Login,
    password: Secret,
    hash: Option<String>,
) -> Result<bool, Problem> {
    let _turn = state.sign_ins.turn().await?;
    // Counted once it is really tried: being turned away because others crowd the relay is nobody's failure.
    state.sign_ins.begin(origin, key, now()).inspect_err(|_| state.metrics.refused_sign_ins.inc())?;
    let verified = tokio::task::spawn_blocking(move || password::verify(password.reveal(), hash.as_deref()));
    Ok(verified.await.unwrap_or(false))
}

/// Records a refused sign-in; all are answered alike.
async fn refused(state: &AppState, origin: Origin, login: &Login) -> Result<Problem, Problem> {
    state.metrics.refused_sign_ins.inc();
    let locked = state.sign_ins.is_locked(login, now());
    let (who, reason) = match login {
        Login::Account(id) => (Some(id.clone()), if locked { LOCKED } else { "wrong password" }),
        Login::Unknown(_) => (None, "unknown login"),
        Login::Operator => (None, "wrong key"),
    };
    let record = move |relay: &mut Relay, now| relay.refused("refuse-sign-in", who.as_ref(), origin, reason, now);
    state.service.administer(record).await??;
    Ok(Problem::sign_in_refused())
}

async fn admit(state: &AppState, origin: Origin, who: Administrator, verified: Option<String>) -> Answer<Admitted> {
    let valid_ms = state.sign_in_ms;
    let admitted = move |relay: &mut Relay, now| {
        let admission = relay.admit(&who, verified.as_deref(), valid_ms, origin, now)?;
        let admission = admission.ok_or_else(Problem::sign_in_refused)?;
        let authority = Authority::of(relay, who.clone(), now)?;
        Ok::<_, Problem>(Json(Admitted {
            token: Secret::new(admission.token),
            expires_at: admission.expires_at,
            practitioner: who.practitioner().cloned(),
            must_change_password: admission.only_password,
            rights: authority.shown(),
        }))
    };
    state.service.administer(admitted).await?
}

/// Sign out: the token is worth nothing from now on.
#[utoipa::path(post, path = "/sign-out", tag = "sign-in", responses((status = 200, body = Done), Problem))]
async fn sign_out(by: SignedIn, State(state): State<AppState>) -> Answer<Done> {
    by.with_own(&state, |relay, sign_in, now| Ok(relay.sign_out(&sign_in, now)?)).await?;
    Ok(Json(Done {}))
}

/// Change one's own password.
///
/// Ends every sign-in of the account and gives a new one.
#[utoipa::path(
    post, path = "/password", tag = "sign-in", request_body = NewPassword,
    responses((status = 200, body = Admitted), Problem)
)]
async fn change_password(
    by: SignedIn,
    State(state): State<AppState>,
    client: Client,
    Body(passwords): Body<NewPassword>,
) -> Answer<Admitted> {
    let sign_in = by.with_own(&state, |_, sign_in, _| Ok(sign_in)).await?;
    let Some(id) = sign_in.practitioner else {
        let message = "the operator has no password: put another key into admin.token and start the relay again";
        return Err(Problem::bad_request(message));
    };
    if passwords.current.reveal() == passwords.new.reveal() {
        return Err(Problem::bad_request("new: another password than the present one"));
    }
    let (who, verified) = practitioner(&state, client.origin, id.as_str(), passwords.current.clone()).await?;
    let salt = by.with_own(&state, |relay, _, _| Ok(relay.new_salt())).await?;
    let hash = hash(&state, passwords.new.clone(), salt).await?;
    let set = hash.clone();
    let changed =
        by.with_own(&state, move |relay, _, now| Ok(relay.change_password(&id, &verified, set, now)?)).await?;
    if !changed {
        return Err(Problem::sign_in_refused());
    }
    admit(&state, client.origin, who, Some(hash)).await
}

/// Hashes a password, away from the relay's thread.
pub(super) async fn hash(
    state: &AppState,
    password: Secret,
    salt: [u8; password::SALT_BYTES],
) -> Result<String, Problem> {
    let _turn = state.sign_ins.turn().await?;
    let hashed = tokio::task::spawn_blocking(move || password::hash(password.reveal(), &salt)).await;
    match hashed {
        Ok(Ok(hash)) => Ok(hash),
        _ => Err(Problem::new(
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            crate::admin::ErrorCode::Failed,
            "the password could not be hashed",
        )),
    }
}
