//! Accounting of disclosures, and alerts.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;
use sync_protocol::{OrganizationId, PatientId};
use sync_server::relay::{AccountedDisclosure, AccountedRead, ChartDisclosures};
use sync_server::store::AlertRecord;

use super::lost::version;
use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// How often `--follow` asks.
const POLL: Duration = Duration::from_secs(2);

/// `satchel admin disclosures`
#[derive(Debug, Args)]
pub struct DisclosuresArgs {
    /// Which organization manages the chart
    organization: OrganizationId,
    /// Whose chart
    patient: PatientId,
}

/// `satchel admin alerts`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AlertsArgs {
    /// Go on and show each as it comes
    #[arg(long)]
    follow: bool,
    /// Those that were marked as seen too
    #[arg(long)]
    all: bool,
    #[command(subcommand)]
    command: Option<AlertCommand>,
}

#[derive(Debug, Subcommand)]
enum AlertCommand {
    /// Mark an alert as seen
    Seen {
        /// Its number
        id: u64,
    },
}

/// Runs `satchel admin disclosures`.
///
/// # Errors
/// [`Failure`].
pub fn run(api: &AdminApi, json: bool, args: &DisclosuresArgs) -> Result<(), Failure> {
    let found: ChartDisclosures = api.get(&format!("disclosures/{}/{}", args.organization, args.patient))?;
    output::print(json, &found, |found| {
        say!("Sent to devices:");
        let headings = ["AT", "DOCUMENT", "VERSION", "TO", "DEVICE", "ACKNOWLEDGED", "BASIS"];
        output::table(&headings, &found.sent.iter().map(sent).collect::<Vec<_>>());
        say!("\nRecorded by devices, by their own clocks:");
        let headings = ["AT", "ACTION", "BY", "DEVICE", "PURPOSE", "EMERGENCY"];
        output::table(&headings, &found.recorded.iter().map(recorded).collect::<Vec<_>>());
        if found.more {
            say!("there is more than is shown");
        }
    })
}

fn sent(sent: &AccountedDisclosure) -> Vec<String> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let part = if sent.descriptor.part.is_empty() { String::new() } else { format!(" {}", sent.descriptor.part) };
    vec![
        output::moment(sent.at),
        format!("{}{part}", sent.descriptor.compartment),
        version(sent.version),
        format!("{} ({})", or_none(&sent.practitioner), or_none(&sent.organization)),
        sent.device.map_or_else(|| "-".into(), |device| short(&device.to_string())),
        sent.acknowledged_at.map_or_else(|| "-".into(), output::moment),
        basis(sent),
    ]
}

fn basis(sent: &AccountedDisclosure) -> String {
    if sent.device.is_none() {
        return "shown to decide on a change in custody".into();
    }
    if sent.sealed {
        return "laid ready, sealed".into();
    }
    if sent.break_glass {
        return format!("emergency access ({})", sent.purpose.as_deref().unwrap_or("-"));
    }
    let today =
        if sent.permitted_today_by.is_empty() { "no longer".into() } else { sent.permitted_today_by.join(", ") };
    format!("policy (today: {today})")
}

fn recorded(read: &AccountedRead) -> Vec<String> {
    let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    vec![
        output::moment(read.entry.at),
        read.entry.action.clone(),
        read.practitioner.clone().unwrap_or_else(|| "-".into()),
        short(&read.device.to_string()),
        or_none(&read.entry.purpose),
        if read.entry.break_glass { "yes".into() } else { "-".into() },
    ]
}

fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

/// Runs `satchel admin alerts`.
///
/// # Errors
/// [`Failure`].
pub fn alerts(api: &AdminApi, json: bool, args: &AlertsArgs) -> Result<(), Failure> {
    if let Some(AlertCommand::Seen { id }) = &args.command {
        let done: Value = api.post(&format!("alerts/{id}/seen"), &serde_json::json!({}))?;
        return output::print(json, &done, |_| say!("marked {id} as seen"));
    }
    let found = list(api, args.all)?;
    output::print(json, &found, |found| {
        let headings = ["NUMBER", "LAST", "KIND", "FOR", "TIMES", "PRACTITIONER", "DEVICE", "DETAIL"];
        output::table(&headings, &found.iter().map(row).collect::<Vec<_>>());
    })?;
    if args.follow { follow(api, json, &found) } else { Ok(()) }
}

/// Every alert: a list of this API takes `after` as a number.
fn list(api: &AdminApi, all: bool) -> Result<Vec<AlertRecord>, Failure> {
    let path = if all { "alerts?seen=true" } else { "alerts" };
    let page: sync_server::admin::Page<AlertRecord> = api.get(path)?;
    Ok(page.items)
}

fn follow(api: &AdminApi, json: bool, shown: &[AlertRecord]) -> Result<(), Failure> {
    let mut counts: BTreeMap<u64, u64> = shown.iter().map(|alert| (alert.id, alert.count)).collect();
    loop {
        std::thread::sleep(POLL);
        for alert in list(api, false)? {
            if counts.insert(alert.id, alert.count) != Some(alert.count) {
                output::print(json, &alert, |alert| say!("{}", row(alert).join("  ")))?;
            }
        }
    }
}

fn row(alert: &AlertRecord) -> Vec<String> {
    vec![
        alert.id.to_string(),
        output::moment(alert.last_at),
        alert.kind.as_str().to_owned(),
        alert.organization.to_string(),
        alert.count.to_string(),
        alert.practitioner.as_ref().map_or_else(|| "-".into(), ToString::to_string),
        alert.device.map_or_else(|| "-".into(), |id| short(&id.to_string())),
        alert.detail.clone(),
    ]
}
