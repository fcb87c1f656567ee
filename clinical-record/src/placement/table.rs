//! Which compartment each R4 type is at home in.

/// Where a type belongs before labels and categories are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    PatientIndex,
    Core,
    /// With its encounter.
    Encounter,
    Results,
    Workflow,
    Administrative,
    /// Belongs to no patient.
    Directory,
}

/// The home of a type. Types not listed are a patient's, and go to core.
pub(super) fn home(resource_type: &str) -> Home {
    match resource_type {
        "Patient" => Home::PatientIndex,
        // What happened at one visit.
        "Encounter"
        | "Observation"
        | "Procedure"
        | "Composition"
        | "DocumentReference"
        | "DocumentManifest"
        | "ClinicalImpression"
        | "QuestionnaireResponse"
        | "MedicationAdministration"
        | "Media" => Home::Encounter,
        // What came back from a laboratory or an imaging department.
        "DiagnosticReport" | "ImagingStudy" | "Specimen" | "MolecularSequence" => Home::Results,
        // What is asked of others.
        "ServiceRequest"
        | "Task"
        | "Appointment"
        | "AppointmentResponse"
        | "Communication"
        | "CommunicationRequest"
        | "DeviceRequest"
        | "RequestGroup"
        | "SupplyRequest"
        | "SupplyDelivery" => Home::Workflow,
        // Money.
        "Claim"
        | "ClaimResponse"
        | "ExplanationOfBenefit"
        | "Coverage"
        | "CoverageEligibilityRequest"
        | "CoverageEligibilityResponse"
        | "EnrollmentRequest"
        | "EnrollmentResponse"
        | "Account"
        | "ChargeItem"
        | "Invoice"
        | "PaymentNotice"
        | "PaymentReconciliation"
        | "Contract" => Home::Administrative,
        // Who and where, and definitions: nobody's chart.
        "Organization"
        | "OrganizationAffiliation"
        | "Location"
        | "Practitioner"
        | "PractitionerRole"
        | "HealthcareService"
        | "Endpoint"
        | "InsurancePlan"
        | "Schedule"
        | "Slot"
        | "ActivityDefinition"
        | "CapabilityStatement"
        | "ChargeItemDefinition"
        | "CodeSystem"
        | "ConceptMap"
        | "DeviceDefinition"
        | "ImplementationGuide"
        | "Library"
        | "Measure"
        | "MedicationKnowledge"
        | "NamingSystem"
        | "ObservationDefinition"
        | "PlanDefinition"
        | "Questionnaire"
        | "ResearchStudy"
        | "SearchParameter"
        | "SpecimenDefinition"
        | "StructureDefinition"
        | "Substance"
        | "ValueSet" => Home::Directory,
        _ => Home::Core,
    }
}
