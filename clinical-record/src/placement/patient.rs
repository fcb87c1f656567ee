//! Finds whose chart a resource belongs to.

use std::collections::BTreeSet;

use serde_json::Value;

use super::PlacementError;
use crate::ResourceKey;
use crate::reference::References;

/// Elements that may refer to the patient, per type, in the order they are tried.
fn patient_elements(resource_type: &str) -> &'static [&'static str] {
    match resource_type {
        "Coverage" => &["beneficiary"],
        "ResearchSubject" => &["individual"],
        "Task" => &["for"],
        "EnrollmentRequest" => &["candidate"],
        "Appointment" => &["participant.actor"],
        "AppointmentResponse" => &["actor"],
        "SupplyRequest" => &["deliverTo"],
        "Group" => &["member.entity"],
        "Person" => &["link.target"],
        "Provenance" => &["target"],
        "AuditEvent" => &["entity.what"],
        _ => &["subject", "patient"],
    }
}

/// The id of the patient a resource is about: the one it refers to, otherwise the only one there is.
pub(super) fn patient_of(
    key: &ResourceKey,
    resource: &Value,
    references: &References,
) -> Result<String, PlacementError> {
    if key.resource_type == "Patient" {
        return Ok(key.id.clone());
    }
    for &path in patient_elements(&key.resource_type) {
        let mut found = Vec::new();
        collect(resource, path, &mut found);
        if let Some(patient) = resolved(&found, path, references)? {
            return Ok(patient);
        }
    }
    let mut patients = references.patients().iter();
    match (patients.next(), patients.len()) {
        (None, _) => Err(PlacementError::NoPatient),
        (Some(only), 0) => Ok(only.clone()),
        (Some(_), others) => Err(PlacementError::AmbiguousPatient { count: others + 1 }),
    }
}

/// The one patient among `found`, `None` when none of them is meant to be one.
fn resolved(found: &[&str], path: &'static str, references: &References) -> Result<Option<String>, PlacementError> {
    let mut patients = BTreeSet::new();
    for reference in found.iter().filter(|reference| !reference.starts_with('#')) {
        match references.resolve(reference, "Patient") {
            Some(key) if key.resource_type == "Patient" => drop(patients.insert(key.id)),
            Some(_) => {}
            // Where other types may stand too, an unresolved reference need not be the patient.
            None if path.contains('.') || path == "target" => {}
            None => return Err(PlacementError::UnresolvedPatient { path }),
        }
    }
    if patients.len() > 1 {
        return Err(PlacementError::SeveralPatients { path });
    }
    Ok(patients.pop_first())
}

/// The `reference` strings at a dotted path, through lists.
fn collect<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a str>) {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let children = match value.get(name) {
        Some(Value::Array(list)) => list.as_slice(),
        Some(child) => std::slice::from_ref(child),
        None => &[],
    };
    for child in children {
        if rest.is_empty() {
            found.extend(child.get("reference").and_then(Value::as_str));
        } else {
            collect(child, rest, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patient(resource: &Value, references: &References) -> Result<String, PlacementError> {
        patient_of(&ResourceKey::of(resource).unwrap(), resource, references)
    }

    #[test]
    fn the_patient_is_found_where_r4_puts_it() {
        let reference = json!({"reference": "Patient/p"});
        for (resource_type, element) in
            [("Claim", "patient"), ("Coverage", "beneficiary"), ("Task", "for"), ("Goal", "subject")]
        {
            let resource = json!({"resourceType": resource_type, "id": "x", element: reference});
            assert_eq!(patient(&resource, &References::default()), Ok("p".into()), "{resource_type}");
        }
        let appointment = json!({"resourceType": "Appointment", "id": "x", "participant": [
            {"actor": {"reference": "Practitioner/d"}}, {"actor": reference}]});
        assert_eq!(patient(&appointment, &References::default()), Ok("p".into()));
    }

    #[test]
    fn a_resource_without_patient_goes_with_the_only_one() {
        let medication = json!({"resourceType": "Medication", "id": "m"});
        let mut references = References::within_bundle();
        assert_eq!(patient(&medication, &references), Err(PlacementError::NoPatient));
        references.add_patient("p1");
        assert_eq!(patient(&medication, &references), Ok("p1".into()));
        references.add_patient("p2");
        assert_eq!(patient(&medication, &references), Err(PlacementError::AmbiguousPatient { count: 2 }));
    }

    #[test]
    fn an_unresolved_or_double_patient_is_an_error() {
        let mut references = References::within_bundle();
        references.add_patient("p1");
        let unresolved = json!({"resourceType": "Goal", "id": "x", "subject": {"reference": "Patient?identifier=1"}});
        assert_eq!(patient(&unresolved, &references), Err(PlacementError::UnresolvedPatient { path: "subject" }));
        let double = json!({"resourceType": "Account", "id": "x", "subject": [
            {"reference": "Patient/a"}, {"reference": "Patient/b"}]});
        assert_eq!(patient(&double, &references), Err(PlacementError::SeveralPatients { path: "subject" }));
    }
}
