//! `satchel device profile` and `satchel device unsent`: the profiles of a tablet, without looking into them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use client_core::driver::system_time;
use client_core::{Pin, ProfileEntry, ProfileSettings, Profiles, SystemRandomness, UnsentSummary};
use serde_json::{Value, json};

use super::at_rest::{AtRestArgs, asked_twice, pin_in};
use crate::failure::Failure;
use crate::output;

const MINUTE_MS: i64 = 60 * 1000;
/// Holds a new PIN where nobody can be asked.
const NEW_PIN: &str = "SATCHEL_NEW_PIN";

/// Arguments of `satchel device profile`.
#[derive(Debug, Args)]
pub struct ProfileArgs {
    #[command(subcommand)]
    command: ProfileCommand,
}

#[derive(Debug, Subcommand)]
enum ProfileCommand {
    /// Make an encrypted profile for one more person on this device
    Create {
        /// What people call it; it can be read while the profile is locked
        label: String,
    },
    /// List the profiles of this device
    List,
    /// Change a profile's PIN
    ChangePin {
        /// File whose first line is the new PIN; without it, SATCHEL_NEW_PIN or a prompt
        #[arg(long, value_name = "FILE")]
        new_pin_file: Option<PathBuf>,
    },
    /// Show or change how a profile is guarded
    Settings(SettingsArgs),
    /// Remove a profile of which the relay has everything, or what is left of one that was wiped
    Remove,
    /// Encrypt the profile in this folder that was made without encryption
    Encrypt {
        /// What people call it
        #[arg(default_value = "this device")]
        label: String,
    },
}

#[derive(Debug, Args)]
struct SettingsArgs {
    /// Wipe the profile after so many wrong PINs in a row, 5 to 50; what was not sent is lost then
    #[arg(long, value_name = "COUNT", requires = "accept_loss")]
    wipe_after: Option<u32>,
    /// Do not wipe it, however many
    #[arg(long, conflicts_with = "wipe_after")]
    never_wipe: bool,
    /// With --wipe-after: yes, what was not sent is lost when it comes to that
    #[arg(long)]
    accept_loss: bool,
    /// Apps lock it after so many minutes without use
    #[arg(long, value_name = "MINUTES")]
    idle_lock: Option<i64>,
    /// Least number of characters of a new PIN
    #[arg(long, value_name = "COUNT")]
    min_pin_length: Option<u32>,
}

impl SettingsArgs {
    /// None if nothing is to be changed.
    fn over(&self, before: ProfileSettings) -> Option<ProfileSettings> {
        let wipe_after_wrong_pins =
            if self.never_wipe { None } else { self.wipe_after.or(before.wipe_after_wrong_pins) };
        let after = ProfileSettings {
            wipe_after_wrong_pins,
            idle_lock_ms: self.idle_lock.map_or(before.idle_lock_ms, |minutes| minutes.saturating_mul(MINUTE_MS)),
            min_pin_length: self.min_pin_length.unwrap_or(before.min_pin_length),
        };
        (after != before).then_some(after)
    }
}

/// Runs `satchel device profile`.
///
/// # Errors
/// [`Failure`].
pub fn run(at: &AtRestArgs, json: bool, args: &ProfileArgs) -> Result<(), Failure> {
    match &args.command {
        ProfileCommand::Create { label } => create(at, json, label),
        ProfileCommand::List => list(at, json),
        ProfileCommand::ChangePin { new_pin_file } => change_pin(at, json, new_pin_file.as_ref()),
        ProfileCommand::Settings(args) => settings(at, json, args),
        ProfileCommand::Remove => remove(at, json),
        ProfileCommand::Encrypt { label } => encrypt(at, json, label),
    }
}

fn create(at: &AtRestArgs, json: bool, label: &str) -> Result<(), Failure> {
    if at.is_plain() {
        let message = "the profile in this folder is not encrypted; satchel device profile encrypt first";
        return Err(Failure::BadInput(message.into()));
    }
    let (id, device) = at.make(label)?;
    drop(device);
    output::print(json, &json!({ "profile": id, "label": label }), |_| {
        say!("made the profile {label} ({id}); satchel device --as \"{label}\" enroll URL CODE");
    })
}

fn encrypt(at: &AtRestArgs, json: bool, label: &str) -> Result<(), Failure> {
    let (pin, secret) = (at.new_pin()?, at.secret(true)?);
    let tablet = Profiles::open(&at.profile)?;
    let (settings, now) = (ProfileSettings::default(), system_time());
    let (id, device) = tablet.adopt(&at.profile, label, &pin, &secret, settings, SystemRandomness, now)?;
    let unsent = device.unsent_summary(now)?;
    output::print(json, &json!({ "profile": id, "label": label, "unsent": unsent }), |_| {
        say!("encrypted as {label} ({id}); what was not encrypted is erased");
        say!("came along: {unsent}");
    })
}

fn change_pin(at: &AtRestArgs, json: bool, new_pin_file: Option<&PathBuf>) -> Result<(), Failure> {
    let (tablet, entry) = meant(at)?;
    let old = at.pin(&format!("PIN of {}: ", entry.label))?;
    let new = match (new_pin_file, std::env::var(NEW_PIN)) {
        (Some(file), _) => pin_in(file)?,
        (None, Ok(pin)) => Pin::new(pin)?,
        (None, Err(_)) => asked_twice()?,
    };
    tablet.change_pin(&entry.id, &old, &new, &at.secret(false)?, SystemRandomness, system_time())?;
    output::print(json, &json!({ "changed": entry.id }), |_| say!("the PIN of {} is changed", entry.label))
}

fn settings(at: &AtRestArgs, json: bool, args: &SettingsArgs) -> Result<(), Failure> {
    let (tablet, entry) = meant(at)?;
    let Some(settings) = args.over(entry.settings) else {
        return output::print(json, &entry.settings, |_| say_settings(entry.settings));
    };
    let pin = at.pin(&format!("PIN of {}: ", entry.label))?;
    let lost =
        tablet.change_settings(&entry.id, &pin, &at.secret(false)?, settings, SystemRandomness, system_time())?;
    let shown = json!({ "settings": settings, "lostIfWipedNow": lost });
    output::print(json, &shown, |_| {
        say_settings(settings);
        if let (Some(_), Some(lost)) = (settings.wipe_after_wrong_pins, lost) {
            say!("if it were wiped now, this would be lost: {lost}");
        }
    })
}

fn say_settings(settings: ProfileSettings) {
    match settings.wipe_after_wrong_pins {
        None => say!("wiped         never, however many wrong PINs"),
        Some(count) => say!("WIPED         after {count} wrong PINs in a row, with all that was not sent"),
    }
    say!("locked        by apps after {} minutes without use", settings.idle_lock_ms / MINUTE_MS);
    say!("new PINs      {} characters or more", settings.min_pin_length);
}

fn remove(at: &AtRestArgs, json: bool) -> Result<(), Failure> {
    let (tablet, entry) = meant(at)?;
    if entry.wiped {
        tablet.remove_wiped(&entry.id)?;
    } else {
        let pin = at.pin(&format!("PIN of {}: ", entry.label))?;
        tablet.remove(&entry.id, &pin, &at.secret(false)?, system_time())?;
    }
    output::print(json, &json!({ "removed": entry.id }), |_| {
        say!("removed {}; tell the relay: satchel admin device revoke", entry.label);
    })
}

fn list(at: &AtRestArgs, json: bool) -> Result<(), Failure> {
    let entries = at.tablet()?.map_or_else(|| Ok(Vec::new()), |tablet| tablet.list())?;
    let shown: Vec<Value> = entries.iter().map(entry_json).collect();
    output::print(json, &shown, |_| {
        let row = |entry: &ProfileEntry| {
            vec![
                entry.label.clone(),
                if entry.enrolled { "yes" } else { "no" }.into(),
                state(entry),
                entry.id.to_string(),
            ]
        };
        output::table(&["LABEL", "ENROLLED", "STATE", "ID"], &entries.iter().map(row).collect::<Vec<_>>());
        if at.is_plain() {
            say!("the profile in {} is NOT ENCRYPTED: satchel device profile encrypt", at.profile.display());
        }
    })
}

/// Runs `satchel device unsent`: numbers alone, while all profiles are locked.
///
/// # Errors
/// [`Failure`].
pub fn unsent(at: &AtRestArgs, json: bool) -> Result<(), Failure> {
    let entries = at.tablet()?.map_or_else(|| Ok(Vec::new()), |tablet| tablet.list())?;
    let shown: Vec<Value> = entries.iter().map(entry_json).collect();
    output::print(json, &shown, |_| {
        let headings = ["PROFILE", "CHANGES", "DRAFTS", "HELD", "TRAIL", "RECEIPTS", "OLDEST", "AS OF"];
        output::table(&headings, &entries.iter().map(unsent_row).collect::<Vec<_>>());
        if at.is_plain() {
            say!("the profile in {} is not encrypted: satchel device status", at.profile.display());
        }
    })
}

fn unsent_row(entry: &ProfileEntry) -> Vec<String> {
    let label = if entry.wiped { format!("{} (WIPED: lost)", entry.label) } else { entry.label.clone() };
    let Some(unsent) = entry.unsent else {
        return [label.as_str(), "unknown", "-", "-", "-", "-", "-", "-"].map(Into::into).to_vec();
    };
    let UnsentSummary { changes, drafts, held, trail, receipts, oldest_saved_at, as_of } = unsent;
    let mut row = vec![label];
    row.extend([changes, drafts, held, trail, receipts].map(|count| count.to_string()));
    row.push(oldest_saved_at.map_or_else(|| "-".into(), output::moment));
    row.push(output::moment(as_of));
    row
}

fn meant(at: &AtRestArgs) -> Result<(Profiles, ProfileEntry), Failure> {
    let Some(tablet) = at.tablet()? else {
        let message = format!("no encrypted profile in {}; satchel device profile create LABEL", at.profile.display());
        return Err(Failure::BadInput(message));
    };
    let entry = at.chosen(&tablet)?;
    Ok((tablet, entry))
}

fn state(entry: &ProfileEntry) -> String {
    match entry {
        ProfileEntry { wiped: true, .. } => "wiped".into(),
        ProfileEntry { damaged: Some(error), .. } => format!("DAMAGED: {error}"),
        ProfileEntry { locked_out_until: Some(until), wrong_pins, .. } => {
            format!("{wrong_pins} wrong PINs, locked until {}", output::moment(*until))
        }
        ProfileEntry { wrong_pins: 0, .. } => "locked".into(),
        ProfileEntry { wrong_pins, .. } => format!("locked, {wrong_pins} wrong PINs"),
    }
}

fn entry_json(entry: &ProfileEntry) -> Value {
    json!({
        "profile": entry.id,
        "label": entry.label,
        "enrolled": entry.enrolled,
        "wiped": entry.wiped,
        "wrongPins": entry.wrong_pins,
        "lockedOutUntil": entry.locked_out_until,
        "damaged": entry.damaged.as_ref().map(ToString::to_string),
        "settings": entry.settings,
        "unsent": entry.unsent,
    })
}
