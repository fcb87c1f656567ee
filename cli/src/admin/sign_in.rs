//! Signing in and out, and one's own password.

use std::io::{BufRead, IsTerminal};

use clap::Args;
use serde_json::{Value, json};
use sync_protocol::PractitionerId;
use sync_server::admin::{Admitted, Credentials, NewPassword, Secret};

use super::session::Session;
use crate::admin::{AdminApi, ApiArgs};
use crate::failure::Failure;
use crate::output;

/// `satchel admin sign-in`
#[derive(Debug, Args)]
pub struct SignInArgs {
    /// Login: the practitioner's id. The password is asked for, or read from standard input, a line each
    login: PractitionerId,
}

/// Runs `satchel admin sign-in`. A one-time password is changed on the way.
///
/// # Errors
/// [`Failure`].
pub fn sign_in(args: &ApiArgs, json: bool, asked: &SignInArgs) -> Result<(), Failure> {
    let api = AdminApi::anonymous(args)?;
    let password = ask("Password: ")?;
    let credentials = Credentials::Practitioner { login: asked.login.to_string(), password: password.clone() };
    let mut admitted = api.sign_in(&credentials)?;
    Session::of(args, asked.login.clone(), &admitted).store(args)?;
    if admitted.must_change_password {
        eprintln!("This is a one-time password: choose your own, of 12 letters or more.");
        let new = ask_twice()?;
        admitted = signed_in(args)?.own("password", Some(&NewPassword { current: password, new }))?;
        Session::of(args, asked.login.clone(), &admitted).store(args)?;
    }
    shown(json, &asked.login, &admitted)
}

/// Runs `satchel admin sign-out`.
///
/// # Errors
/// [`Failure`].
pub fn sign_out(args: &ApiArgs, json: bool) -> Result<(), Failure> {
    if Session::load(args)?.is_none() {
        return Err(Failure::BadInput("nobody is signed in at this relay".into()));
    }
    let ended: Result<Value, Failure> = signed_in(args).and_then(|api| api.own("sign-out", None::<&Value>));
    // Whether or not the relay could be told: what is kept here goes. It runs out there by itself.
    Session::remove(args)?;
    match ended {
        Ok(_) | Err(Failure::Refused(_)) => output::print(json, &json!({}), |_| say!("signed out")),
        Err(failure) => Err(failure),
    }
}

/// Runs `satchel admin password`.
///
/// # Errors
/// [`Failure`].
pub fn password(args: &ApiArgs, json: bool) -> Result<(), Failure> {
    let Some(session) = Session::load(args)? else {
        return Err(Failure::BadInput("sign in first: satchel admin sign-in LOGIN".into()));
    };
    let current = ask("Present password: ")?;
    let new = ask_twice()?;
    let admitted: Admitted = signed_in(args)?.own("password", Some(&NewPassword { current, new }))?;
    Session::of(args, session.practitioner.clone(), &admitted).store(args)?;
    shown(json, &session.practitioner, &admitted)
}

/// The API with the sign-in that is kept, even if the operator's key is at hand.
fn signed_in(args: &ApiArgs) -> Result<AdminApi, Failure> {
    AdminApi::new(&ApiArgs { token_file: None, ..args.clone() })
}

fn shown(json: bool, who: &PractitionerId, admitted: &Admitted) -> Result<(), Failure> {
    let shown = json!({ "practitioner": who, "expires_at": admitted.expires_at, "rights": admitted.rights });
    output::print(json, &shown, |_| {
        say!("signed in as {who} until {}", output::moment(admitted.expires_at));
        for right in &admitted.rights {
            say!("at {}: {}", right.organization, right.actions.join(", "));
        }
        if admitted.rights.is_empty() {
            say!("without any right: an administrator or privacy officer has a role at an organization");
        }
    })
}

fn ask_twice() -> Result<Secret, Failure> {
    let new = ask("New password: ")?;
    if std::io::stdin().is_terminal() && ask("Once more: ")?.reveal() != new.reveal() {
        return Err(Failure::BadInput("the two are not the same; nothing was changed".into()));
    }
    Ok(new)
}

/// Asks a person, or takes the next line of what is piped in. Never from the command line, which others can see.
fn ask(prompt: &str) -> Result<Secret, Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(Secret::new(rpassword::prompt_password(prompt)?));
    }
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        return Err(Failure::BadInput("a password is expected on standard input, a line each".into()));
    }
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}
