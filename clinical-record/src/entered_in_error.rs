//! How R4 says of each type that a record was entered in error.

use serde_json::{Value, json};

const CODE: &str = "entered-in-error";

/// Types whose `status` value set has `entered-in-error`.
#[rustfmt::skip]
const BY_STATUS: &[&str] = &[
    "Account", "Appointment", "CarePlan", "CareTeam", "ChargeItem", "Claim", "ClaimResponse", "ClinicalImpression",
    "Communication", "CommunicationRequest", "Composition", "Consent", "Contract", "Coverage",
    "CoverageEligibilityRequest", "CoverageEligibilityResponse", "DetectedIssue", "Device", "DeviceRequest",
    "DeviceUseStatement", "DiagnosticReport", "DocumentManifest", "DocumentReference", "Encounter",
    "EnrollmentRequest", "EnrollmentResponse", "EpisodeOfCare", "ExplanationOfBenefit", "FamilyMemberHistory", "Flag",
    "GuidanceResponse", "ImagingStudy", "Immunization", "ImmunizationEvaluation", "Invoice", "List", "Media",
    "Medication", "MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement",
    "NutritionOrder", "Observation", "PaymentNotice", "PaymentReconciliation", "Procedure", "QuestionnaireResponse",
    "RequestGroup", "RiskAssessment", "ServiceRequest", "Slot", "Specimen", "Substance", "SupplyDelivery",
    "SupplyRequest", "Task", "VisionPrescription",
];

/// True for a record that was taken back.
pub fn is_retracted(resource: &Value) -> bool {
    let at = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str);
    let verified = resource.pointer("/verificationStatus/coding").and_then(Value::as_array);
    at("/status") == Some(CODE)
        || at("/lifecycleStatus") == Some(CODE)
        || verified.is_some_and(|codings| codings.iter().any(|coding| coding["code"] == CODE))
}

/// The resource with its status set to entered-in-error; `None` when its type has no such status.
pub(crate) fn retracted(mut resource: Value) -> Option<Value> {
    let resource_type = resource.get("resourceType")?.as_str()?.to_owned();
    let fields = resource.as_object_mut()?;
    let verification = match resource_type.as_str() {
        "Condition" => Some("http://terminology.hl7.org/CodeSystem/condition-ver-status"),
        "AllergyIntolerance" => Some("http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"),
        _ => None,
    };
    if let Some(system) = verification {
        fields.insert("verificationStatus".into(), json!({"coding": [{"system": system, "code": CODE}]}));
        // Invariants con-5 and ait-2: a retracted record has no clinical status.
        fields.remove("clinicalStatus");
    } else if resource_type == "Goal" {
        fields.insert("lifecycleStatus".into(), CODE.into());
    } else if BY_STATUS.contains(&resource_type.as_str()) {
        fields.insert("status".into(), CODE.into());
    } else {
        return None;
    }
    Some(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_retracted_by_verification_status_and_loses_its_clinical_status() {
        let condition = json!({"resourceType": "Condition", "id": "c", "clinicalStatus": {"text": "active"}});
        let retracted = retracted(condition).unwrap();
        assert_eq!(retracted["verificationStatus"]["coding"][0]["code"], CODE);
        assert!(retracted.get("clinicalStatus").is_none());
    }

    #[test]
    fn an_observation_is_retracted_by_status_and_a_goal_by_lifecycle_status() {
        let observation = json!({"resourceType": "Observation", "id": "o", "status": "final"});
        assert_eq!(retracted(observation).unwrap()["status"], CODE);
        assert_eq!(retracted(json!({"resourceType": "Goal", "id": "g"})).unwrap()["lifecycleStatus"], CODE);
    }

    #[test]
    fn a_patient_cannot_be_retracted_by_status() {
        assert_eq!(retracted(json!({"resourceType": "Patient", "id": "p"})), None);
    }
}
