//! Chooses what goes into each section.

use std::collections::BTreeMap;

use serde_json::Value;

use super::sections::{Content, Section};
use crate::entered_in_error::is_retracted;
use crate::resource_summary;

/// The resources of a section, the newest first; nothing that was entered in error.
pub(super) fn for_section<'c>(section: &Section, chart: &'c [Value]) -> Vec<&'c Value> {
    let belongs = |resource: &&Value| !is_retracted(resource) && belongs(section.content, resource);
    let mut chosen: Vec<&Value> = chart.iter().filter(belongs).collect();
    if matches!(section.content, Content::Results | Content::VitalSigns) {
        chosen = newest_of_each_kind(chosen);
    }
    let date = |resource: &Value| resource_summary(resource).date;
    chosen.sort_by(|a, b| date(b).cmp(&date(a)).then_with(|| a["id"].as_str().cmp(&b["id"].as_str())));
    chosen
}

fn belongs(content: Content, resource: &Value) -> bool {
    let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str);
    let status = |allowed: &[&str]| text("/status").is_some_and(|status| allowed.contains(&status));
    let clinical = || text("/clinicalStatus/coding/0/code");
    let unfounded = || text("/verificationStatus/coding/0/code") == Some("refuted");
    match (content, text("/resourceType").unwrap_or_default()) {
        (Content::Medications, "MedicationRequest") => status(&["active", "on-hold"]),
        (Content::Medications, "MedicationStatement") => status(&["active", "intended", "on-hold", "unknown"]),
        (Content::Allergies, "AllergyIntolerance") => clinical() != Some("resolved") && !unfounded(),
        (Content::Problems, "Condition") => !is_over(clinical()) && !unfounded(),
        (Content::PastIllness, "Condition") => is_over(clinical()) && !unfounded(),
        (Content::Immunizations, "Immunization") => status(&["completed"]),
        (Content::Procedures, "Procedure") => status(&["completed", "in-progress"]),
        (Content::Devices, "DeviceUseStatement") | (Content::PlanOfCare, "CarePlan") => status(&["active"]),
        (Content::Results, "Observation") => has_category(resource, "laboratory") && is_final(resource),
        (Content::VitalSigns, "Observation") => has_category(resource, "vital-signs") && is_final(resource),
        (Content::Alerts, "Flag") => status(&["active"]),
        _ => false,
    }
}

fn is_over(clinical: Option<&str>) -> bool {
    matches!(clinical, Some("resolved" | "inactive" | "remission"))
}

fn is_final(observation: &Value) -> bool {
    matches!(observation["status"].as_str(), Some("final" | "amended" | "corrected"))
}

fn has_category(observation: &Value, wanted: &str) -> bool {
    let categories = observation["category"].as_array().into_iter().flatten();
    let codings = categories.flat_map(|category| category["coding"].as_array().into_iter().flatten());
    codings.into_iter().any(|coding| coding["code"] == wanted)
}

/// The latest observation of each kind: a summary shows where things stand, the chart how they went.
fn newest_of_each_kind(observations: Vec<&Value>) -> Vec<&Value> {
    let mut newest: BTreeMap<String, &Value> = BTreeMap::new();
    for observation in observations {
        let code = observation.pointer("/code/coding/0/code").or_else(|| observation.pointer("/code/text"));
        let kind = code.and_then(Value::as_str).unwrap_or_default().to_owned();
        let rank = |one: &Value| (resource_summary(one).date, one["id"].as_str().map(str::to_owned));
        match newest.get(&kind) {
            Some(known) if rank(known) >= rank(observation) => {}
            _ => drop(newest.insert(kind, observation)),
        }
    }
    newest.into_values().collect()
}
