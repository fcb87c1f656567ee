//! `satchel device record`: what a clinician enters, kind by kind.

mod list;
mod medicine;
mod plan;
pub mod referral;
mod terms;
mod visit;

use clap::{Args, Subcommand};
use client_core::driver::system_time;
use client_core::{ActReceipt, ChartRef, Device, DeviceError, Occasion};
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    #[command(subcommand)]
    command: RecordCommand,
}

/// Whose chart, and in which visit.
#[derive(Debug, Args)]
struct Where {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Visit it happens in (FHIR id of the Encounter)
    #[arg(long, value_name = "ID")]
    encounter: Option<String>,
}

#[derive(Debug, Subcommand)]
enum RecordCommand {
    /// An allergy or intolerance
    Allergy(list::AllergyArgs),
    /// A problem or diagnosis
    Problem(list::ProblemArgs),
    /// Mark a problem as resolved
    ResolveProblem(list::ResolveArgs),
    /// A warning that everyone who opens the chart should see
    Flag(list::FlagArgs),
    /// Lower a warning that no longer holds
    LowerFlag(list::LowerFlagArgs),
    /// Start a medicine
    Medication(medicine::MedicationArgs),
    /// Change the dose of a running order
    Dose(medicine::DoseArgs),
    /// Stop a running order
    StopMedication(medicine::StopArgs),
    /// A vaccination
    Immunization(medicine::ImmunizationArgs),
    /// Open a visit
    Encounter(visit::EncounterArgs),
    /// Close a visit
    CloseEncounter(visit::CloseArgs),
    /// Vital signs, for example bp=120/80 pulse=72 temp=38.5
    Vitals(visit::VitalsArgs),
    /// A procedure that was done
    Procedure(visit::ProcedureArgs),
    /// A laboratory result
    Result(visit::ResultArgs),
    /// Sign a note: from then on it is amended, not edited
    SignNote(visit::SignArgs),
    /// Amend a signed note
    AmendNote(visit::AmendArgs),
    /// Start a care plan
    CarePlan(plan::CarePlanArgs),
    /// Add an activity to a care plan
    Activity(plan::ActivityArgs),
    /// Give someone a task
    Task(plan::TaskArgs),
    /// Move a task on: accept, start, complete and so on
    MoveTask(plan::MoveTaskArgs),
    /// Refer the patient to another organization, and open the chart to them for a time
    Referral(referral::ReferralArgs),
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(mut context: Context, args: RecordArgs) -> Result<(), Failure> {
    let context = &mut context;
    let receipt = match args.command {
        RecordCommand::Allergy(args) => list::allergy(context, args),
        RecordCommand::Problem(args) => list::problem(context, args),
        RecordCommand::ResolveProblem(args) => list::resolve(context, &args),
        RecordCommand::Flag(args) => list::flag(context, args),
        RecordCommand::LowerFlag(args) => list::lower_flag(context, &args),
        RecordCommand::Medication(args) => medicine::start(context, args),
        RecordCommand::Dose(args) => medicine::change_dose(context, args),
        RecordCommand::StopMedication(args) => medicine::stop(context, &args),
        RecordCommand::Immunization(args) => medicine::immunize(context, args),
        RecordCommand::Encounter(args) => visit::open(context, args),
        RecordCommand::CloseEncounter(args) => visit::close(context, &args),
        RecordCommand::Vitals(args) => visit::vitals(context, &args),
        RecordCommand::Procedure(args) => visit::procedure(context, args),
        RecordCommand::Result(args) => visit::result(context, args),
        RecordCommand::SignNote(args) => visit::sign(context, &args),
        RecordCommand::AmendNote(args) => visit::amend(context, &args),
        RecordCommand::CarePlan(args) => plan::start(context, args),
        RecordCommand::Activity(args) => plan::add_activity(context, args),
        RecordCommand::Task(args) => plan::add_task(context, args),
        RecordCommand::MoveTask(args) => plan::move_task(context, &args),
        RecordCommand::Referral(args) => referral::refer(context, args),
    }?;
    show(context.json, &receipt)
}

/// Prints what a clinical act did.
pub fn show(json: bool, receipt: &ActReceipt) -> Result<(), Failure> {
    let warnings = receipt.warnings.iter().map(|one| json!({"path": one.path, "problem": one.problem}));
    let shown = json!({
        "resources": receipt.resources.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "changes": receipt.changes.iter().map(|(document, change)| json!({"document": document, "change": change})).collect::<Value>(),
        "warnings": warnings.collect::<Value>(),
    });
    output::print(json, &shown, |_| {
        for warning in &receipt.warnings {
            say!("LOOK AGAIN  {} {}", warning.path, warning.problem);
        }
        let verb = if receipt.changes.is_empty() { "nothing to change in" } else { "saved" };
        for resource in &receipt.resources {
            say!("{verb} {resource}");
        }
    })
}

impl Where {
    /// Does something on the chart named.
    fn act(
        &self,
        context: &mut Context,
        act: impl FnOnce(&mut Device, &Occasion<'_>) -> Result<ActReceipt, DeviceError>,
    ) -> Result<ActReceipt, Failure> {
        let chart = context.chart(&self.chart)?;
        let occasion = Occasion { encounter: self.encounter.as_deref(), ..Occasion::new(&chart, system_time()) };
        Ok(act(&mut context.device, &occasion)?)
    }
}

/// Does something on a resource of a chart, outside any visit.
fn act_on(
    context: &mut Context,
    chart: &str,
    act: impl FnOnce(&mut Device, &Occasion<'_>) -> Result<ActReceipt, DeviceError>,
) -> Result<ActReceipt, Failure> {
    let chart: ChartRef = context.chart(chart)?;
    Ok(act(&mut context.device, &Occasion::new(&chart, system_time()))?)
}

/// `Type/id` or the id alone.
fn id(text: &str) -> &str {
    text.rsplit_once('/').map_or(text, |(_, id)| id)
}
