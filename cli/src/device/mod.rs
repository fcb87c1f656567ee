//! `satchel device`: a full device at a terminal.

mod at_rest;
mod audit;
mod break_glass;
mod conflicts;
mod drafts;
mod edit;
mod enroll;
mod export;
mod files;
mod import;
mod own_work;
mod past;
mod persons;
mod print;
mod profile;
mod query;
mod read;
mod record;
mod register;
mod shown;
mod status;
mod sync;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use client_core::driver::DriverOptions;
use client_core::{ChartRef, ConnectionError, Device, DeviceError, OrganizationId, PatientId, chart_of_code};

pub use files::{bundle_files, is_ndjson, read_bundle_file};
pub use shown::chart_json;

use crate::failure::Failure;

/// Arguments of `satchel device`.
#[derive(Debug, Args)]
pub struct DeviceArgs {
    #[command(flatten)]
    at_rest: at_rest::AtRestArgs,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// Certificate authority to trust for the relay besides the system's, PEM
    #[arg(long, env = "SATCHEL_CA", global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Allow ws:// to another machine; everything can then be read on the way
    #[arg(long, global = true)]
    allow_plain: bool,
    #[command(subcommand)]
    command: DeviceCommand,
}

#[derive(Debug, Subcommand)]
enum DeviceCommand {
    /// Enrol this device with a one-time code
    Enroll(enroll::EnrollArgs),
    /// Import FHIR Bundles and NDJSON (.json, .ndjson, perhaps .gz; files or folders)
    Import(import::ImportArgs),
    /// Register a new patient
    Register(register::RegisterArgs),
    /// Enter an allergy, a problem, a medicine, vital signs and whatever else a clinician records
    Record(record::RecordArgs),
    /// List patients
    Patients(read::PatientsArgs),
    /// Search patients by name, identifier or birth date; accents do not matter, and misspelt names are found too
    Search(read::SearchArgs),
    /// Show a chart, or one resource of it as FHIR JSON
    Chart(read::ChartArgs),
    /// Change one element of a resource
    Edit(edit::EditArgs),
    /// Create or replace a resource from a JSON file (- for standard input)
    Put(edit::PutArgs),
    /// Add a note, or text to a note
    Note(edit::NoteArgs),
    /// Take a record back: it stays, marked as entered in error
    EnteredInError(edit::EnteredInErrorArgs),
    /// Decide a conflict, with a reason: one value replaces the concurrent ones
    Settle(edit::SettleArgs),
    /// List what waits for a clinician, of one chart or of all
    Conflicts(conflicts::ConflictsArgs),
    /// List registrations that may be of the same person
    Duplicates(persons::DuplicatesArgs),
    /// Merge two registrations of one person into one view; both charts stay
    Merge(persons::MergeArgs),
    /// Take a merge back
    Unmerge(persons::MergeArgs),
    /// Ask for lists: sections, timeline, vitals, medications, tasks, notes; as a table, JSON or CSV
    Query(query::QueryArgs),
    /// Show a chart as it was written by a moment
    AsOf(past::AsOfArgs),
    /// Show what of a chart differs between two moments
    Diff(past::DiffArgs),
    /// Print the history of a chart as FHIR Provenance
    Provenance(past::ProvenanceArgs),
    /// Show a note as it was signed
    Signed(past::SignedArgs),
    /// Make lists and search anew from the documents
    Rebuild,
    /// Write a summary to take along (.pdf or .html), with a code by which another device finds the patient
    Print(print::PrintArgs),
    /// Show who changed what in a chart
    History(read::HistoryArgs),
    /// Show what is sent, unsent, held back, and how long the device may be used
    Status,
    /// Sync once, until everything is sent and received
    Sync(sync::SyncArgs),
    /// Stay connected and show what happens
    Watch(sync::WatchArgs),
    /// Write a chart as a FHIR Bundle, as NDJSON, or as an International Patient Summary
    Export(export::ExportArgs),
    /// List work that a privacy officer returned; export it, apply it again, or discard it
    Drafts(drafts::DraftsArgs),
    /// Changes of yours that others do not have: in custody, refused, returned, kept aside; and what you wrote in them
    OwnWork(own_work::OwnWorkArgs),
    /// Open a chart in an emergency: at once if it lies sealed on this device, otherwise the relay is asked. Without a chart,
    /// list what was asked and opened
    BreakGlass(break_glass::BreakGlassArgs),
    /// List what was asked to be opened by referrals made here, and what the relay said
    Referrals,
    /// List charts that lie sealed on this device, to be opened in an emergency without a network
    Sealed,
    /// Show this device's audit trail, or check that nobody changed it
    Audit(audit::AuditArgs),
    /// The profiles of a device that several people share: make, list, encrypt, change the PIN, remove
    Profile(profile::ProfileArgs),
    /// Show how much work only this device has, profile by profile, without any PIN and without any name of a patient
    Unsent,
}

/// What every device command needs.
pub(crate) struct Context {
    pub device: Device,
    pub json: bool,
    pub options: DriverOptions,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: DeviceArgs) -> Result<(), Failure> {
    match &args.command {
        DeviceCommand::Profile(verb) => return profile::run(&args.at_rest, args.json, verb),
        DeviceCommand::Unsent => return profile::unsent(&args.at_rest, args.json),
        _ => {}
    }
    let device = args.at_rest.open(matches!(args.command, DeviceCommand::Enroll(_)))?;
    let options = DriverOptions { authorities: args.ca, allow_plain: args.allow_plain, ..DriverOptions::default() };
    let context = Context { device, json: args.json, options };
    match args.command {
        DeviceCommand::Enroll(args) => enroll::run(context, &args),
        DeviceCommand::Import(args) => import::run(context, &args),
        DeviceCommand::Register(args) => register::run(context, args),
        DeviceCommand::Record(args) => record::run(context, args),
        DeviceCommand::Patients(args) => read::patients(context, &args),
        DeviceCommand::Search(args) => read::search(context, &args),
        DeviceCommand::Chart(args) => read::chart(context, &args),
        DeviceCommand::Edit(args) => edit::edit(context, &args),
        DeviceCommand::Put(args) => edit::put(context, &args),
        DeviceCommand::Note(args) => edit::note(context, &args),
        DeviceCommand::EnteredInError(args) => edit::entered_in_error(context, &args),
        DeviceCommand::Settle(args) => edit::settle(context, &args),
        DeviceCommand::Conflicts(args) => conflicts::run(context, &args),
        DeviceCommand::Duplicates(args) => persons::list(context, &args),
        DeviceCommand::Merge(args) => persons::merge(context, &args),
        DeviceCommand::Unmerge(args) => persons::unmerge(context, &args),
        DeviceCommand::Query(args) => query::run(context, args),
        DeviceCommand::AsOf(args) => past::as_of(context, &args),
        DeviceCommand::Diff(args) => past::diff(context, &args),
        DeviceCommand::Provenance(args) => past::provenance(context, &args),
        DeviceCommand::Signed(args) => past::signed(context, &args),
        DeviceCommand::Rebuild => past::rebuild(context),
        DeviceCommand::Print(args) => print::run(context, &args),
        DeviceCommand::History(args) => read::history(context, &args),
        DeviceCommand::Status => status::run(&context),
        DeviceCommand::Sync(args) => sync::once(context, &args),
        DeviceCommand::Watch(args) => sync::watch(context, &args),
        DeviceCommand::Export(args) => export::run(context, &args),
        DeviceCommand::Drafts(args) => drafts::run(context, &args),
        DeviceCommand::OwnWork(args) => own_work::run(context, &args),
        DeviceCommand::BreakGlass(args) => break_glass::run(context, &args),
        DeviceCommand::Sealed => break_glass::sealed(context),
        DeviceCommand::Referrals => record::referral::list(context),
        DeviceCommand::Audit(args) => audit::run(&context, &args),
        DeviceCommand::Profile(_) | DeviceCommand::Unsent => Ok(()),
    }
}

impl Context {
    /// The chart that `PATIENT`, `ORGANIZATION/PATIENT` or the code of a print-out names.
    pub(crate) fn chart(&self, name: &str) -> Result<ChartRef, Failure> {
        let bad = |error| Failure::BadInput(format!("chart {name}: {error}"));
        if let Some(chart) = chart_of_code(name) {
            return Ok(chart);
        }
        match name.split_once('/') {
            None => Ok(self.device.chart_of(&PatientId::new(name).map_err(bad)?)?),
            Some((organization, patient)) => Ok(ChartRef {
                organization: OrganizationId::new(organization).map_err(bad)?,
                patient: PatientId::new(patient.trim_start_matches("Patient/")).map_err(bad)?,
            }),
        }
    }
}

fn in_profile(profile: &std::path::Path, error: DeviceError) -> Failure {
    match Failure::from(error) {
        Failure::Failed(message) => Failure::Failed(format!("profile {}: {message}", profile.display())),
        other => other,
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        let message = error.to_string();
        match error {
            DeviceError::LeaseExpired { .. }
            | DeviceError::Relay { .. }
            | DeviceError::OtherRelay
            | DeviceError::Wiped => Self::Refused(message),
            DeviceError::Connection(
                ConnectionError::WrongAddress | ConnectionError::PlainNotAllowed | ConnectionError::BadAuthorityFile,
            ) => Self::BadInput(message),
            DeviceError::Connection(_) => Self::Unreachable(message),
            DeviceError::ImportRefused { first, .. } => Self::BadInput(format!("{message}\n  {}", first.join("\n  "))),
            DeviceError::UnknownPatient { .. }
            | DeviceError::AmbiguousPatient { .. }
            | DeviceError::UnknownResource { .. }
            | DeviceError::WrongChart { .. }
            | DeviceError::Content(_)
            | DeviceError::Clinical(_)
            | DeviceError::InConflict { .. }
            | DeviceError::Invalid(_)
            | DeviceError::BadBundle(_)
            | DeviceError::ChangeTooLarge { .. } => Self::BadInput(message),
            DeviceError::NotEnrolled => {
                Self::Failed(format!("{message}: satchel device --profile DIR enroll URL CODE"))
            }
            _ => Self::Failed(message),
        }
    }
}
