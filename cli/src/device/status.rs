//! `satchel device status`

use client_core::driver::system_time;
use client_core::{ChartRef, ChartWork, DeviceIdentity, DeviceStatus};
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Clock difference worth a person's attention, in milliseconds.
const NOTABLE_SKEW_MS: i64 = 2 * 60 * 1000;

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(context: &Context) -> Result<(), Failure> {
    let identity = context.device.identity()?;
    let status = context.device.status(system_time())?;
    let mut shown = status_json(&identity, &status);
    shown["encrypted"] = context.device.is_encrypted().into();
    output::print(context.json, &shown, |_| {
        print_status(&identity, &status);
        if !context.device.is_encrypted() {
            say!("at rest       NOT ENCRYPTED: satchel device profile encrypt");
        }
    })
}

fn status_json(identity: &DeviceIdentity, status: &DeviceStatus) -> Value {
    let chart = |chart: &Option<ChartRef>| chart.as_ref().map(ToString::to_string);
    let unsent = status.unsent_per_chart.iter().map(|(of, count)| json!({"chart": chart(of), "changes": count}));
    let held = status.held.iter().map(|held| {
        let state = format!("{:?}", held.state).to_lowercase();
        json!({"chart": chart(&held.chart), "change": held.change, "state": state, "reason": held.reason})
    });
    let quarantined = status.quarantined.iter().map(|q| json!({"document": q.document, "reason": q.reason}));
    json!({
        "device": identity.device,
        "practitioner": identity.practitioner,
        "organization": identity.organization,
        "relay": identity.relay_url,
        "documents": status.documents,
        "patients": status.patients,
        "lastSynced": status.last_synced,
        "unsent": status.unsent,
        "unsentPerChart": unsent.collect::<Vec<_>>(),
        "held": held.collect::<Vec<_>>(),
        "work": status.work_per_chart.iter().map(work_json).collect::<Vec<_>>(),
        "keptAside": status.kept_aside.len(),
        "receiptsOwed": status.receipts_owed,
        "trail": {
            "entries": status.trail.entries, "unsent": status.trail.unsent, "brokenAt": status.trail.broken_at,
        },
        "quarantined": quarantined.collect::<Vec<_>>(),
        "diverged": status.diverged,
        "leaseRemainingMs": status.lease_remaining_ms,
        "clockSkewMs": status.clock_skew_ms,
    })
}

fn print_status(identity: &DeviceIdentity, status: &DeviceStatus) {
    say!("practitioner  {} ({})", identity.practitioner_name, identity.practitioner);
    say!("organization  {} ({})", identity.organization_name, identity.organization);
    say!("relay         {}", identity.relay_url);
    say!("holds         {} documents of {} patients", status.documents, status.patients);
    say!("last synced   {}", status.last_synced.map_or_else(|| "never".into(), output::moment));
    say!("unsent        {} changes", status.unsent);
    for (chart, count) in &status.unsent_per_chart {
        say!("              {count} in {}", chart.as_ref().map_or_else(|| "the directory".into(), ToString::to_string));
    }
    for held in &status.held {
        let chart = held.chart.as_ref().map_or_else(|| "the directory".into(), ToString::to_string);
        say!("NOT ACCEPTED  a change in {chart}: {:?}, {}", held.state, held.reason);
    }
    for (chart, work) in &status.work_per_chart {
        print_work(chart.as_ref(), work);
    }
    for quarantined in &status.quarantined {
        say!("QUARANTINE    document {}: {}", quarantined.document, quarantined.reason);
    }
    print_warnings(status);
}

fn work_json((chart, work): &(Option<ChartRef>, ChartWork)) -> Value {
    json!({
        "chart": chart.as_ref().map(ToString::to_string),
        "unsent": work.unsent,
        "inCustody": work.in_custody,
        "refused": work.refused,
        "keptAside": work.kept_aside,
        "drafts": work.drafts,
    })
}

fn print_work(chart: Option<&ChartRef>, work: &ChartWork) {
    let chart = chart.map_or_else(|| "the directory".into(), ToString::to_string);
    let told = [
        (work.in_custody, "CUSTODY     ", "changes wait for a privacy officer: satchel device own-work"),
        (work.kept_aside, "kept aside  ", "changes; the chart was taken back: satchel device own-work"),
        (work.drafts, "DRAFTS      ", "returned by a privacy officer: satchel device drafts"),
    ];
    for (count, heading, what) in told.into_iter().filter(|(count, ..)| *count > 0) {
        say!("{heading}  {count} in {chart}: {what}");
    }
}

fn print_warnings(status: &DeviceStatus) {
    for key in &status.changed_keys {
        say!("WARNING       {} shows another key than before; ask them before accepting it", key.organization);
    }
    if let Some(entry) = status.trail.broken_at {
        say!("WARNING       entry {entry} of this device's audit trail was changed or removed by somebody");
    }
    if status.receipts_owed > 0 {
        say!("receipts      {} for removed charts are not with the relay yet", status.receipts_owed);
    }
    if status.diverged {
        say!("WARNING       device and relay differ after comparing everything; the operator should look");
    }
    match status.lease_remaining_ms {
        left if left <= 0 => say!("LEASE         over: sync once to see charts again; unsent work is safe"),
        left => say!("lease         {:.1} days left without a sync", left as f64 / DAY_MS as f64),
    }
    if let Some(skew) = status.clock_skew_ms.filter(|skew| skew.abs() > NOTABLE_SKEW_MS) {
        let direction = if skew > 0 { "ahead of" } else { "behind" };
        say!(
            "CLOCK         {} minutes {direction} the relay's; times you write are wrong by that",
            skew.abs() / 60_000
        );
    }
}
