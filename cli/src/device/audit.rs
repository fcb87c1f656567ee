//! `satchel device audit`

use clap::Args;
use client_core::TrailRecord;
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Entries after this number
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    after: u64,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Check the whole chain instead of listing it
    #[arg(long)]
    verify: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Failed`] if the trail was tampered with.
pub fn run(context: &Context, args: &AuditArgs) -> Result<(), Failure> {
    if args.verify {
        return verify(context);
    }
    let records = context.device.trail(args.after, args.limit)?;
    let shown: Vec<Value> = records.iter().map(json_of).collect();
    output::print(context.json, &shown, |_| {
        let headings = ["NUMBER", "TIME", "ACT", "CHART", "DOCUMENTS", "SENT", "EMERGENCY", "REASON"];
        output::table(&headings, &records.iter().map(row).collect::<Vec<_>>());
    })
}

fn verify(context: &Context) -> Result<(), Failure> {
    let entries = context.device.trail(0, usize::MAX)?.len();
    if let Some(broken) = context.device.verify_trail()? {
        return Err(Failure::Failed(format!("entry {broken} of the trail was changed, removed or moved")));
    }
    output::print(context.json, &json!({ "entries": entries, "sound": true }), |_| {
        say!("the trail is sound: {entries} entries are here, each following from those before it");
    })
}

fn json_of(record: &TrailRecord) -> Value {
    let entry = &record.entry;
    json!({
        "number": record.number,
        "hash": record.hash,
        "sent": record.sent,
        "at": entry.at,
        "action": entry.action,
        "organization": entry.organization,
        "patient": entry.patient,
        "documents": entry.documents,
        "reason": entry.reason,
        "purpose": entry.purpose,
        "breakGlass": entry.break_glass,
    })
}

fn row(record: &TrailRecord) -> Vec<String> {
    let entry = &record.entry;
    let chart = entry.organization.as_ref().zip(entry.patient.as_ref());
    vec![
        record.number.to_string(),
        output::moment(entry.at),
        entry.action.clone(),
        chart.map_or_else(|| "-".into(), |(organization, patient)| format!("{organization}/{patient}")),
        entry.documents.len().to_string(),
        if record.sent { "yes" } else { "no" }.to_owned(),
        if entry.break_glass { "YES" } else { "-" }.to_owned(),
        entry.reason.clone(),
    ]
}
