//! What a device knows, as JSON for programs.

use client_core::{Chart, Conflict, Overridden, PatientEntry};
use serde_json::{Value, json};

/// A patient of the list.
pub fn patient_json(entry: &PatientEntry) -> Value {
    json!({
        "organization": entry.chart.organization,
        "patient": entry.chart.patient,
        "name": entry.name,
        "birthDate": entry.birth_date,
        "gender": entry.gender,
        "identifiers": entry.identifiers,
    })
}

/// A chart: demographics, resources by type, conflicts.
#[must_use]
pub fn chart_json(chart: &Chart) -> Value {
    let groups = chart.groups.iter().map(|group| {
        let resources = group.resources.iter().map(|entry| {
            json!({
                "id": entry.key.id,
                "summary": entry.summary,
                "date": entry.date,
                "status": entry.status,
            })
        });
        (group.resource_type.clone(), resources.collect::<Value>())
    });
    json!({
        "organization": chart.chart.organization,
        "patient": chart.patient.as_ref().map_or_else(|| json!(chart.chart.patient), patient_json),
        "resources": groups.collect::<serde_json::Map<_, _>>(),
        "conflicts": chart.conflicts.iter().map(conflict_json).collect::<Vec<_>>(),
        "quarantined": chart.quarantined.iter().map(|q| json!({"document": q.document, "reason": q.reason})).collect::<Vec<_>>(),
        "overridden": chart.overridden.iter().map(overridden_json).collect::<Vec<_>>(),
        "enteredInError": chart.retracted.iter().map(|entry| entry.key.to_string()).collect::<Vec<_>>(),
        "unsent": chart.unsent,
    })
}

/// An edit that a concurrent one made invisible.
pub fn overridden_json(edit: &Overridden) -> Value {
    json!({ "resource": edit.key.to_string(), "path": edit.path.to_string(), "lost": edit.lost, "by": edit.by })
}

/// A conflict with all its values.
pub fn conflict_json(conflict: &Conflict) -> Value {
    let sides = conflict.sides.iter().map(|side| {
        json!({
            "value": side.value,
            "practitioner": side.author.practitioner,
            "organization": side.author.organization,
            "time": side.time,
            "change": side.change,
        })
    });
    json!({
        "resource": conflict.key.to_string(),
        "path": conflict.path.to_string(),
        "values": sides.collect::<Vec<_>>(),
    })
}
