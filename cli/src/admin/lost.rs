//! Devices that are lost or owe a receipt.

use clap::Args;
use sync_protocol::DeviceId;
use sync_server::relay::{DocumentOnDevice, LostDevice, OwingDevice, ShownVersion};

use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// `satchel admin devices`
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// Only those that still owe a receipt for what they were told to remove
    #[arg(long)]
    owing: bool,
}

impl DevicesArgs {
    /// Whether only those that owe a receipt are asked for.
    #[must_use]
    pub fn owing(&self) -> bool {
        self.owing
    }
}

/// `satchel admin lost-device`
#[derive(Debug, Args)]
pub struct LostArgs {
    /// The device's id
    id: DeviceId,
}

/// Runs `satchel admin devices --owing`.
///
/// # Errors
/// [`Failure`].
pub fn owing(api: &AdminApi, json: bool) -> Result<(), Failure> {
    let found: Vec<OwingDevice> = api.list("devices/owing")?;
    output::print(json, &found, |found| {
        let row = |owing: &OwingDevice| {
            let state = match (owing.revoked, owing.wipe_ordered) {
                (true, true) => "revoked, to be erased",
                (true, false) => "revoked",
                _ => "enrolled",
            };
            vec![
                owing.device.to_string(),
                owing.name.clone(),
                format!("{} ({})", owing.practitioner, owing.organization),
                output::moment(owing.since),
                owing.documents.to_string(),
                owing.last_seen.map_or_else(|| "never".into(), output::moment),
                state.to_owned(),
            ]
        };
        let headings = ["ID", "NAME", "PRACTITIONER", "OWES SINCE", "DOCUMENTS", "LAST SEEN", "STATE"];
        output::table(&headings, &found.iter().map(row).collect::<Vec<_>>());
    })
}

/// Runs `satchel admin lost-device`.
///
/// # Errors
/// [`Failure`].
pub fn lost(api: &AdminApi, json: bool, args: &LostArgs) -> Result<(), Failure> {
    let lost: LostDevice = api.post(&format!("devices/{}/lost", args.id), &serde_json::json!({}))?;
    output::print(json, &lost, show)
}

fn show(lost: &LostDevice) {
    say!("device {} ({}), of {} for {}", lost.device, lost.name, lost.practitioner, lost.organization);
    say!("last seen {}", lost.last_seen.map_or_else(|| "never".into(), output::moment));
    if let Some(wipe) = lost.wipe {
        say!("revoked, and to be erased when it connects: ordered {}", output::moment(wipe.ordered_at));
    }
    say!("\nOn the device, or perhaps on it: {} documents", lost.on_device.len());
    let headings = ["CHART", "COMPARTMENT", "PART", "ACKNOWLEDGED UP TO", "SENT UP TO", "WROTE ITSELF", "EMERGENCY"];
    output::table(&headings, &lost.on_device.iter().map(document).collect::<Vec<_>>());
    say!("\nSealed on it, for emergencies without a network: {} documents", lost.sealed.len());
    let sealed = lost.sealed.iter().map(|sealed| {
        let patient = sealed.descriptor.patient.as_ref().map_or("-", |patient| patient.as_str());
        vec![
            format!("{}/{patient}", sealed.descriptor.organization),
            sealed.descriptor.compartment.to_string(),
            version(sealed.version),
            output::moment(sealed.at),
            if sealed.acknowledged { "yes".into() } else { "perhaps".into() },
        ]
    });
    output::table(&["CHART", "COMPARTMENT", "VERSION", "SENT", "ON IT"], &sealed.collect::<Vec<_>>());
    say!("\nRemoved from it before: {} documents", lost.removed.len());
    let removed = lost.removed.iter().map(|removed| {
        let mut row = document(&removed.was);
        row.push(
            removed.owed_since.map_or_else(|| "confirmed".into(), |at| format!("owed since {}", output::moment(at))),
        );
        row
    });
    let headings: Vec<&str> = headings.into_iter().chain(["REMOVAL"]).collect();
    output::table(&headings, &removed.collect::<Vec<_>>());
}

fn document(on: &DocumentOnDevice) -> Vec<String> {
    let of = &on.descriptor;
    let patient = of.patient.as_ref().map_or("-", |patient| patient.as_str());
    let part = if of.part.is_empty() { "-" } else { &of.part };
    vec![
        format!("{}/{patient}", of.organization),
        of.compartment.to_string(),
        part.to_owned(),
        on.acknowledged.map_or_else(|| "-".into(), version),
        on.sent.map_or_else(|| "-".into(), version),
        if on.written.changes == 0 { "-".into() } else { format!("{} changes", on.written.changes) },
        if on.break_glass { "yes".into() } else { "-".into() },
    ]
}

/// A version as people read it.
#[must_use]
pub fn version(shown: ShownVersion) -> String {
    let at = shown.version.last_change_at.map_or_else(|| "-".into(), output::moment);
    format!("position {}: {} changes, the last of {at}", shown.position, shown.version.changes)
}
