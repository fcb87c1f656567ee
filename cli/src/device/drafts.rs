//! `satchel device drafts`

use clap::{Args, Subcommand};
use client_core::Draft;
use client_core::driver::system_time;
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device drafts`.
#[derive(Debug, Args)]
pub struct DraftsArgs {
    #[command(subcommand)]
    command: Option<DraftCommand>,
}

#[derive(Debug, Subcommand)]
enum DraftCommand {
    /// Print a draft: what it would have changed, as text; with --json all of it
    Export {
        /// Its number
        number: u64,
    },
    /// Make it anew, as an edit like any other
    Apply {
        /// Its number
        number: u64,
        /// Also where the chart shows something else now than when it was written
        #[arg(long)]
        overwrite: bool,
    },
    /// Discard it for good
    Discard {
        /// Its number
        number: u64,
    },
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(mut context: Context, args: &DraftsArgs) -> Result<(), Failure> {
    match args.command {
        None => list(context),
        Some(DraftCommand::Export { number }) => {
            let draft = context.device.export_draft(number, system_time())?;
            output::print(context.json, &draft.to_json(), |_| say!("{}", draft.text().trim_end()))
        }
        Some(DraftCommand::Apply { number, overwrite }) => {
            let receipt = context.device.apply_draft(number, overwrite, system_time())?;
            let shown = json!({ "resource": receipt.resource.to_string(), "change": receipt.change });
            output::print(context.json, &shown, |_| {
                say!("saved {}; it is sent with the next sync", receipt.resource);
            })
        }
        Some(DraftCommand::Discard { number }) => {
            context.device.discard_draft(number, system_time())?;
            output::print(context.json, &json!({ "discarded": number }), |_| say!("draft {number} is gone"))
        }
    }
}

fn list(mut context: Context) -> Result<(), Failure> {
    let drafts = context.device.drafts(system_time())?;
    let shown: Vec<Value> = drafts.iter().map(Draft::to_json).collect();
    output::print(context.json, &shown, |_| {
        let headings = ["NUMBER", "CHART", "RESOURCE", "WRITTEN", "RETURNED BECAUSE"];
        output::table(&headings, &drafts.iter().map(row).collect::<Vec<_>>());
    })
}

fn row(draft: &Draft) -> Vec<String> {
    vec![
        draft.number.to_string(),
        draft.chart().map_or_else(|| "the directory".into(), |chart| chart.to_string()),
        draft.resource.to_string(),
        output::moment(draft.made_at),
        draft.reason.clone(),
    ]
}
