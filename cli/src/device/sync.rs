//! `satchel device sync|watch`

use clap::Args;
use client_core::SavingLimits;
use client_core::driver::{SharedDevice, SyncReport, run, sync_once};
use client_core::sync::SyncEvent;
use serde_json::{Value, json};

use super::Context;
use super::import::progress_bar;
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device sync`.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Send again what the relay kept or refused, for instance after a right was granted
    #[arg(long)]
    resend_held: bool,
}

/// Arguments of `satchel device watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Stop by itself after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
}

/// A runtime for the commands that talk to the relay: one thread is plenty for one connection.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Runs `satchel device sync`.
///
/// # Errors
/// [`Failure`].
pub fn once(mut context: Context, args: &SyncArgs) -> Result<(), Failure> {
    if args.resend_held {
        context.device.send_held_again()?;
    }
    let bar = progress_bar(0, context.json);
    let device = SharedDevice::new(context.device);
    let report = runtime()?.block_on(sync_once(&device, &context.options, |event| match event {
        SyncEvent::CatchingUp { documents, .. } => bar.set_length(*documents),
        SyncEvent::Received { catch_up: Some(catch_up), .. } => bar.set_position(catch_up.received),
        _ => {}
    }));
    bar.finish_and_clear();
    let report = report?;
    output::print(context.json, &report_json(&report), |_| print_report(&report))?;
    save_histories(&device)
}

/// What a device that stays connected does in its quiet moments: long histories are put into their compact form.
fn save_histories(device: &SharedDevice) -> Result<(), Failure> {
    let mut saver = device.lock()?.history_saver()?;
    while saver.save_one(&SavingLimits::default())?.is_some() {}
    Ok(())
}

fn report_json(report: &SyncReport) -> Value {
    json!({
        "documents": report.documents,
        "changes": report.changes,
        "sent": report.sent,
        "custody": report.custody,
        "refused": report.refused,
        "quarantined": report.quarantined,
        "withdrawn": report.withdrawn,
        "bytesUp": report.bytes_up,
        "bytesDown": report.bytes_down,
        "milliseconds": report.duration.as_millis() as u64,
    })
}

fn print_report(report: &SyncReport) {
    say!(
        "received  {} changes in {} documents, {}",
        report.changes,
        report.documents,
        output::bytes(report.bytes_down)
    );
    say!("sent      {} changes, {}", report.sent, output::bytes(report.bytes_up));
    let told = [
        (report.custody, "changes are kept by the relay for a privacy officer (see status)"),
        (report.refused, "changes were refused (see status)"),
        (report.quarantined, "documents could not be accepted (see status)"),
        (report.withdrawn, "documents were taken back and removed"),
    ];
    for (count, what) in told.into_iter().filter(|(count, _)| *count > 0) {
        say!("NOTE      {count} {what}");
    }
    say!("up to date after {} ms", report.duration.as_millis());
}

/// Runs `satchel device watch`.
///
/// # Errors
/// [`Failure`].
pub fn watch(context: Context, args: &WatchArgs) -> Result<(), Failure> {
    let json = context.json;
    let device = SharedDevice::new(context.device);
    let seconds = args.seconds;
    let stop = async move {
        let ended = async {
            match seconds {
                Some(seconds) => tokio::time::sleep(std::time::Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ended => {}
            // Without a handler the process can still be ended from outside.
            done = tokio::signal::ctrl_c() => if done.is_err() { std::future::pending::<()>().await },
        }
    };
    let watched = runtime()?.block_on(run(&device, &context.options, stop, |event| print_event(json, event)));
    Ok(watched?)
}

fn print_event(json: bool, event: &SyncEvent) {
    let (name, text) = describe(event);
    if json {
        say!("{}", json!({ "event": name, "text": text }));
    } else {
        say!("{} {text}", output::moment(client_core::driver::system_time()));
    }
}

/// Name and description of an event. Ids and counts only.
fn describe(event: &SyncEvent) -> (&'static str, String) {
    match event {
        SyncEvent::Connecting => ("connecting", "connecting".into()),
        SyncEvent::Welcomed { .. } => ("welcomed", "connected".into()),
        SyncEvent::CatchingUp { documents, comparing: false } => {
            ("catching-up", format!("{documents} documents to come"))
        }
        SyncEvent::CatchingUp { .. } => ("comparing", "comparing everything with the relay".into()),
        SyncEvent::Received { documents, changes, catch_up } => {
            let so_far = catch_up.map(|c| format!("; {} of {} so far", c.received, c.documents)).unwrap_or_default();
            ("received", format!("received {changes} changes in {} documents{so_far}", documents.len()))
        }
        SyncEvent::Withdrawn { documents } => ("withdrawn", format!("{} documents were taken back", documents.len())),
        SyncEvent::Quarantined { document, reason } => ("quarantined", format!("document {document}: {reason}")),
        SyncEvent::OrganizationKeyChanged { organization } => {
            ("key-changed", format!("{organization} shows another key"))
        }
        SyncEvent::Sent { accepted, custody, refused } => {
            ("sent", format!("sent {accepted} changes; {custody} kept in custody, {refused} refused"))
        }
        SyncEvent::Decided { accepted, returned, drafts } => (
            "decided",
            format!("a privacy officer accepted {accepted} changes and returned {returned}: {drafts} drafts"),
        ),
        SyncEvent::EmergencyAnswered { request, refusal: None } => {
            ("emergency-open", format!("emergency access {request} is open"))
        }
        SyncEvent::EmergencyAnswered { request, refusal: Some(why) } => {
            ("emergency-refused", format!("emergency access {request} is refused: {why}"))
        }
        SyncEvent::ReferralAnswered { referral, refusal: None } => {
            ("referral-open", format!("referral {referral}: the chart is open to them"))
        }
        SyncEvent::ReferralAnswered { referral, refusal: Some(why) } => {
            ("referral-refused", format!("referral {referral} is refused: {why}"))
        }
        SyncEvent::EmergencyOver { documents } => {
            ("emergency-over", format!("emergency access is over: {} documents were removed", documents.len()))
        }
        SyncEvent::Erased => ("erased", "everything on this device was erased, on its organization's order".into()),
        SyncEvent::CaughtUp => ("caught-up", "up to date with the relay".into()),
        SyncEvent::Diverged => ("diverged", "device and relay differ after comparing everything".into()),
        SyncEvent::Retrying { cause, .. } => {
            let cause = client_core::DeviceError::from(cause.clone());
            ("retrying", format!("disconnected, trying again: {cause}"))
        }
        SyncEvent::Stopped { cause } => {
            let cause = cause.clone().map(client_core::DeviceError::from);
            ("stopped", cause.map_or_else(|| "stopped".into(), |cause| format!("stopped: {cause}")))
        }
        _ => ("other", "something else happened".into()),
    }
}
