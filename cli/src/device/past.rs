//! `satchel device as-of|diff|provenance|signed|rebuild`

use clap::Args;
use client_core::driver::system_time;
use client_core::{ChartChange, UnixMillis};
use serde_json::{Value, json};

use super::Context;
use super::edit::resource_key;
use super::import::progress_bar;
use super::query::moment;
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device as-of`.
#[derive(Debug, Args)]
pub struct AsOfArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// FHIR date or dateTime, by the authors' clocks
    #[arg(value_parser = moment)]
    moment: UnixMillis,
}

/// Arguments of `satchel device diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// FHIR date or dateTime
    #[arg(value_parser = moment)]
    from: UnixMillis,
    /// FHIR date or dateTime; now if not given
    #[arg(value_parser = moment)]
    until: Option<UnixMillis>,
}

/// Arguments of `satchel device provenance`.
#[derive(Debug, Args)]
pub struct ProvenanceArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Only this resource (Type/id)
    resource: Option<String>,
}

/// Arguments of `satchel device signed`.
#[derive(Debug, Args)]
pub struct SignedArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// DocumentReference/id
    note: String,
}

/// Runs `satchel device as-of`.
///
/// # Errors
/// [`Failure`].
pub fn as_of(mut context: Context, args: &AsOfArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    let then = context.device.chart_as_of(&chart, args.moment, system_time())?;
    if then.out_of_order > 0 {
        eprintln!(
            "LOOK OUT  {} changes are left out: a clock was wrong, the moment is not to be relied on",
            then.out_of_order
        );
    }
    output::print(context.json, &then.resources, |resources| {
        let row = |resource: &Value| {
            let summary = clinical_record::resource_summary(resource);
            let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
            let key = format!("{}/{}", text("resourceType"), text("id"));
            vec![summary.date.unwrap_or_default(), summary.display, summary.status.unwrap_or_default(), key]
        };
        output::table(&["DATE", "WHAT", "STATUS", "RESOURCE"], &resources.iter().map(row).collect::<Vec<_>>());
    })
}

/// Runs `satchel device diff`.
///
/// # Errors
/// [`Failure`].
pub fn diff(mut context: Context, args: &DiffArgs) -> Result<(), Failure> {
    let (chart, now) = (context.chart(&args.chart)?, system_time());
    let found = context.device.compare_chart(&chart, args.from, args.until.unwrap_or(now), now)?;
    let shown: Vec<Value> = found.iter().map(change_json).collect();
    output::print(context.json, &shown, |_| {
        let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".into(), Value::to_string);
        for ChartChange { change, .. } in &found {
            say!("{} {}\n  - {}\n  + {}", change.key, change.path, text(&change.before), text(&change.after));
        }
    })
}

fn change_json(found: &ChartChange) -> Value {
    let change = &found.change;
    json!({
        "document": found.document, "resource": change.key.to_string(), "path": change.path.to_string(),
        "before": change.before, "after": change.after,
    })
}

/// Runs `satchel device provenance`.
///
/// # Errors
/// [`Failure`].
pub fn provenance(mut context: Context, args: &ProvenanceArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    let only = args.resource.as_deref().map(resource_key).transpose()?;
    let bundle = context.device.export_provenance(&chart, only.as_ref(), system_time())?;
    output::print(true, &bundle, |_| {})
}

/// Runs `satchel device signed`.
///
/// # Errors
/// [`Failure::BadInput`] for a note that nobody signed.
pub fn signed(mut context: Context, args: &SignedArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    let signed = context.device.signed_note(&chart, &resource_key(&args.note)?, system_time())?;
    let signed = signed.ok_or_else(|| Failure::BadInput(format!("{} is not signed", args.note)))?;
    let shown = json!({
        "change": signed.change, "practitioner": signed.author.practitioner, "time": signed.time,
        "altered": signed.altered, "signed": signed.signed,
    });
    output::print(context.json, &shown, |shown| {
        let who = signed.author.practitioner.as_ref().map_or("?", |who| who.as_str());
        say!("signed by {who}, {}", output::moment(signed.time));
        if signed.altered {
            say!("ALTERED  somebody typed in it while it was being signed; it says something else by now");
        }
        say!("{}", serde_json::to_string_pretty(&shown["signed"]).unwrap_or_default());
    })
}

/// Runs `satchel device rebuild`.
///
/// # Errors
/// [`Failure`].
pub fn rebuild(mut context: Context) -> Result<(), Failure> {
    let bar = progress_bar(0, context.json);
    let told = bar.clone();
    let report = context.device.rebuild(system_time(), move |done, all| {
        told.set_length(all as u64);
        told.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    let shown = json!({
        "documents": report.documents, "resources": report.resources, "unreadable": report.unreadable,
    });
    output::print(context.json, &shown, |_| {
        say!("{} resources of {} documents are shown anew", report.resources, report.documents);
        if report.unreadable > 0 {
            say!("{} documents cannot be opened; they are kept", report.unreadable);
        }
    })
}
