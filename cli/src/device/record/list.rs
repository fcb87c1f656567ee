//! `satchel device record allergy|problem|resolve-problem|flag|lower-flag`

use clap::Args;
use client_core::ActReceipt;
use client_core::clinical::{Concept, Criticality, NewAllergy, NewFlag, NewProblem};

use super::terms::concept;
use super::{Context, Where, act_on, id};
use crate::failure::Failure;

/// Arguments of `record allergy`.
#[derive(Debug, Args)]
pub struct AllergyArgs {
    #[command(flatten)]
    at: Where,
    /// To what: words, or SYSTEM|CODE|NAME
    #[arg(value_parser = Hidden::parse)]
    substance: Hidden,
    /// food, medication, environment or biologic
    #[arg(long)]
    category: Option<String>,
    /// low, high or unable-to-assess
    #[arg(long, value_parser = ["low", "high", "unable-to-assess"])]
    criticality: Option<String>,
    /// Confirmed by testing or a witnessed reaction
    #[arg(long)]
    confirmed: bool,
    /// What was seen; may be repeated
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    manifestation: Vec<Hidden>,
    /// mild, moderate or severe
    #[arg(long)]
    severity: Option<String>,
    /// Since when (FHIR dateTime)
    #[arg(long, value_name = "DATE")]
    onset: Option<String>,
    /// A remark
    #[arg(long)]
    note: Option<String>,
}

/// Arguments of `record problem`.
#[derive(Debug, Args)]
pub struct ProblemArgs {
    #[command(flatten)]
    at: Where,
    /// What: words, or SYSTEM|CODE|NAME
    #[arg(value_parser = Hidden::parse)]
    problem: Hidden,
    /// Established, not only suspected
    #[arg(long)]
    confirmed: bool,
    /// How bad
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    severity: Option<Hidden>,
    /// Since when (FHIR dateTime)
    #[arg(long, value_name = "DATE")]
    onset: Option<String>,
    /// A remark
    #[arg(long)]
    note: Option<String>,
}

/// Arguments of `record resolve-problem`.
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Condition/id
    problem: String,
    /// Since when (FHIR dateTime); now if not given
    #[arg(long, value_name = "DATE")]
    end: Option<String>,
    /// A remark
    #[arg(long)]
    note: Option<String>,
}

/// Arguments of `record flag`.
#[derive(Debug, Args)]
pub struct FlagArgs {
    #[command(flatten)]
    at: Where,
    /// What to beware of: words, or SYSTEM|CODE|NAME
    #[arg(value_parser = Hidden::parse)]
    warning: Hidden,
    /// FHIR flag category, for example safety
    #[arg(long)]
    category: Option<String>,
}

/// Arguments of `record lower-flag`.
#[derive(Debug, Args)]
pub struct LowerFlagArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Flag/id
    flag: String,
    /// Why it no longer holds
    #[arg(long)]
    reason: String,
}

/// A concept of an argument. Debug output of arguments shows no content.
#[derive(Clone)]
pub struct Hidden(pub(super) Concept);

impl Hidden {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        concept(text).map(Self)
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Concept")
    }
}

pub(super) fn allergy(context: &mut Context, args: AllergyArgs) -> Result<ActReceipt, Failure> {
    let criticality = args.criticality.as_deref().map(|code| match code {
        "low" => Criticality::Low,
        "high" => Criticality::High,
        _ => Criticality::UnableToAssess,
    });
    let new = NewAllergy {
        substance: args.substance.0,
        category: args.category,
        criticality,
        confirmed: args.confirmed,
        manifestations: args.manifestation.into_iter().map(|sign| sign.0).collect(),
        severity: args.severity,
        onset: args.onset,
        note: args.note,
    };
    args.at.act(context, |device, at| device.record_allergy(at, &new))
}

pub(super) fn problem(context: &mut Context, args: ProblemArgs) -> Result<ActReceipt, Failure> {
    let new = NewProblem {
        problem: args.problem.0,
        confirmed: args.confirmed,
        severity: args.severity.map(|severity| severity.0),
        onset: args.onset,
        note: args.note,
    };
    args.at.act(context, |device, at| device.record_problem(at, &new))
}

pub(super) fn resolve(context: &mut Context, args: &ResolveArgs) -> Result<ActReceipt, Failure> {
    let (end, note) = (args.end.as_deref(), args.note.as_deref());
    act_on(context, &args.chart, |device, at| device.resolve_problem(at, id(&args.problem), end, note))
}

pub(super) fn flag(context: &mut Context, args: FlagArgs) -> Result<ActReceipt, Failure> {
    let new = NewFlag { warning: args.warning.0, category: args.category };
    args.at.act(context, |device, at| device.raise_flag(at, &new))
}

pub(super) fn lower_flag(context: &mut Context, args: &LowerFlagArgs) -> Result<ActReceipt, Failure> {
    act_on(context, &args.chart, |device, at| device.lower_flag(at, id(&args.flag), &args.reason))
}
