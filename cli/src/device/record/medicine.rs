//! `satchel device record medication|dose|stop-medication|immunization`

use clap::Args;
use client_core::ActReceipt;
use client_core::clinical::{Dosage, NewImmunization, NewMedication, Quantity};

use super::list::Hidden;
use super::terms::quantity;
use super::{Context, Where, act_on, id};
use crate::failure::Failure;

/// How a medicine is taken.
#[derive(Debug, Args)]
struct DosageArgs {
    /// How it is taken, in words
    dosage: String,
    /// How much at a time, for example "5 mg"
    #[arg(long, value_parser = Amount::parse, value_name = "QUANTITY")]
    dose: Option<Amount>,
    /// How often in each period
    #[arg(long, value_name = "TIMES")]
    frequency: Option<u32>,
    /// Length of the period
    #[arg(long, requires = "frequency")]
    period: Option<u32>,
    /// Unit of the period: h, d, wk, mo
    #[arg(long, requires = "frequency", value_name = "UNIT")]
    period_unit: Option<String>,
    /// By mouth, into a vein
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    route: Option<Hidden>,
    /// Only when needed
    #[arg(long)]
    as_needed: bool,
}

/// Arguments of `record medication`.
#[derive(Debug, Args)]
pub struct MedicationArgs {
    #[command(flatten)]
    at: Where,
    /// Which: words, or SYSTEM|CODE|NAME
    #[arg(value_parser = Hidden::parse)]
    medication: Hidden,
    #[command(flatten)]
    dosage: DosageArgs,
    /// Why: words, or SYSTEM|CODE|NAME
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    reason: Option<Hidden>,
    /// A remark
    #[arg(long)]
    note: Option<String>,
}

/// Arguments of `record dose`.
#[derive(Debug, Args)]
pub struct DoseArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// MedicationRequest/id
    order: String,
    #[command(flatten)]
    dosage: DosageArgs,
    /// Why
    #[arg(long)]
    reason: String,
}

/// Arguments of `record stop-medication`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// MedicationRequest/id
    order: String,
    /// Why
    #[arg(long)]
    reason: String,
}

/// Arguments of `record immunization`.
#[derive(Debug, Args)]
pub struct ImmunizationArgs {
    #[command(flatten)]
    at: Where,
    /// Which: words, or SYSTEM|CODE|NAME
    #[arg(value_parser = Hidden::parse)]
    vaccine: Hidden,
    /// When (FHIR dateTime); now if not given
    #[arg(long, value_name = "DATE")]
    given: Option<String>,
    /// Batch printed on the vial
    #[arg(long)]
    lot: Option<String>,
    /// Until when the vial may be used
    #[arg(long, value_name = "DATE")]
    expires: Option<String>,
    /// Where on the body
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    site: Option<Hidden>,
    /// Which way
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    route: Option<Hidden>,
    /// How much, for example "0.5 mL"
    #[arg(long, value_parser = Amount::parse, value_name = "QUANTITY")]
    dose: Option<Amount>,
    /// Number of the dose in its series, from 1
    #[arg(long)]
    number: Option<u32>,
    /// It was not given, for this reason
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    not_given: Option<Hidden>,
    /// A remark
    #[arg(long)]
    note: Option<String>,
}

/// A quantity of an argument.
#[derive(Clone)]
struct Amount(Quantity);

impl Amount {
    fn parse(text: &str) -> Result<Self, String> {
        quantity(text).map(Self)
    }
}

impl std::fmt::Debug for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Quantity")
    }
}

impl From<DosageArgs> for Dosage {
    fn from(args: DosageArgs) -> Self {
        Self {
            text: args.dosage,
            dose: args.dose.map(|dose| dose.0),
            frequency: args.frequency,
            period: args.period,
            period_unit: args.period_unit,
            route: args.route.map(|route| route.0),
            as_needed: args.as_needed,
        }
    }
}

pub(super) fn start(context: &mut Context, args: MedicationArgs) -> Result<ActReceipt, Failure> {
    let new = NewMedication {
        medication: args.medication.0,
        dosage: args.dosage.into(),
        reason: args.reason.map(|reason| reason.0),
        note: args.note,
    };
    args.at.act(context, |device, at| device.start_medication(at, &new))
}

pub(super) fn change_dose(context: &mut Context, args: DoseArgs) -> Result<ActReceipt, Failure> {
    let dosage = args.dosage.into();
    act_on(context, &args.chart, |device, at| device.change_dose(at, id(&args.order), &dosage, &args.reason))
}

pub(super) fn stop(context: &mut Context, args: &StopArgs) -> Result<ActReceipt, Failure> {
    act_on(context, &args.chart, |device, at| device.stop_medication(at, id(&args.order), &args.reason))
}

pub(super) fn immunize(context: &mut Context, args: ImmunizationArgs) -> Result<ActReceipt, Failure> {
    let new = NewImmunization {
        vaccine: args.vaccine.0,
        given: args.given,
        lot: args.lot,
        expires: args.expires,
        site: args.site.map(|site| site.0),
        route: args.route.map(|route| route.0),
        dose: args.dose.map(|dose| dose.0),
        number: args.number,
        not_given: args.not_given.map(|reason| reason.0),
        note: args.note,
    };
    args.at.act(context, |device, at| device.record_immunization(at, &new))
}
