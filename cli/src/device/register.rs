//! `satchel device register`

use clap::Args;
use client_core::clinical::{NewPatient, PersonIdentifier};
use client_core::driver::system_time;
use client_core::{PossibleDuplicate, Registration, duplicates};
use serde_json::{Value, json};

use super::Context;
use super::shown::patient_json;
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device register`.
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// Family name
    #[arg(long)]
    family: Option<String>,
    /// Given name; may be repeated
    #[arg(long)]
    given: Vec<String>,
    /// Birth date: 1970, 1970-01 or 1970-01-31
    #[arg(long, value_name = "DATE")]
    birth_date: Option<String>,
    /// male, female, other or unknown
    #[arg(long, value_parser = ["male", "female", "other", "unknown"])]
    gender: Option<String>,
    /// Identifier, as VALUE or SYSTEM|VALUE; may be repeated
    #[arg(long, value_name = "IDENTIFIER")]
    identifier: Vec<String>,
    /// Telephone number
    #[arg(long)]
    phone: Option<String>,
    /// A line of the address; may be repeated
    #[arg(long, value_name = "LINE")]
    address: Vec<String>,
    /// Village or town
    #[arg(long)]
    city: Option<String>,
    /// Register although somebody alike is registered
    #[arg(long)]
    anyway: bool,
}

impl From<RegisterArgs> for NewPatient {
    fn from(args: RegisterArgs) -> Self {
        let identifier = |text: String| match text.split_once('|') {
            Some((system, value)) => PersonIdentifier { system: Some(system.to_owned()), value: value.to_owned() },
            None => PersonIdentifier { system: None, value: text },
        };
        Self {
            family: args.family,
            given: args.given,
            birth_date: args.birth_date,
            gender: args.gender,
            identifiers: args.identifier.into_iter().map(identifier).collect(),
            phone: args.phone,
            address: args.address,
            city: args.city,
            organization: None,
        }
    }
}

/// Runs the command. Somebody who is likely to be registered already is listed instead, unless `--anyway`.
///
/// # Errors
/// [`Failure::BadInput`] if the person is likely to be registered already.
pub fn run(mut context: Context, args: RegisterArgs) -> Result<(), Failure> {
    let anyway = args.anyway;
    let new = NewPatient::from(args);
    let now = system_time();
    for warning in context.device.check_registration(&new, now)? {
        eprintln!("LOOK AGAIN  {} {}", warning.path, warning.problem);
    }
    let outcome = match anyway {
        true => Registration::Registered(context.device.register_patient(&new, now)?),
        false => context.device.register_unless_known(&new, duplicates::LIKELY, now)?,
    };
    match outcome {
        Registration::Registered(chart) => {
            let shown = json!({ "organization": chart.organization, "patient": chart.patient });
            output::print(context.json, &shown, |_| say!("registered as {chart}"))
        }
        Registration::Known(known) => {
            show_duplicates(context.json, &known)?;
            Err(Failure::BadInput("probably registered already, see above; --anyway registers all the same".into()))
        }
    }
}

/// Prints registrations that may be of the same person.
pub(super) fn show_duplicates(json: bool, known: &[PossibleDuplicate]) -> Result<(), Failure> {
    let reasons = |one: &PossibleDuplicate| serde_json::to_value(&one.found.reasons).unwrap_or_default();
    let shown = |one: &PossibleDuplicate| {
        let mut shown = patient_json(&one.patient);
        shown["score"] = one.found.score.into();
        shown["reasons"] = reasons(one);
        shown
    };
    let shown: Vec<Value> = known.iter().map(shown).collect();
    output::print(json, &shown, |_| {
        let row = |one: &PossibleDuplicate| {
            let because =
                reasons(one).as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
            let born = one.patient.birth_date.clone().unwrap_or_else(|| "-".into());
            vec![one.found.score.to_string(), one.patient.name.clone(), born, one.patient.chart.to_string(), because]
        };
        output::table(&["SCORE", "NAME", "BORN", "CHART", "BECAUSE"], &known.iter().map(row).collect::<Vec<_>>());
    })
}
