//! `satchel device record encounter|close-encounter|vitals|procedure|result|sign-note|amend-note`

use clap::Args;
use client_core::clinical::{NewEncounter, NewProcedure, NewResult, ResultValue};
use client_core::{ActReceipt, VitalReading};

use super::list::Hidden;
use super::terms::{quantity, range, vitals as readings};
use super::{Context, Where, act_on, id};
use crate::failure::Failure;

/// Arguments of `record encounter`.
#[derive(Debug, Args)]
pub struct EncounterArgs {
    #[command(flatten)]
    at: Where,
    /// AMB, EMER, FLD, HH, IMP, OBSENC, SS or VR (v3-ActCode); AMB if not given
    #[arg(long)]
    class: Option<String>,
    /// What kind of visit
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    kind: Option<Hidden>,
    /// Why the patient comes
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    reason: Option<Hidden>,
    /// FHIR id of the Location
    #[arg(long, value_name = "ID")]
    location: Option<String>,
    /// FHIR id of the Organization that provides it
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
}

/// Arguments of `record close-encounter`.
#[derive(Debug, Args)]
pub struct CloseArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Encounter/id
    encounter: String,
}

/// Arguments of `record vitals`.
#[derive(Debug, Args)]
pub struct VitalsArgs {
    #[command(flatten)]
    at: Where,
    /// NAME=VALUE or "NAME=VALUE UNIT": bp=120/80, pulse, resp, temp, spo2, weight, height, head, bmi, muac, pain, LOINC codes
    #[arg(required = true, value_parser = Readings::parse, value_name = "READING")]
    readings: Vec<Readings>,
    /// When (FHIR dateTime); now if not given
    #[arg(long, value_name = "DATE")]
    taken: Option<String>,
}

/// Arguments of `record procedure`.
#[derive(Debug, Args)]
pub struct ProcedureArgs {
    #[command(flatten)]
    at: Where,
    /// What was done: words, or SYSTEM|CODE|NAME
    #[arg(value_parser = Hidden::parse)]
    procedure: Hidden,
    /// When (FHIR dateTime); now if not given
    #[arg(long, value_name = "DATE")]
    performed: Option<String>,
    /// Where on the body
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    site: Option<Hidden>,
    /// Why
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    reason: Option<Hidden>,
    /// How it went
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    outcome: Option<Hidden>,
    /// A remark
    #[arg(long)]
    note: Option<String>,
}

/// Arguments of `record result`.
#[derive(Debug, Args)]
pub struct ResultArgs {
    #[command(flatten)]
    at: Where,
    /// What was measured: words, or SYSTEM|CODE|NAME
    #[arg(value_parser = Hidden::parse)]
    test: Hidden,
    /// A number with its unit ("12.1 g/dL"), or words
    value: String,
    /// When the sample was taken (FHIR dateTime); now if not given
    #[arg(long, value_name = "DATE")]
    collected: Option<String>,
    /// It may still change
    #[arg(long)]
    preliminary: bool,
    /// What is to be expected, LOW..HIGH
    #[arg(long, value_parser = range, value_name = "RANGE")]
    expected: Option<(serde_json::Number, serde_json::Number)>,
    /// A remark
    #[arg(long)]
    note: Option<String>,
}

/// Arguments of `record sign-note`.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// DocumentReference/id
    note: String,
}

/// Arguments of `record amend-note`.
#[derive(Debug, Args)]
pub struct AmendArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// DocumentReference/id of the signed note
    note: String,
    /// What is to be added
    text: String,
    /// Why
    #[arg(long)]
    reason: String,
}

/// The readings of one argument; blood pressure is two.
#[derive(Clone, Debug)]
struct Readings(Vec<VitalReading>);

impl Readings {
    fn parse(text: &str) -> Result<Self, String> {
        readings(text).map(Self)
    }
}

pub(super) fn open(context: &mut Context, args: EncounterArgs) -> Result<ActReceipt, Failure> {
    let new = NewEncounter {
        class: args.class,
        kind: args.kind.map(|kind| kind.0),
        reason: args.reason.map(|reason| reason.0),
        location: args.location,
        provider: args.provider,
    };
    args.at.act(context, |device, at| device.open_encounter(at, &new))
}

pub(super) fn close(context: &mut Context, args: &CloseArgs) -> Result<ActReceipt, Failure> {
    act_on(context, &args.chart, |device, at| device.close_encounter(at, id(&args.encounter)))
}

pub(super) fn vitals(context: &mut Context, args: &VitalsArgs) -> Result<ActReceipt, Failure> {
    let readings: Vec<VitalReading> = args.readings.iter().flat_map(|some| some.0.clone()).collect();
    args.at.act(context, |device, at| device.record_vitals(at, &readings, args.taken.as_deref()))
}

pub(super) fn procedure(context: &mut Context, args: ProcedureArgs) -> Result<ActReceipt, Failure> {
    let new = NewProcedure {
        procedure: args.procedure.0,
        performed: args.performed,
        site: args.site.map(|site| site.0),
        reason: args.reason.map(|reason| reason.0),
        outcome: args.outcome.map(|outcome| outcome.0),
        note: args.note,
    };
    args.at.act(context, |device, at| device.record_procedure(at, &new))
}

pub(super) fn result(context: &mut Context, args: ResultArgs) -> Result<ActReceipt, Failure> {
    let new = NewResult {
        test: args.test.0,
        value: quantity(&args.value).map_or_else(|_| ResultValue::Text(args.value.clone()), ResultValue::Quantity),
        collected: args.collected,
        preliminary: args.preliminary,
        expected: args.expected,
        note: args.note,
    };
    args.at.act(context, |device, at| device.record_result(at, &new))
}

pub(super) fn sign(context: &mut Context, args: &SignArgs) -> Result<ActReceipt, Failure> {
    act_on(context, &args.chart, |device, at| device.sign_note(at, id(&args.note)))
}

pub(super) fn amend(context: &mut Context, args: &AmendArgs) -> Result<ActReceipt, Failure> {
    act_on(context, &args.chart, |device, at| device.amend_note(at, id(&args.note), &args.text, &args.reason))
}
