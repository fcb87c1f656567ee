//! Accounts of those who administer.

use clap::Subcommand;
use serde_json::Value;
use sync_protocol::PractitionerId;
use sync_server::admin::{NewAccount, OneTimePassword, ShownAccount};

use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// `satchel admin account`
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Add an account; shows a one-time password, to be changed at the first sign-in
    Add {
        /// Whose: a practitioner with the role administrator or privacy-officer
        practitioner: PractitionerId,
    },
    /// List accounts
    List,
    /// Remove an account: its sign-ins end at once
    Remove {
        /// Whose
        practitioner: PractitionerId,
    },
    /// Give an account a new one-time password: its sign-ins end, and its lock-out
    SetPassword {
        /// Whose
        practitioner: PractitionerId,
    },
    /// Lift the lock-out after failed sign-ins
    Unlock {
        /// Whose
        practitioner: PractitionerId,
    },
}

/// Runs `satchel admin account`.
///
/// # Errors
/// [`Failure`].
pub fn run(api: &AdminApi, json: bool, command: &AccountCommand) -> Result<(), Failure> {
    match command {
        AccountCommand::Add { practitioner } => {
            let made = api.post("accounts", &NewAccount { practitioner: practitioner.clone() })?;
            show_password(json, &made)
        }
        AccountCommand::SetPassword { practitioner } => {
            let made = api.put(&format!("accounts/{practitioner}/password"), &Value::Null)?;
            show_password(json, &made)
        }
        AccountCommand::Remove { practitioner } => {
            let done: Value = api.delete(&format!("accounts/{practitioner}"))?;
            output::print(json, &done, |_| say!("removed the account of {practitioner}"))
        }
        AccountCommand::Unlock { practitioner } => {
            let done: Value = api.delete(&format!("accounts/{practitioner}/lock"))?;
            output::print(json, &done, |_| say!("{practitioner} may sign in again"))
        }
        AccountCommand::List => {
            let found: Vec<ShownAccount> = api.list("accounts")?;
            output::print(json, &found, |found| {
                let headings = ["LOGIN", "ADDED", "PASSWORD SET", "SIGN-INS", "STATE"];
                output::table(&headings, &found.iter().map(row).collect::<Vec<_>>());
            })
        }
    }
}

fn show_password(json: bool, made: &OneTimePassword) -> Result<(), Failure> {
    output::print(json, made, |made| {
        say!("login:              {}", made.practitioner);
        say!("one-time password:  {}", made.password);
        say!("valid until:        {}", output::moment(made.expires_at));
    })
}

fn row(account: &ShownAccount) -> Vec<String> {
    let state = match (account.locked_until, account.must_change_password) {
        (Some(until), _) => format!("locked until {}", output::moment(until)),
        (None, true) => "one-time password".into(),
        (None, false) => "in use".into(),
    };
    vec![
        account.practitioner.to_string(),
        output::moment(account.added_at),
        output::moment(account.password_set_at),
        account.sign_ins.to_string(),
        state,
    ]
}
