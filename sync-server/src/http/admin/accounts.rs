//! Accounts of those who administer.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdministrativeAction, Answer, Body, PathOf, Problem, QueryOf, SignedIn, sign_in};
use crate::admin::{AccountPath, Done, NewAccount, OneTimePassword, Page, PageQuery, Secret, ShownAccount};
use crate::http::AppState;
use crate::store::Scope;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(remove))
        .routes(routes!(reset))
        .routes(routes!(unlock))
}

/// Accounts of those who administer.
///
/// For: administer-people or read-audit. Concerns: the organizations where the account's owner belongs.
#[utoipa::path(
    get, path = "/accounts", tag = "accounts", params(PageQuery),
    responses((status = 200, body = Page<ShownAccount>), Problem)
)]
async fn list(
    by: SignedIn,
    State(state): State<AppState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Answer<Page<ShownAccount>> {
    let guard = state.sign_ins.clone();
    by.administer(&state, move |relay, authority, now| {
        let scope =
            authority.scope(&[AdministrativeAction::AdministerPeople, AdministrativeAction::ReadAudit], &query)?;
        let mut found = Vec::new();
        for (account, sign_ins) in relay.accounts(now)? {
            let own = relay.practitioner(&account.practitioner)?.organization;
            let roles = relay.roles_of(&account.practitioner)?;
            let mut belongs = own.into_iter().chain(roles.into_iter().map(|role| role.organization));
            if scope == Scope::All || belongs.any(|organization| scope.covers(&organization)) {
                found.push(ShownAccount {
                    added_at: account.added_at,
                    password_set_at: account.set_at,
                    must_change_password: account.one_time_until.is_some(),
                    sign_ins,
                    locked_until: guard.locked_until(&account.practitioner, now),
                    practitioner: account.practitioner,
                });
            }
        }
        Ok(Page::cut(found, &query, |account| account.practitioner.to_string()))
    })
    .await
}

/// Add an account. Gives a one-time password, which its owner must change at the first sign-in.
///
/// For: administer-people wherever the practitioner belongs. Not for oneself.
#[utoipa::path(
    post, path = "/accounts", tag = "accounts", request_body = NewAccount,
    responses((status = 200, body = OneTimePassword), Problem)
)]
async fn add(
    by: SignedIn,
    State(state): State<AppState>,
    Body(NewAccount { practitioner }): Body<NewAccount>,
) -> Answer<OneTimePassword> {
    let (password, hash) = one_time(&by, &state, &practitioner).await?;
    by.administer(&state, move |relay, authority, now| {
        authority.require_over_account(relay, &practitioner)?;
        let expires_at = relay.add_account(&practitioner, hash, now)?;
        Ok(OneTimePassword { practitioner, password, expires_at })
    })
    .await
}

/// Give an account a one-time password in place of its own. Ends its sign-ins and lifts its lock-out.
///
/// For: administer-people wherever the practitioner belongs. Not for oneself.
#[utoipa::path(
    put, path = "/accounts/{practitioner}/password", tag = "accounts", params(AccountPath),
    responses((status = 200, body = OneTimePassword), Problem)
)]
async fn reset(
    by: SignedIn,
    State(state): State<AppState>,
    PathOf(AccountPath { practitioner }): PathOf<AccountPath>,
) -> Answer<OneTimePassword> {
    let (password, hash) = one_time(&by, &state, &practitioner).await?;
    let guard = state.sign_ins.clone();
    by.administer(&state, move |relay, authority, now| {
        authority.require_over_account(relay, &practitioner)?;
        let expires_at = relay.reset_password(&practitioner, hash, now)?;
        guard.unlock(&practitioner);
        Ok(OneTimePassword { practitioner, password, expires_at })
    })
    .await
}

/// A one-time password and its hash, for somebody who may give one to that practitioner.
async fn one_time(
    by: &SignedIn,
    state: &AppState,
    practitioner: &sync_protocol::PractitionerId,
) -> Result<(String, String), Problem> {
    let practitioner = practitioner.clone();
    let made = by.administer(state, move |relay, authority, _| {
        authority.require_over_account(relay, &practitioner)?;
        Ok(relay.new_one_time_password())
    });
    let Json((password, salt)) = made.await?;
    let hash = sign_in::hash(state, Secret::new(password.clone()), salt).await?;
    Ok((password, hash))
}

/// Remove an account. Ends its sign-ins.
///
/// For: administer-people wherever the practitioner belongs. Not for oneself.
#[utoipa::path(
    delete, path = "/accounts/{practitioner}", tag = "accounts", params(AccountPath),
    responses((status = 200, body = Done), Problem)
)]
async fn remove(
    by: SignedIn,
    State(state): State<AppState>,
    PathOf(AccountPath { practitioner }): PathOf<AccountPath>,
) -> Answer<Done> {
    by.administer(&state, move |relay, authority, now| {
        authority.require_over_account(relay, &practitioner)?;
        relay.remove_account(&practitioner, now)?;
        Ok(Done {})
    })
    .await
}

/// Lift the lock-out of an account after failed sign-ins.
///
/// For: administer-people wherever the practitioner belongs. Not for oneself.
#[utoipa::path(
    delete, path = "/accounts/{practitioner}/lock", tag = "accounts", params(AccountPath),
    responses((status = 200, body = Done), Problem)
)]
async fn unlock(
    by: SignedIn,
    State(state): State<AppState>,
    PathOf(AccountPath { practitioner }): PathOf<AccountPath>,
) -> Answer<Done> {
    let guard = state.sign_ins.clone();
    by.administer(&state, move |relay, authority, now| {
        authority.require_over_account(relay, &practitioner)?;
        relay.unlocked_account(&practitioner, now)?;
        guard.unlock(&practitioner);
        Ok(Done {})
    })
    .await
}
