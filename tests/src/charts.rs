//! Resources of invented charts, small enough to read in a test.

use client_core::{ChartRef, ElementPath, ResourceKey};
use serde_json::{Value, json};

/// A Patient.
#[must_use]
pub fn patient(id: &str, family: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id, "active": true,
        "identifier": [{"system": "https://satchel.example/mrn", "value": format!("MRN-{family}")}],
        "name": [{"use": "official", "family": family, "given": ["Ana"]}],
    })
}

/// A MedicationRequest, which lies in the chart's core document.
#[must_use]
pub fn medication(chart: &ChartRef, id: &str, drug: &str, dose: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "medicationCodeableConcept": {"text": drug}, "subject": subject(chart),
        "dosageInstruction": [{"text": dose}],
    })
}

/// An AllergyIntolerance, which lies in the chart's core document.
#[must_use]
pub fn allergy(chart: &ChartRef, id: &str, text: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance", "id": id, "code": {"text": text}, "patient": subject(chart),
    })
}

/// An Encounter, which begins a document of its own.
#[must_use]
pub fn encounter(chart: &ChartRef, id: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "AMB"}, "subject": subject(chart),
    })
}

/// An AllergyIntolerance or Condition labelled with a sensitive category (v3-ActCode), which lies in a document of its own.
#[must_use]
pub fn sensitive_condition(chart: &ChartRef, id: &str, category: &str, text: &str) -> Value {
    json!({
        "resourceType": "Condition", "id": id, "code": {"text": text}, "subject": subject(chart),
        "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": category}]},
    })
}

fn subject(chart: &ChartRef) -> Value {
    json!({"reference": format!("Patient/{}", chart.patient)})
}

/// `Type/id`
#[must_use]
pub fn key(text: &str) -> ResourceKey {
    let (resource_type, id) = text.split_once('/').expect("Type/id");
    ResourceKey::new(resource_type, id)
}

/// An element's path.
#[must_use]
pub fn path(text: &str) -> ElementPath {
    text.parse().expect("a path")
}
