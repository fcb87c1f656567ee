//! Decides which document a resource belongs in.

mod labels;
mod patient;
mod table;

use serde_json::Value;

use crate::reference::References;
use crate::{Compartment, DocumentKey, ResourceKey};

use self::table::Home;

/// Why a resource belongs in no document. Carries element paths, no content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlacementError {
    /// Not a JSON object with a usable resourceType and id.
    #[error("not a FHIR resource with a type and an id")]
    NotAResource,
    /// It names no patient and none is given.
    #[error("it refers to no patient")]
    NoPatient,
    /// It names no patient and there are several to choose from.
    #[error("it refers to no patient and the bundle has {count} of them")]
    AmbiguousPatient {
        /// Patients in the bundle.
        count: usize,
    },
    /// It names more than one patient.
    #[error("it refers to several patients at {path}")]
    SeveralPatients {
        /// The element.
        path: &'static str,
    },
    /// It has a patient reference that cannot be resolved.
    #[error("the reference at {path} does not resolve to a patient")]
    UnresolvedPatient {
        /// The element.
        path: &'static str,
    },
}

/// The document a resource belongs in.
///
/// # Errors
/// [`PlacementError`].
pub fn place(resource: &Value, references: &References) -> Result<DocumentKey, PlacementError> {
    let key = ResourceKey::of(resource).map_err(|_| PlacementError::NotAResource)?;
    let home = table::home(&key.resource_type);
    if home == Home::Directory {
        return Ok(DocumentKey::directory());
    }
    let patient = patient::patient_of(&key, resource, references)?;
    let (compartment, part) = match labels::sensitive_part(resource) {
        // The index entry stays readable with the index: without it nobody could open, or even find, the chart.
        Some(part) if home != Home::PatientIndex => (Compartment::Sensitive, part),
        _ => compartment_of(home, &key, resource, references),
    };
    Ok(DocumentKey { patient: Some(patient), compartment, part })
}

fn compartment_of(home: Home, key: &ResourceKey, resource: &Value, references: &References) -> (Compartment, String) {
    let whole = |compartment| (compartment, String::new());
    match home {
        Home::PatientIndex => whole(Compartment::PatientIndex),
        Home::Core => whole(Compartment::Core),
        Home::Results => whole(Compartment::Results),
        Home::Workflow => whole(Compartment::Workflow),
        Home::Administrative => whole(Compartment::Administrative),
        Home::Directory => whole(Compartment::Directory),
        Home::Encounter if key.resource_type == "Observation" && is_laboratory(resource) => whole(Compartment::Results),
        Home::Encounter => (Compartment::Encounter, encounter_of(key, resource, references)),
    }
}

/// The id of the encounter a resource was made in.
fn encounter_of(key: &ResourceKey, resource: &Value, references: &References) -> String {
    if key.resource_type == "Encounter" {
        return key.id.clone();
    }
    ["/encounter/reference", "/context/encounter/0/reference", "/context/reference"]
        .into_iter()
        .filter_map(|pointer| references.resolve(resource.pointer(pointer)?.as_str()?, "Encounter"))
        .find(|found| found.resource_type == "Encounter")
        .map_or_else(|| DocumentKey::NO_ENCOUNTER.to_owned(), |found| found.id)
}

fn is_laboratory(observation: &Value) -> bool {
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    list(observation, "category")
        .iter()
        .flat_map(|category| list(category, "coding"))
        .any(|coding| coding.get("code").and_then(Value::as_str) == Some("laboratory"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn placed(resource: &Value) -> Result<DocumentKey, PlacementError> {
        place(resource, &References::standalone(None))
    }

    fn key(compartment: Compartment, part: &str) -> Result<DocumentKey, PlacementError> {
        Ok(DocumentKey { patient: Some("p".into()), compartment, part: part.into() })
    }

    fn resource(resource_type: &str, more: &Value) -> Value {
        let mut resource = json!({"resourceType": resource_type, "id": "x", "subject": {"reference": "Patient/p"}});
        resource.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        resource
    }

    #[test]
    fn an_observation_goes_with_its_encounter_unless_it_is_laboratory() {
        let encounter = json!({"encounter": {"reference": "urn:uuid:e"}});
        assert_eq!(placed(&resource("Observation", &encounter)), key(Compartment::Encounter, "e"));
        assert_eq!(placed(&resource("Observation", &json!({}))), key(Compartment::Encounter, "-"));
        let laboratory = json!({"category": [{"coding": [{"code": "laboratory"}]}]});
        assert_eq!(placed(&resource("Observation", &laboratory)), key(Compartment::Results, ""));
    }

    #[test]
    fn an_encounter_is_its_own_part_and_a_note_names_it_in_its_context() {
        assert_eq!(placed(&resource("Encounter", &json!({}))), key(Compartment::Encounter, "x"));
        let note = json!({"context": {"encounter": [{"reference": "Encounter/e"}]}});
        assert_eq!(placed(&resource("DocumentReference", &note)), key(Compartment::Encounter, "e"));
    }

    #[test]
    fn directory_types_need_no_patient_and_a_patient_is_its_own() {
        assert_eq!(placed(&json!({"resourceType": "Practitioner", "id": "d"})), Ok(DocumentKey::directory()));
        assert_eq!(placed(&json!({"resourceType": "Patient", "id": "p"})), key(Compartment::PatientIndex, ""));
    }

    #[test]
    fn labelled_content_of_any_type_goes_to_its_sensitive_part() {
        let label = json!({"meta": {"security": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"},
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]}});
        for resource_type in ["Observation", "Condition", "DiagnosticReport", "Claim"] {
            assert_eq!(placed(&resource(resource_type, &label)), key(Compartment::Sensitive, "HIV"));
        }
    }
}
