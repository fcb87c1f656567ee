//! Changes kept for a privacy officer.

use clap::Subcommand;
use serde_json::Value;
use sync_server::admin::{DecisionReason, ShownCustody};
use sync_server::inspection::CustodyShown;
use sync_server::relay::Decided;
use sync_server::store::CustodyState;

use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// `satchel admin custody`
#[derive(Debug, Subcommand)]
pub enum CustodyCommand {
    /// List what waits for a decision, or for a signature after one
    List,
    /// Show what a change would change: old and new values. Recorded as a disclosure to you
    Show {
        /// Its number in custody
        id: u64,
    },
    /// Accept a change: it goes to every device that may read it
    Accept {
        /// Its number in custody
        id: u64,
        /// Why; its author is shown it
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Return a change to its author, with everything in custody that builds on it
    Return {
        /// Its number in custody
        id: u64,
        /// Why; its author is shown it
        #[arg(long)]
        reason: String,
    },
}

/// Runs `satchel admin custody`.
///
/// # Errors
/// [`Failure`].
pub fn run(api: &AdminApi, json: bool, command: &CustodyCommand) -> Result<(), Failure> {
    match command {
        CustodyCommand::List => {
            let found: Vec<ShownCustody> = api.list("custody")?;
            output::print(json, &found, |found| {
                let headings = ["NUMBER", "RECEIVED", "CHART", "COMPARTMENT", "WRITTEN BY", "WHY", "SIZE", "STATE"];
                output::table(&headings, &found.iter().map(row).collect::<Vec<_>>());
            })
        }
        CustodyCommand::Show { id } => {
            let shown: CustodyShown = api.get(&format!("custody/{id}"))?;
            output::print(json, &shown, show)
        }
        CustodyCommand::Accept { id, reason } => {
            let why = DecisionReason { reason: reason.clone() };
            let decided: Decided = api.post(&format!("custody/{id}/accept"), &why)?;
            output::print(json, &decided, |decided| accepted(*id, decided))
        }
        CustodyCommand::Return { id, reason } => {
            let why = DecisionReason { reason: reason.clone() };
            let decided: Decided = api.post(&format!("custody/{id}/return"), &why)?;
            output::print(json, &decided, |decided| {
                say!("returned {id} to its author");
                if !decided.building_on_it.is_empty() {
                    say!("returned along with it, as they build on it: {}", numbers(&decided.building_on_it));
                }
            })
        }
    }
}

fn row(entry: &ShownCustody) -> Vec<String> {
    let patient = entry.document.patient.as_ref().map_or("-", |p| p.as_str());
    vec![
        entry.id.to_string(),
        output::moment(entry.received_at),
        format!("{}/{patient}", entry.document.organization),
        entry.document.compartment.to_string(),
        format!("{} ({})", entry.practitioner, entry.organization),
        format!("{:?}", entry.reason),
        output::bytes(entry.bytes as u64),
        state(entry.state).to_owned(),
    ]
}

fn state(state: CustodyState) -> &'static str {
    match state {
        CustodyState::Undecided => "undecided",
        CustodyState::WaitsForSignature => "accepted, waits for its author's signature",
        CustodyState::Accepted => "accepted",
        CustodyState::Returned => "returned",
    }
}

fn show(shown: &CustodyShown) {
    say!("written:  {} by its author's clock", output::moment(sync_protocol::UnixMillis(shown.written_at)));
    if shown.incomplete {
        say!("it builds on changes that the relay does not have: what it would change cannot be shown");
    }
    for one in &shown.changes {
        let element = if one.element.is_empty() { String::new() } else { format!(" {}", one.element) };
        say!("{}{element}", one.resource);
        say!("  - {}", one.before.as_ref().map_or_else(|| "(nothing)".into(), value));
        say!("  + {}", one.after.as_ref().map_or_else(|| "(nothing)".into(), value));
    }
    if shown.changes.is_empty() && !shown.incomplete {
        say!("it would change nothing as things stand");
    }
}

fn value(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn accepted(id: u64, decided: &Decided) {
    match decided.state {
        CustodyState::WaitsForSignature => say!(
            "accepted {id}; its author signed only a later change: it goes to others once the author's device has signed it"
        ),
        _ => say!("accepted {id}"),
    }
    if !decided.building_on_it.is_empty() {
        say!("these build on it and wait for a decision: {}", numbers(&decided.building_on_it));
    }
}

fn numbers(ids: &[u64]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
