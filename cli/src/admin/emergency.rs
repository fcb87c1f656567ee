//! Charts opened in an emergency.

use clap::Subcommand;
use serde_json::Value;
use sync_protocol::OpeningId;
use sync_server::access::BreakGlassOpening;

use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// `satchel admin emergency`
#[derive(Debug, Subcommand)]
pub enum EmergencyCommand {
    /// List charts that are open, with the reasons that practitioners gave
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
    },
    /// End one before its time: what was given under it is removed from the device
    End {
        /// Its id
        id: OpeningId,
    },
}

/// Runs `satchel admin emergency`.
///
/// # Errors
/// [`Failure`].
pub fn run(api: &AdminApi, json: bool, command: &EmergencyCommand) -> Result<(), Failure> {
    match command {
        EmergencyCommand::List { all } => {
            let path = if *all { "emergency?over=true" } else { "emergency" };
            let found: Vec<BreakGlassOpening> = api.list(path)?;
            output::print(json, &found, |found| {
                let headings = ["ID", "CHART", "OPENED BY", "OPENED", "UNTIL", "PURPOSE", "REASON"];
                output::table(&headings, &found.iter().map(row).collect::<Vec<_>>());
            })
        }
        EmergencyCommand::End { id } => {
            let done: Value = api.delete(&format!("emergency/{id}"))?;
            output::print(json, &done, |_| say!("ended"))
        }
    }
}

fn row(opening: &BreakGlassOpening) -> Vec<String> {
    // As one line, and without what would steer a terminal: a practitioner typed it.
    let reason = opening.reason.split(|letter: char| letter.is_control() || letter.is_whitespace());
    vec![
        opening.id.to_string(),
        format!("{}/{}", opening.organization, opening.patient),
        format!("{} ({})", opening.subject.practitioner, opening.subject.organization),
        output::moment(opening.opened_at),
        output::moment(opening.until),
        opening.purpose.as_str().to_owned(),
        reason.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "),
    ]
}
