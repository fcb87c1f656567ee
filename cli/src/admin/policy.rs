//! The policies in force.

use clap::Subcommand;
use serde_json::json;
use sync_server::relay::PoliciesInForce;

use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// `satchel admin policy`
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show which policies are in force
    Show,
    /// Read the files in the relay's data folder again; with a mistake in one, what was in force stays
    Reload,
}

/// Runs `satchel admin policy`.
///
/// # Errors
/// [`Failure`]; [`Failure::BadInput`] with file, line, column and reason if a policy is refused.
pub fn run(api: &AdminApi, json: bool, command: &PolicyCommand) -> Result<(), Failure> {
    let in_force: PoliciesInForce = match command {
        PolicyCommand::Show => api.get("policies")?,
        PolicyCommand::Reload => api.post("policies/reload", &json!({})).map_err(|failure| match failure {
            Failure::BadInput(why) => Failure::BadInput(format!("{why}\nthe policies that were in force stay")),
            other => other,
        })?,
    };
    output::print(json, &in_force, |in_force| {
        say!("{} policies in {}", in_force.policies, in_force.files.join(", "));
        say!("hash  {}", in_force.hash);
    })
}
