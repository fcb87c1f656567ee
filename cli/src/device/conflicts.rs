//! `satchel device conflicts`: what waits for a clinician, of one chart or of all.

use clap::Args;
use client_core::driver::system_time;
use client_core::{ChartInbox, Conflict};
use serde_json::{Value, json};

use super::Context;
use super::shown::{conflict_json, overridden_json};
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device conflicts`.
#[derive(Debug, Args)]
pub struct ConflictsArgs {
    /// PATIENT, or ORGANIZATION/PATIENT; all charts if not given
    chart: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(mut context: Context, args: &ConflictsArgs) -> Result<(), Failure> {
    let wanted = args.chart.as_deref().map(|chart| context.chart(chart)).transpose()?;
    let mut inboxes = context.device.all_conflicts(system_time())?;
    inboxes.retain(|inbox| wanted.is_none() || inbox.chart == wanted);
    let shown: Vec<Value> = inboxes.iter().map(inbox_json).collect();
    output::print(context.json, &shown, |_| {
        for inbox in &inboxes {
            say!("{}", inbox.chart.as_ref().map_or_else(|| "directory".into(), ToString::to_string));
            inbox.conflicts.iter().for_each(print_conflict);
            for edit in &inbox.overridden {
                say!(
                    "  {} {}: the edit of change {} is not shown, {} stands instead",
                    edit.key,
                    edit.path,
                    edit.lost,
                    edit.by
                );
            }
        }
        if inboxes.is_empty() {
            say!("nothing waits");
        }
    })
}

fn inbox_json(inbox: &ChartInbox) -> Value {
    json!({
        "chart": inbox.chart.as_ref().map(ToString::to_string),
        "conflicts": inbox.conflicts.iter().map(conflict_json).collect::<Vec<_>>(),
        "overridden": inbox.overridden.iter().map(overridden_json).collect::<Vec<_>>(),
    })
}

/// One conflict with every value, who wrote it, where and when.
pub(super) fn print_conflict(conflict: &Conflict) {
    say!("  {} {}", conflict.key, conflict.path);
    for side in &conflict.sides {
        let who = side.author.practitioner.as_ref().map_or("?", |p| p.as_str());
        let place = side.author.organization.as_ref().map_or("?", |o| o.as_str());
        say!("    {}   by {who} at {place}, {}", side.value, output::moment(side.time));
    }
}
