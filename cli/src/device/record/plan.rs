//! `satchel device record care-plan|activity|task|move-task`

use clap::Args;
use client_core::ActReceipt;
use client_core::clinical::{NewActivity, NewCarePlan, NewTask, TaskStep};

use super::{Context, Where, act_on, id};
use crate::failure::Failure;

pub(super) const PRIORITIES: [&str; 4] = ["routine", "urgent", "asap", "stat"];

/// Arguments of `record care-plan`.
#[derive(Debug, Args)]
pub struct CarePlanArgs {
    #[command(flatten)]
    at: Where,
    /// Its name
    title: String,
    /// What it is about
    #[arg(long)]
    description: Option<String>,
    /// Condition/id that it addresses; may be repeated
    #[arg(long, value_name = "CONDITION")]
    problem: Vec<String>,
    /// What is to be done; may be repeated
    #[arg(long)]
    activity: Vec<String>,
}

/// Arguments of `record activity`.
#[derive(Debug, Args)]
pub struct ActivityArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// CarePlan/id
    plan: String,
    /// What is to be done
    description: String,
    /// When, in words
    #[arg(long)]
    when: Option<String>,
}

/// Arguments of `record task`.
#[derive(Debug, Args)]
pub struct TaskArgs {
    #[command(flatten)]
    at: Where,
    /// What is to be done
    description: String,
    /// By when (FHIR date or dateTime)
    #[arg(long, value_name = "DATE")]
    due: Option<String>,
    /// Who: FHIR id of a Practitioner
    #[arg(long, value_name = "ID", conflicts_with = "organization")]
    practitioner: Option<String>,
    /// Who: FHIR id of an Organization
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// How urgent
    #[arg(long, value_parser = PRIORITIES)]
    priority: Option<String>,
}

/// Arguments of `record move-task`.
#[derive(Debug, Args)]
pub struct MoveTaskArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Task/id
    task: String,
    /// What happens to it
    #[arg(value_parser = ["accept", "reject", "start", "hold", "complete", "fail", "cancel"])]
    step: String,
    /// Why; a no is explained
    #[arg(long)]
    reason: Option<String>,
}

pub(super) fn start(context: &mut Context, args: CarePlanArgs) -> Result<ActReceipt, Failure> {
    let activity = |description| NewActivity { description, when: None };
    let new = NewCarePlan {
        title: args.title,
        description: args.description,
        problems: args.problem.iter().map(|problem| id(problem).to_owned()).collect(),
        activities: args.activity.into_iter().map(activity).collect(),
    };
    args.at.act(context, |device, at| device.start_care_plan(at, &new))
}

pub(super) fn add_activity(context: &mut Context, args: ActivityArgs) -> Result<ActReceipt, Failure> {
    let new = NewActivity { description: args.description, when: args.when };
    act_on(context, &args.chart, |device, at| device.add_activity(at, id(&args.plan), &new))
}

pub(super) fn add_task(context: &mut Context, args: TaskArgs) -> Result<ActReceipt, Failure> {
    let new = NewTask {
        description: args.description,
        due: args.due,
        practitioner: args.practitioner,
        organization: args.organization,
        priority: args.priority,
    };
    args.at.act(context, |device, at| device.add_task(at, &new))
}

pub(super) fn move_task(context: &mut Context, args: &MoveTaskArgs) -> Result<ActReceipt, Failure> {
    let step = match args.step.as_str() {
        "accept" => TaskStep::Accept,
        "reject" => TaskStep::Reject,
        "start" => TaskStep::Start,
        "hold" => TaskStep::Hold,
        "complete" => TaskStep::Complete,
        "fail" => TaskStep::Fail,
        _ => TaskStep::Cancel,
    };
    let reason = args.reason.as_deref();
    act_on(context, &args.chart, |device, at| device.move_task(at, id(&args.task), step, reason))
}
