//! Which resource types the API serves: those of R4 that a chart or a directory can hold.

/// In alphabetical order.
#[rustfmt::skip]
pub const TYPES: &[&str] = &[
    "Account", "ActivityDefinition", "AdverseEvent", "AllergyIntolerance", "Appointment", "AppointmentResponse",
    "BodyStructure", "CarePlan", "CareTeam", "ChargeItem", "ChargeItemDefinition", "Claim", "ClaimResponse",
    "ClinicalImpression", "CodeSystem", "Communication", "CommunicationRequest", "Composition", "ConceptMap",
    "Condition", "Consent", "Contract", "Coverage", "CoverageEligibilityRequest", "CoverageEligibilityResponse",
    "DetectedIssue", "Device", "DeviceDefinition", "DeviceMetric", "DeviceRequest", "DeviceUseStatement",
    "DiagnosticReport", "DocumentManifest", "DocumentReference", "Encounter", "Endpoint", "EnrollmentRequest",
    "EnrollmentResponse", "EpisodeOfCare", "ExplanationOfBenefit", "FamilyMemberHistory", "Flag", "Goal", "Group",
    "GuidanceResponse", "HealthcareService", "ImagingStudy", "Immunization", "ImmunizationEvaluation",
    "ImmunizationRecommendation", "InsurancePlan", "Invoice", "Library", "List", "Location", "Measure",
    "MeasureReport", "Media", "Medication", "MedicationAdministration", "MedicationDispense", "MedicationKnowledge",
    "MedicationRequest", "MedicationStatement", "MolecularSequence", "NutritionOrder", "Observation",
    "ObservationDefinition", "Organization", "OrganizationAffiliation", "Patient", "PaymentNotice",
    "PaymentReconciliation", "Person", "PlanDefinition", "Practitioner", "PractitionerRole", "Procedure",
    "Provenance", "Questionnaire", "QuestionnaireResponse", "RelatedPerson", "RequestGroup", "ResearchStudy",
    "ResearchSubject", "RiskAssessment", "Schedule", "ServiceRequest", "Slot", "Specimen", "SpecimenDefinition",
    "Substance", "SupplyDelivery", "SupplyRequest", "Task", "ValueSet", "VisionPrescription",
];

/// The type of this name.
#[must_use]
pub fn known(name: &str) -> Option<&'static str> {
    TYPES.binary_search(&name).ok().map(|at| TYPES[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_finds_what_it_has() {
        assert!(TYPES.is_sorted());
        assert_eq!(known("Observation"), Some("Observation"));
        for other in ["observation", "Bundle", "", "Observation' OR 1=1"] {
            assert_eq!(known(other), None, "{other}");
        }
    }
}
