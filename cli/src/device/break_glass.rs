//! `satchel device break-glass` and `satchel device sealed`

use clap::Args;
use client_core::driver::system_time;
use client_core::{ChartRef, EmergencyAccess, EmergencyState, OrganizationId, PatientId, SealedChart};
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output;

const HOUR_MS: f64 = 3_600_000.0;

/// Arguments of `satchel device break-glass`.
#[derive(Debug, Args)]
pub struct BreakGlassArgs {
    /// ORGANIZATION/PATIENT; without it, what was asked is listed
    #[arg(requires = "reason")]
    chart: Option<String>,
    /// Why, for the privacy officer to read
    #[arg(long)]
    reason: Option<String>,
    /// Purpose of use (v3-PurposeOfUse)
    #[arg(long, default_value = "ETREAT")]
    purpose: String,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(mut context: Context, args: &BreakGlassArgs) -> Result<(), Failure> {
    let Some(chart) = &args.chart else { return list(context) };
    let chart = chart_named(chart)?;
    let reason = args.reason.as_deref().unwrap_or_default();
    // What lies ready needs no relay. Once that is reached, it opens the rest of the chart too, until the same end.
    if context.device.sealed_charts(system_time())?.iter().any(|sealed| sealed.chart == chart) {
        return unseal(context, &chart, &args.purpose, reason);
    }
    let request = context.device.request_break_glass(&chart, &args.purpose, reason, system_time())?;
    output::print(context.json, &json!({ "request": request }), |_| {
        say!("asked for emergency access to {chart}; the answer comes with the next sync");
    })
}

fn unseal(mut context: Context, chart: &ChartRef, purpose: &str, reason: &str) -> Result<(), Failure> {
    let opened = context.device.break_glass_offline(chart, purpose, reason, system_time())?;
    let (documents, failed) = (opened.documents.len(), opened.failed.len());
    let value = json!({ "chart": chart.to_string(), "opened": documents, "failed": failed, "forMs": opened.for_ms });
    output::print(context.json, &value, |_| {
        let hours = opened.for_ms as f64 / HOUR_MS;
        say!("opened {documents} documents of {chart}, which lay sealed on this device, for {hours:.1} hours");
        if failed > 0 {
            say!("{failed} of them are damaged and could not be opened");
        }
        say!("the privacy officer is told with the next sync; what the relay has besides comes with it");
    })
}

/// Runs `satchel device sealed`.
///
/// # Errors
/// [`Failure`].
pub fn sealed(mut context: Context) -> Result<(), Failure> {
    let charts = context.device.sealed_charts(system_time())?;
    let shown = |sealed: &SealedChart| {
        json!({
            "chart": sealed.chart.to_string(), "documents": sealed.documents, "forMs": sealed.for_ms,
            "since": sealed.since,
        })
    };
    output::print(context.json, &charts.iter().map(shown).collect::<Vec<_>>(), |_| {
        let row = |sealed: &SealedChart| {
            let hours = format!("{:.1} hours", sealed.for_ms as f64 / HOUR_MS);
            vec![sealed.chart.to_string(), sealed.documents.to_string(), hours, output::moment(sealed.since)]
        };
        output::table(&["CHART", "DOCUMENTS", "OPENS FOR", "SINCE"], &charts.iter().map(row).collect::<Vec<_>>());
    })
}

/// The chart is usually not on this device, so its organization has to be said.
fn chart_named(name: &str) -> Result<ChartRef, Failure> {
    let bad = |error| Failure::BadInput(format!("chart {name}: {error}"));
    let whole = || Failure::BadInput(format!("chart {name}: write ORGANIZATION/PATIENT"));
    let (organization, patient) = name.split_once('/').ok_or_else(whole)?;
    let patient = PatientId::new(patient.trim_start_matches("Patient/")).map_err(bad)?;
    Ok(ChartRef { organization: OrganizationId::new(organization).map_err(bad)?, patient })
}

fn list(mut context: Context) -> Result<(), Failure> {
    let accesses = context.device.emergency_accesses(system_time())?;
    let shown: Vec<Value> = accesses.iter().map(json_of).collect();
    output::print(context.json, &shown, |_| {
        let row = |access: &EmergencyAccess| {
            let (request, chart) = (access.request.to_string(), access.chart.to_string());
            vec![request, chart, output::moment(access.asked_at), access.purpose.clone(), state(&access.state)]
        };
        output::table(
            &["REQUEST", "CHART", "ASKED", "PURPOSE", "STATE"],
            &accesses.iter().map(row).collect::<Vec<_>>(),
        );
    })
}

fn json_of(access: &EmergencyAccess) -> Value {
    let until = match access.state {
        EmergencyState::Open { until, .. } => Some(until),
        _ => None,
    };
    json!({
        "request": access.request,
        "chart": access.chart.to_string(),
        "askedAt": access.asked_at,
        "purpose": access.purpose,
        "reason": access.reason,
        "state": state(&access.state),
        "until": until,
    })
}

fn state(state: &EmergencyState) -> String {
    match state {
        EmergencyState::Waiting => "waiting to be sent".into(),
        EmergencyState::Open { until, .. } => format!("open until {} by the relay's clock", output::moment(*until)),
        EmergencyState::Refused(why) => format!("refused: {why}"),
        EmergencyState::Lapsed => "lapsed: the relay was not reached in time".into(),
        EmergencyState::Over => "over".into(),
    }
}
