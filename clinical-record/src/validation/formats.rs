//! Which string elements hold dates, times and bytes, as fhirbolt-model 0.4 states them.

/// Elements of type `date`, sorted. Choice elements say it in their name.
#[rustfmt::skip]
pub(super) const DATES: &[&str] = &[
    "ActivityDefinition.approvalDate", "ActivityDefinition.lastReviewDate", "Basic.created",
    "ChargeItemDefinition.approvalDate", "ChargeItemDefinition.lastReviewDate", "Claim.accident.date",
    "ClaimResponse.payment.date", "EffectEvidenceSynthesis.approvalDate", "EffectEvidenceSynthesis.lastReviewDate",
    "EventDefinition.approvalDate", "EventDefinition.lastReviewDate", "Evidence.approvalDate",
    "Evidence.lastReviewDate", "EvidenceVariable.approvalDate", "EvidenceVariable.lastReviewDate",
    "ExplanationOfBenefit.accident.date", "ExplanationOfBenefit.payment.date", "Goal.statusDate",
    "Immunization.expirationDate", "Library.approvalDate", "Library.lastReviewDate", "Measure.approvalDate",
    "Measure.lastReviewDate", "Patient.birthDate", "PaymentNotice.paymentDate", "PaymentReconciliation.detail.date",
    "PaymentReconciliation.paymentDate", "Person.birthDate", "PlanDefinition.approvalDate",
    "PlanDefinition.lastReviewDate", "Practitioner.birthDate", "Questionnaire.approvalDate",
    "Questionnaire.lastReviewDate", "RelatedPerson.birthDate", "ResearchDefinition.approvalDate",
    "ResearchDefinition.lastReviewDate", "ResearchElementDefinition.approvalDate",
    "ResearchElementDefinition.lastReviewDate", "RiskEvidenceSynthesis.approvalDate",
    "RiskEvidenceSynthesis.lastReviewDate", "ValueSet.compose.lockedDate", "VerificationResult.attestation.date",
    "VerificationResult.nextScheduled",
];

/// Elements of type `dateTime`, sorted. Choice elements say it in their name.
#[rustfmt::skip]
pub(super) const DATE_TIMES: &[&str] = &[
    "ActivityDefinition.date", "AdverseEvent.date", "AdverseEvent.detected", "AdverseEvent.recordedDate",
    "AllergyIntolerance.lastOccurrence", "AllergyIntolerance.reaction.onset", "AllergyIntolerance.recordedDate",
    "Annotation.time", "Appointment.created", "Attachment.creation", "CapabilityStatement.date",
    "CapabilityStatement.software.releaseDate", "CarePlan.created", "CatalogEntry.lastUpdated",
    "CatalogEntry.validTo", "ChargeItem.enteredDate", "ChargeItemDefinition.date", "Claim.created",
    "Claim.procedure.date", "ClaimResponse.created", "ClinicalImpression.date", "CodeSystem.date",
    "Communication.received", "Communication.sent", "CommunicationRequest.authoredOn", "CompartmentDefinition.date",
    "Composition.attester.time", "Composition.date", "ConceptMap.date", "Condition.recordedDate", "Consent.dateTime",
    "Consent.verification.verificationDate", "Contract.contentDefinition.publicationDate", "Contract.issued",
    "Contract.term.asset.valuedItem.effectiveTime", "Contract.term.asset.valuedItem.paymentDate",
    "Contract.term.issued", "CoverageEligibilityRequest.created", "CoverageEligibilityResponse.created",
    "DetectedIssue.mitigation.date", "Device.expirationDate", "Device.manufactureDate", "DeviceRequest.authoredOn",
    "DeviceUseStatement.recordedOn", "DocumentManifest.created", "EffectEvidenceSynthesis.date",
    "EnrollmentRequest.created", "EnrollmentResponse.created", "EventDefinition.date", "Evidence.date",
    "EvidenceVariable.date", "ExampleScenario.date", "ExplanationOfBenefit.created",
    "ExplanationOfBenefit.procedure.date", "FamilyMemberHistory.date", "GraphDefinition.date",
    "GuidanceResponse.occurrenceDateTime", "ImagingStudy.series.started", "ImagingStudy.started",
    "Immunization.education.presentationDate", "Immunization.education.publicationDate", "Immunization.reaction.date",
    "Immunization.recorded", "ImmunizationEvaluation.date", "ImmunizationRecommendation.date",
    "ImmunizationRecommendation.recommendation.dateCriterion.value", "ImplementationGuide.date", "Invoice.date",
    "Library.date", "List.date", "List.entry.date", "MarketingStatus.restoreDate", "Measure.date",
    "MeasureReport.date", "Medication.batch.expirationDate", "MedicationDispense.whenHandedOver",
    "MedicationDispense.whenPrepared", "MedicationRequest.authoredOn", "MedicationStatement.dateAsserted",
    "MedicinalProduct.manufacturingBusinessOperation.effectiveDate", "MedicinalProduct.specialDesignation.date",
    "MedicinalProductAuthorization.dateOfFirstAuthorization", "MedicinalProductAuthorization.internationalBirthDate",
    "MedicinalProductAuthorization.restoreDate", "MedicinalProductAuthorization.statusDate", "MessageDefinition.date",
    "NamingSystem.date", "NutritionOrder.dateTime", "OperationDefinition.date", "PaymentNotice.created",
    "PaymentReconciliation.created", "Period.end", "Period.start", "PlanDefinition.date", "Questionnaire.date",
    "QuestionnaireResponse.authored", "RequestGroup.authoredOn", "ResearchDefinition.date",
    "ResearchElementDefinition.date", "RiskEvidenceSynthesis.date", "SearchParameter.date",
    "ServiceRequest.authoredOn", "Specimen.receivedTime", "StructureDefinition.date", "StructureMap.date",
    "Substance.instance.expiry", "SubstanceSpecification.code.statusDate",
    "SubstanceSpecification.name.official.date", "SupplyRequest.authoredOn", "Task.authoredOn", "Task.lastModified",
    "TerminologyCapabilities.date", "TestReport.issued", "TestScript.date", "Timing.event", "ValueSet.date",
    "ValueSet.expansion.timestamp", "VerificationResult.lastPerformed",
    "VerificationResult.primarySource.validationDate", "VerificationResult.statusDate", "VisionPrescription.created",
    "VisionPrescription.dateWritten",
];

/// Elements of type `instant`, sorted. Choice elements say it in their name.
#[rustfmt::skip]
pub(super) const INSTANTS: &[&str] = &[
    "Appointment.end", "Appointment.start", "AppointmentResponse.end", "AppointmentResponse.start",
    "AuditEvent.recorded", "Bundle.entry.request.ifModifiedSince", "Bundle.entry.response.lastModified",
    "Bundle.timestamp", "DeviceMetric.calibration.time", "DiagnosticReport.issued", "DocumentReference.date",
    "Media.issued", "Meta.lastUpdated", "Observation.issued", "Provenance.recorded", "Signature.when", "Slot.end",
    "Slot.start", "Subscription.end",
];

/// Elements of type `time`, sorted. Choice elements say it in their name.
#[rustfmt::skip]
pub(super) const TIMES: &[&str] = &[
    "HealthcareService.availableTime.availableEndTime", "HealthcareService.availableTime.availableStartTime",
    "Location.hoursOfOperation.closingTime", "Location.hoursOfOperation.openingTime",
    "PractitionerRole.availableTime.availableEndTime", "PractitionerRole.availableTime.availableStartTime",
    "Timing.repeat.timeOfDay",
];

/// Elements of type `base64Binary`, sorted. Choice elements say it in their name.
#[rustfmt::skip]
pub(super) const BYTES: &[&str] = &[
    "Attachment.data", "Attachment.hash", "AuditEvent.entity.query", "Binary.data", "Device.udiCarrier.carrierAidc",
    "Signature.data",
];
