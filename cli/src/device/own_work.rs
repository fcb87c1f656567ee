//! `satchel device own-work`

use clap::{Args, Subcommand};
use client_core::driver::system_time;
use client_core::{KeptState, OwnWork};
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device own-work`.
#[derive(Debug, Args)]
pub struct OwnWorkArgs {
    #[command(subcommand)]
    command: Option<OwnWorkCommand>,
}

#[derive(Debug, Subcommand)]
enum OwnWorkCommand {
    /// Print what you wrote in a change, your own words alone
    Export {
        /// Its number in the list
        number: usize,
    },
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(mut context: Context, args: &OwnWorkArgs) -> Result<(), Failure> {
    let work = context.device.own_work(system_time())?;
    match args.command {
        None => list(&context, &work),
        Some(OwnWorkCommand::Export { number }) => {
            let one = number.checked_sub(1).and_then(|at| work.get(at));
            let one = one.ok_or_else(|| Failure::BadInput(format!("there is no number {number} in the list")))?;
            let told = context.device.export_own_work(one, system_time())?;
            let shown: Vec<Value> =
                told.iter().map(|one| json!({ "element": one.element, "value": one.value })).collect();
            output::print(context.json, &shown, |_| {
                for one in &told {
                    say!("{}: {}", one.element, one.value.as_str().map_or_else(|| one.value.to_string(), Into::into));
                }
            })
        }
    }
}

fn list(context: &Context, work: &[OwnWork]) -> Result<(), Failure> {
    let shown: Vec<Value> = work.iter().map(json_of).collect();
    output::print(context.json, &shown, |_| {
        let headings = ["NUMBER", "CHART", "WRITTEN", "STATE", "WHY"];
        let rows: Vec<_> = work.iter().enumerate().map(|(at, one)| row(at + 1, one)).collect();
        output::table(&headings, &rows);
    })
}

fn json_of(work: &OwnWork) -> Value {
    json!({
        "chart": work.chart.as_ref().map(ToString::to_string),
        "change": work.change,
        "madeAt": work.made_at,
        "state": state(work.state),
        "reason": work.reason,
        "takenBack": work.taken_back,
    })
}

fn row(number: usize, work: &OwnWork) -> Vec<String> {
    vec![
        number.to_string(),
        work.chart.as_ref().map_or_else(|| "the directory".into(), ToString::to_string),
        output::moment(work.made_at),
        state(work.state).into(),
        work.reason.clone().unwrap_or_else(|| "-".into()),
    ]
}

fn state(state: KeptState) -> &'static str {
    match state {
        KeptState::Kept => "kept aside: the chart was taken back",
        KeptState::Queued => "waits to be sent",
        KeptState::Custody => "in custody",
        KeptState::Refused => "refused",
        KeptState::Returned => "returned",
    }
}
