//! `satchel device query`: lists for looking at, for programs and for spreadsheets.

use clap::{Args, Subcommand};
use client_core::driver::system_time;
use client_core::{ChartSection, Page, PatientFilter, PatientQuery, Query, Rows, Span, UnixMillis};
use serde_json::Value;

use super::Context;
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// Write CSV instead
    #[arg(long, global = true)]
    csv: bool,
    /// At most so many rows
    #[arg(long, default_value_t = 100, global = true)]
    limit: usize,
    /// Leave out so many first
    #[arg(long, default_value_t = 0, global = true)]
    offset: usize,
    #[command(subcommand)]
    command: QueryCommand,
}

#[derive(Debug, Subcommand)]
enum QueryCommand {
    /// Patients, narrowed down
    Patients(PatientArgs),
    /// One section of a chart: allergies, problems, vital-signs and so on
    Section {
        /// PATIENT, or ORGANIZATION/PATIENT
        chart: String,
        /// Which section
        section: ChartSection,
    },
    /// What happened, the newest first
    Timeline {
        /// PATIENT, or ORGANIZATION/PATIENT
        chart: String,
        /// Not before this FHIR date
        #[arg(long, value_parser = moment, value_name = "DATE")]
        from: Option<UnixMillis>,
        /// Before this FHIR date
        #[arg(long, value_parser = moment, value_name = "DATE")]
        until: Option<UnixMillis>,
    },
    /// The latest vital signs with their trend
    Vitals {
        /// PATIENT, or ORGANIZATION/PATIENT
        chart: String,
    },
    /// All values of one measurement, the oldest first
    Series {
        /// PATIENT, or ORGANIZATION/PATIENT
        chart: String,
        /// LOINC code, or what the record calls it
        code: String,
    },
    /// The medicines that the patient is on
    Medications {
        /// PATIENT, or ORGANIZATION/PATIENT
        chart: String,
    },
    /// Open tasks, by when they are due
    Tasks {
        /// Only of this chart
        #[arg(long)]
        chart: Option<String>,
        /// Only those due before this FHIR date
        #[arg(long, value_parser = moment, value_name = "DATE")]
        by: Option<UnixMillis>,
    },
    /// Notes that have words beginning like these
    Notes {
        /// The words
        #[arg(required = true)]
        words: Vec<String>,
        /// Only of this chart
        #[arg(long)]
        chart: Option<String>,
    },
}

#[derive(Debug, Args)]
struct PatientArgs {
    /// Beginnings of words of the name, an identifier or a birth date
    words: Vec<String>,
    /// FHIR administrative gender
    #[arg(long)]
    gender: Option<String>,
    /// Born on this FHIR date or later
    #[arg(long, value_name = "DATE")]
    born_from: Option<String>,
    /// Born before this FHIR date
    #[arg(long, value_name = "DATE")]
    born_before: Option<String>,
    /// Also registrations that another replaces
    #[arg(long)]
    with_replaced: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(mut context: Context, args: QueryArgs) -> Result<(), Failure> {
    let page = Page { limit: args.limit, offset: args.offset };
    let query = query(&context, args.command, page)?;
    if args.csv {
        let csv = context.device.export_csv(&query, system_time())?;
        say!("{}", csv.trim_end());
        return Ok(());
    }
    let Rows(rows) = context.device.query(&query, system_time())?;
    output::print(context.json, &rows, |rows| print_rows(rows))
}

fn query(context: &Context, command: QueryCommand, page: Page) -> Result<Query, Failure> {
    let optional = |chart: Option<String>| chart.map(|chart| context.chart(&chart)).transpose();
    Ok(match command {
        QueryCommand::Patients(args) => Query::Patients(patients(args), page),
        QueryCommand::Section { chart, section } => Query::Section(context.chart(&chart)?, section, page),
        QueryCommand::Timeline { chart, from, until } => {
            Query::Timeline(context.chart(&chart)?, Span { from, until }, page)
        }
        QueryCommand::Vitals { chart } => Query::LatestVitals(context.chart(&chart)?),
        QueryCommand::Series { chart, code } => Query::Series(context.chart(&chart)?, code),
        QueryCommand::Medications { chart } => Query::MedicationsNow(context.chart(&chart)?),
        QueryCommand::Tasks { chart, by } => Query::DueTasks(optional(chart)?, by, page),
        QueryCommand::Notes { words, chart } => Query::Notes(words.join(" "), optional(chart)?, page),
    })
}

fn patients(args: PatientArgs) -> PatientQuery {
    let text = (!args.words.is_empty()).then(|| args.words.join(" "));
    PatientQuery {
        filter: PatientFilter { text, ..PatientFilter::default() },
        gender: args.gender,
        born_from: args.born_from,
        born_before: args.born_before,
        with_replaced: args.with_replaced,
    }
}

/// A FHIR date or dateTime as a moment.
pub(super) fn moment(text: &str) -> Result<UnixMillis, String> {
    let bad = || "write a FHIR date or dateTime: 2024-01-31 or 2024-01-31T10:00:00Z".to_owned();
    clinical_record::facts::first_millis(text).map(UnixMillis).ok_or_else(bad)
}

/// The rows as a table, headed by the names of their members.
fn print_rows(rows: &[Value]) {
    let names: Vec<&String> = rows.first().and_then(Value::as_object).into_iter().flat_map(|row| row.keys()).collect();
    let headings: Vec<String> = names.iter().map(|name| name.to_uppercase()).collect();
    let cell = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.replace('\n', " "),
        other => other.to_string(),
    };
    let cells = rows.iter().map(|row| names.iter().map(|name| cell(&row[name.as_str()])).collect()).collect::<Vec<_>>();
    output::table(&headings.iter().map(String::as_str).collect::<Vec<_>>(), &cells);
}
