//! Search parameters: which there are for each type, and which elements they look at.

/// How the values of a parameter are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `code`, `system|code`.
    Token,
    /// Begins with, without regard to case and accents.
    Text,
    /// A range of time.
    Date,
    /// `Type/id`.
    Reference,
    /// Whose chart it is in: `id` or `Patient/id`.
    Chart,
}

/// A search parameter of a type.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// As R4 names it.
    pub name: &'static str,
    /// How its values are compared.
    pub kind: Kind,
    /// Elements, by dotted paths through lists.
    pub paths: &'static [&'static str],
}

const fn token(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter { name, kind: Kind::Token, paths }
}

const fn text(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter { name, kind: Kind::Text, paths }
}

const fn date(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter { name, kind: Kind::Date, paths }
}

const fn reference(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter { name, kind: Kind::Reference, paths }
}

const PATIENT: Parameter = Parameter { name: "patient", kind: Kind::Chart, paths: &[] };
const SUBJECT: Parameter = Parameter { name: "subject", kind: Kind::Chart, paths: &[] };
const IDENTIFIER: Parameter = token("identifier", &["identifier"]);
const STATUS: Parameter = token("status", &["status"]);
const CODE: Parameter = token("code", &["code"]);
const CATEGORY: Parameter = token("category", &["category"]);
const ENCOUNTER: Parameter = reference("encounter", &["encounter"]);
const INTENT: Parameter = token("intent", &["intent"]);
const CLINICAL_STATUS: Parameter = token("clinical-status", &["clinicalStatus"]);
const VERIFICATION_STATUS: Parameter = token("verification-status", &["verificationStatus"]);
const MEDICATION: Parameter = token("code", &["medicationCodeableConcept"]);
const NAME: Parameter = text("name", &["name.family", "name.given", "name.text", "name.prefix", "name.suffix"]);
const FAMILY: Parameter = text("family", &["name.family"]);
const GIVEN: Parameter = text("given", &["name.given"]);
const PLAIN_NAME: Parameter = text("name", &["name", "alias"]);
const EFFECTIVE: &[&str] = &["effectiveDateTime", "effectivePeriod", "effectiveInstant"];

/// The parameters of a type, besides `_id` and `_lastUpdated`, which all have.
#[must_use]
pub fn of(resource_type: &str) -> &'static [Parameter] {
    match resource_type {
        "Patient" => {
            const {
                &[
                    NAME,
                    FAMILY,
                    GIVEN,
                    IDENTIFIER,
                    date("birthdate", &["birthDate"]),
                    token("gender", &["gender"]),
                    token("active", &["active"]),
                    reference("link", &["link.other"]),
                ]
            }
        }
        "Observation" => {
            const { &[PATIENT, SUBJECT, IDENTIFIER, CODE, CATEGORY, STATUS, ENCOUNTER, date("date", EFFECTIVE)] }
        }
        "Condition" => {
            const {
                &[
                    PATIENT,
                    SUBJECT,
                    IDENTIFIER,
                    CODE,
                    CATEGORY,
                    CLINICAL_STATUS,
                    VERIFICATION_STATUS,
                    ENCOUNTER,
                    date("onset-date", &["onsetDateTime", "onsetPeriod"]),
                    date("recorded-date", &["recordedDate"]),
                ]
            }
        }
        "MedicationRequest" => {
            const {
                &[
                    PATIENT,
                    SUBJECT,
                    IDENTIFIER,
                    MEDICATION,
                    CATEGORY,
                    STATUS,
                    INTENT,
                    ENCOUNTER,
                    date("authoredon", &["authoredOn"]),
                ]
            }
        }
        "MedicationStatement" => {
            const { &[PATIENT, SUBJECT, IDENTIFIER, MEDICATION, STATUS, date("effective", EFFECTIVE)] }
        }
        "MedicationAdministration" => {
            const { &[PATIENT, SUBJECT, IDENTIFIER, MEDICATION, STATUS, date("effective-time", EFFECTIVE)] }
        }
        "AllergyIntolerance" => {
            const {
                &[
                    PATIENT,
                    IDENTIFIER,
                    CODE,
                    CATEGORY,
                    CLINICAL_STATUS,
                    VERIFICATION_STATUS,
                    token("criticality", &["criticality"]),
                    date("date", &["recordedDate"]),
                ]
            }
        }
        "Immunization" => {
            const {
                &[
                    PATIENT,
                    IDENTIFIER,
                    STATUS,
                    token("vaccine-code", &["vaccineCode"]),
                    date("date", &["occurrenceDateTime"]),
                ]
            }
        }
        "Encounter" => {
            const {
                &[
                    PATIENT,
                    SUBJECT,
                    IDENTIFIER,
                    STATUS,
                    token("class", &["class"]),
                    token("type", &["type"]),
                    date("date", &["period"]),
                ]
            }
        }
        "Procedure" => {
            const {
                &[
                    PATIENT,
                    SUBJECT,
                    IDENTIFIER,
                    CODE,
                    CATEGORY,
                    STATUS,
                    ENCOUNTER,
                    date("date", &["performedDateTime", "performedPeriod"]),
                ]
            }
        }
        "DiagnosticReport" => {
            const {
                &[
                    PATIENT,
                    SUBJECT,
                    IDENTIFIER,
                    CODE,
                    CATEGORY,
                    STATUS,
                    ENCOUNTER,
                    date("date", EFFECTIVE),
                    date("issued", &["issued"]),
                ]
            }
        }
        "ServiceRequest" => {
            const {
                &[
                    PATIENT,
                    SUBJECT,
                    IDENTIFIER,
                    CODE,
                    CATEGORY,
                    STATUS,
                    INTENT,
                    ENCOUNTER,
                    date("authored", &["authoredOn"]),
                ]
            }
        }
        "Task" => {
            const {
                &[
                    PATIENT,
                    SUBJECT,
                    IDENTIFIER,
                    CODE,
                    STATUS,
                    INTENT,
                    reference("focus", &["focus"]),
                    reference("owner", &["owner"]),
                    date("authored-on", &["authoredOn"]),
                ]
            }
        }
        "CarePlan" => const { &[PATIENT, SUBJECT, IDENTIFIER, CATEGORY, STATUS, INTENT, date("date", &["period"])] },
        "CareTeam" => const { &[PATIENT, SUBJECT, IDENTIFIER, CATEGORY, STATUS] },
        "Goal" => const { &[PATIENT, SUBJECT, IDENTIFIER, CATEGORY, token("lifecycle-status", &["lifecycleStatus"])] },
        "Flag" => const { &[PATIENT, SUBJECT, IDENTIFIER, date("date", &["period"])] },
        "DocumentReference" => {
            const { &[PATIENT, SUBJECT, IDENTIFIER, CATEGORY, STATUS, token("type", &["type"]), date("date", &["date"])] }
        }
        "Composition" => {
            const { &[PATIENT, SUBJECT, CATEGORY, STATUS, token("type", &["type"]), date("date", &["date"])] }
        }
        "Appointment" => const { &[PATIENT, IDENTIFIER, STATUS, date("date", &["start"])] },
        "Communication" => const { &[PATIENT, SUBJECT, IDENTIFIER, CATEGORY, STATUS, date("sent", &["sent"])] },
        "ImagingStudy" => const { &[PATIENT, SUBJECT, IDENTIFIER, STATUS, date("started", &["started"])] },
        "Claim" | "ExplanationOfBenefit" => const { &[PATIENT, IDENTIFIER, STATUS, date("created", &["created"])] },
        "Coverage" => const { &[PATIENT, IDENTIFIER, STATUS, token("type", &["type"])] },
        "RelatedPerson" => const { &[PATIENT, IDENTIFIER, NAME] },
        "Practitioner" => const { &[NAME, FAMILY, GIVEN, IDENTIFIER] },
        "PractitionerRole" => {
            const {
                &[
                    IDENTIFIER,
                    reference("practitioner", &["practitioner"]),
                    reference("organization", &["organization"]),
                ]
            }
        }
        "Organization" => const { &[PLAIN_NAME, IDENTIFIER] },
        "Location" => const { &[PLAIN_NAME, IDENTIFIER, STATUS] },
        "Consent" => const { &[PATIENT, IDENTIFIER, STATUS] },
        "Medication" => const { &[IDENTIFIER, CODE, STATUS] },
        "Account"
        | "AdverseEvent"
        | "BodyStructure"
        | "ClinicalImpression"
        | "ClaimResponse"
        | "Device"
        | "DeviceRequest"
        | "EpisodeOfCare"
        | "FamilyMemberHistory"
        | "List"
        | "Media"
        | "MedicationDispense"
        | "NutritionOrder"
        | "QuestionnaireResponse"
        | "RiskAssessment"
        | "Specimen" => const { &[PATIENT, IDENTIFIER] },
        _ => &[],
    }
}

/// The parameter of a type with this name.
#[must_use]
pub fn find(resource_type: &str, name: &str) -> Option<&'static Parameter> {
    of(resource_type).iter().find(|parameter| parameter.name == name)
}
