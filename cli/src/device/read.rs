//! `satchel device patients|search|chart|history`

use clap::Args;
use client_core::driver::system_time;
use client_core::{Chart, ChartHistoryEntry, PatientEntry, PatientFilter};
use serde_json::{Value, json};

use super::conflicts::print_conflict;
use super::edit::resource_key;
use super::shown::patient_json;
use super::{Context, chart_json};
use crate::failure::Failure;
use crate::output;

/// Resources of one type that a chart lists before it sums the rest up.
const SHOWN_PER_TYPE: usize = 8;

/// Arguments of `satchel device patients`.
#[derive(Debug, Args)]
pub struct PatientsArgs {
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Leave out so many first
    #[arg(long, default_value_t = 0)]
    offset: usize,
}

/// Arguments of `satchel device search`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// Beginnings of words of the name, an identifier or a birth date
    #[arg(required = true)]
    words: Vec<String>,
}

/// Arguments of `satchel device chart`.
#[derive(Debug, Args)]
pub struct ChartArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Only this resource (Type/id), as FHIR JSON
    resource: Option<String>,
    /// List every resource
    #[arg(long)]
    all: bool,
}

/// Arguments of `satchel device history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Only this resource (Type/id)
    resource: Option<String>,
}

/// Runs `satchel device patients`.
///
/// # Errors
/// [`Failure`].
pub fn patients(mut context: Context, args: &PatientsArgs) -> Result<(), Failure> {
    let found = context.device.patients(&PatientFilter::default(), args.limit, args.offset, system_time())?;
    show_patients(context.json, &found)
}

/// Runs `satchel device search`.
///
/// # Errors
/// [`Failure`].
pub fn search(mut context: Context, args: &SearchArgs) -> Result<(), Failure> {
    let found = context.device.search(&args.words.join(" "), system_time())?;
    show_patients(context.json, &found)
}

fn show_patients(json: bool, found: &[PatientEntry]) -> Result<(), Failure> {
    let shown: Vec<Value> = found.iter().map(patient_json).collect();
    output::print(json, &shown, |_| {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
        let row = |p: &PatientEntry| {
            vec![
                p.name.clone(),
                text(&p.birth_date),
                text(&p.gender),
                format!("{}/{}", p.chart.organization, p.chart.patient),
            ]
        };
        output::table(&["NAME", "BORN", "GENDER", "CHART"], &found.iter().map(row).collect::<Vec<_>>());
    })
}

/// Runs `satchel device chart`.
///
/// # Errors
/// [`Failure`].
pub fn chart(mut context: Context, args: &ChartArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    if let Some(resource) = &args.resource {
        let found = context.device.resource(&chart, &resource_key(resource)?, system_time())?;
        return output::print(true, &found, |_| {});
    }
    let found = context.device.chart(&chart, system_time())?;
    output::print(context.json, &chart_json(&found), |_| print_chart(&found, args.all))
}

fn print_chart(chart: &Chart, all: bool) {
    match &chart.patient {
        Some(patient) => say!(
            "{}   born {}   {}   {}",
            patient.name,
            patient.birth_date.as_deref().unwrap_or("?"),
            patient.gender.as_deref().unwrap_or("?"),
            chart.chart
        ),
        None => say!("{} (demographics not here)", chart.chart),
    }
    let shown = if all { usize::MAX } else { SHOWN_PER_TYPE };
    for group in &chart.groups {
        say!("\n{} ({})", group.resource_type, group.resources.len());
        for entry in group.resources.iter().take(shown) {
            let date = entry.date.as_deref().unwrap_or("").chars().take(10).collect::<String>();
            let status = entry.status.as_deref().unwrap_or("");
            say!("  {date:10}  {:40}  {status:12} {}", entry.summary, entry.key);
        }
        if group.resources.len() > shown {
            say!("  … {} more (--all)", group.resources.len() - shown);
        }
    }
    print_warnings(chart);
}

fn print_warnings(chart: &Chart) {
    for conflict in &chart.conflicts {
        say!("\nCONFLICT");
        print_conflict(conflict);
    }
    if !chart.retracted.is_empty() {
        say!("\n{} entered in error are not shown", chart.retracted.len());
    }
    for edit in &chart.overridden {
        say!("\nOVERRIDDEN  {} {}: an edit is not shown because a concurrent one took its place", edit.key, edit.path);
        say!("  its change is {}; see history", edit.lost);
    }
    for quarantined in &chart.quarantined {
        say!("\nIN QUARANTINE  document {}: {}", quarantined.document, quarantined.reason);
    }
    if chart.unsent > 0 {
        say!("\n{} changes of this chart are not sent yet", chart.unsent);
    }
}

/// Runs `satchel device history`.
///
/// # Errors
/// [`Failure`].
pub fn history(mut context: Context, args: &HistoryArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    let only = args.resource.as_deref().map(resource_key).transpose()?;
    let mut entries = context.device.history(&chart, only.as_ref(), system_time())?;
    // Documents follow one another; for reading, the authors' clocks order them.
    entries.sort_by_key(|entry| entry.time);
    let shown: Vec<Value> = entries.iter().map(entry_json).collect();
    output::print(context.json, &shown, |_| {
        let headings = ["TIME", "WHO", "WHERE", "SIGNED", "SENT", "TOUCHED", "WHY"];
        output::table(&headings, &entries.iter().map(entry_row).collect::<Vec<_>>());
    })
}

fn entry_json(entry: &ChartHistoryEntry) -> Value {
    let touched = entry.touched.iter().map(|t| json!({"resource": t.key.to_string(), "path": t.path.to_string()}));
    json!({
        "change": entry.change,
        "document": entry.document,
        "practitioner": entry.author.practitioner,
        "organization": entry.author.organization,
        "signed": entry.signed,
        "sent": entry.sent,
        "time": entry.time,
        "reason": entry.message,
        "touched": touched.collect::<Vec<_>>(),
    })
}

fn entry_row(entry: &ChartHistoryEntry) -> Vec<String> {
    let yes_no = |yes: bool| if yes { "yes" } else { "NO" }.to_owned();
    let touched = match entry.touched.as_slice() {
        [] => "-".to_owned(),
        [one] => format!("{} {}", one.key, one.path),
        [first, ..] => format!("{} {} and {} more", first.key, first.path, entry.touched.len() - 1),
    };
    vec![
        output::moment(entry.time),
        entry.author.practitioner.as_ref().map_or_else(|| "?".into(), ToString::to_string),
        entry.author.organization.as_ref().map_or_else(|| "?".into(), ToString::to_string),
        yes_no(entry.signed),
        yes_no(entry.sent),
        touched,
        entry.message.clone().unwrap_or_else(|| "-".into()),
    ]
}
