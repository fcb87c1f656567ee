//! The table: resource by resource and element by element, what merges by itself and what is a conflict.

use super::Inside::{Apart, Together, Whole};
use super::MergeRule;
use super::Merging::{self, Bookkeeping, Items, Letters, Value};

const fn row(types: &'static [&'static str], element: &'static str, merging: Merging, why: &'static str) -> MergeRule {
    MergeRule { types, element, merging, why }
}

const PATIENT: &[&str] = &["Patient"];
const ALLERGY: &[&str] = &["AllergyIntolerance"];
const CONDITION: &[&str] = &["Condition"];
const ORDER: &[&str] = &["MedicationRequest"];
const TAKEN: &[&str] = &["MedicationStatement"];
const MEDICATION: &[&str] =
    &["MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"];
const IMMUNIZATION: &[&str] = &["Immunization"];
const OBSERVATION: &[&str] = &["Observation"];
const REPORT: &[&str] = &["DiagnosticReport"];
const ENCOUNTER: &[&str] = &["Encounter"];
const PROCEDURE: &[&str] = &["Procedure"];
const PLAN: &[&str] = &["CarePlan"];
const TEAM: &[&str] = &["CareTeam"];
const GOAL: &[&str] = &["Goal"];
const REQUEST: &[&str] = &["ServiceRequest"];
const TASK: &[&str] = &["Task"];
const FLAG: &[&str] = &["Flag"];
const CONSENT: &[&str] = &["Consent"];
const NOTE: &[&str] = &["Composition"];
const DOCUMENT: &[&str] = &["DocumentReference"];
const MESSAGE: &[&str] = &["Communication"];
const EVERY: &[&str] = &[];

/// Every rule. The first row that applies counts; an element without a row is a conflict.
#[rustfmt::skip]
pub const MERGE_RULES: &[MergeRule] = &[
    row(PATIENT, "birthDate", Value(Apart), "identifies the person"),
    row(PATIENT, "gender", Value(Apart), "identifies the person and guides dosing and screening"),
    row(PATIENT, "deceasedBoolean", Value(Apart), "whether a person lives is never guessed"),
    row(PATIENT, "deceasedDateTime", Value(Apart), "whether and when a person died is never guessed"),
    row(PATIENT, "multipleBirthInteger", Value(Apart), "tells twins apart"),
    row(PATIENT, "active", Value(Apart), "an inactive record is not used for care"),
    row(PATIENT, "name", Items(Whole), "a person has several names; the parts of one name are never mixed"),
    row(PATIENT, "maritalStatus", Value(Whole), "one answer"),
    row(PATIENT, "contact", Items(Apart), "next of kin are people of their own"),
    row(PATIENT, "contact[].name", Value(Whole), "the parts of one name are never mixed"),
    row(PATIENT, "communication", Items(Whole), "a person speaks several languages"),
    row(PATIENT, "generalPractitioner", Items(Whole), "several may be named"),
    row(PATIENT, "managingOrganization", Value(Whole), "one organization is responsible"),
    row(PATIENT, "link", Items(Whole), "links to other registrations of the person"),
    row(PATIENT, "photo", Items(Whole), "several pictures may be kept"),

    row(ALLERGY, "clinicalStatus", Value(Whole), "active or resolved decides what may be given"),
    row(ALLERGY, "verificationStatus", Value(Whole), "confirmed or refuted decides what may be given"),
    row(ALLERGY, "criticality", Value(Apart), "the risk of the next exposure"),
    row(ALLERGY, "type", Value(Apart), "allergy and intolerance are treated differently"),
    row(ALLERGY, "reaction", Items(Apart), "each observed reaction counts"),
    row(ALLERGY, "reaction[].severity", Value(Apart), "how bad one reaction was"),
    row(ALLERGY, "reaction[].manifestation", Items(Apart), "signs seen by different people add up"),

    row(CONDITION, "clinicalStatus", Value(Whole), "active or resolved decides treatment"),
    row(CONDITION, "verificationStatus", Value(Whole), "confirmed or refuted decides treatment"),
    row(CONDITION, "severity", Value(Whole), "one judgement"),
    row(CONDITION, "bodySite", Items(Apart), "several sites may be affected"),
    row(CONDITION, "stage", Items(Whole), "staged more than once, by different scales"),
    row(CONDITION, "evidence", Items(Apart), "findings add up"),

    row(ORDER, "status", Value(Apart), "whether the medicine is given"),
    row(ORDER, "intent", Value(Apart), "an order is not a proposal"),
    row(ORDER, "doNotPerform", Value(Apart), "reverses the meaning"),
    row(ORDER, "priority", Value(Apart), "how urgent"),
    row(ORDER, "dosageInstruction", Value(Together), "a dose, its timing and its route are one instruction; two instructions written apart would add up to an overdose"),
    row(ORDER, "dosageInstruction[].doseAndRate", Items(Whole), "number and unit are never mixed"),
    row(ORDER, "dosageInstruction[].timing", Value(Whole), "how often, as one statement"),
    row(ORDER, "dosageInstruction[].route", Value(Whole), "by mouth or into a vein"),
    row(ORDER, "dosageInstruction[].method", Value(Whole), "one technique"),
    row(ORDER, "dosageInstruction[].site", Value(Whole), "one place on the body"),
    row(ORDER, "dosageInstruction[].maxDosePerPeriod", Value(Whole), "number and unit are never mixed"),
    row(ORDER, "dispenseRequest", Value(Together), "quantity, repeats and validity are one supply"),
    row(ORDER, "substitution", Value(Together), "whether and why another product may be given"),
    row(TAKEN, "status", Value(Apart), "whether the medicine is taken"),
    row(TAKEN, "dosage", Value(Together), "a dose, its timing and its route are one statement"),
    row(TAKEN, "dosage[].doseAndRate", Items(Whole), "number and unit are never mixed"),
    row(TAKEN, "dosage[].timing", Value(Whole), "how often, as one statement"),
    row(TAKEN, "dosage[].route", Value(Whole), "by mouth or into a vein"),
    row(MEDICATION, "medicationReference", Value(Whole), "which medicine"),
    row(MEDICATION, "medicationCodeableConcept.text", Value(Apart), "which medicine"),

    row(IMMUNIZATION, "status", Value(Apart), "whether it was given"),
    row(IMMUNIZATION, "occurrenceDateTime", Value(Apart), "when the next dose is due"),
    row(IMMUNIZATION, "lotNumber", Value(Apart), "needed for a recall"),
    row(IMMUNIZATION, "route", Value(Whole), "into the muscle or under the skin"),
    row(IMMUNIZATION, "site", Value(Whole), "one place on the body"),
    row(IMMUNIZATION, "reaction", Items(Apart), "each observed reaction counts"),
    row(IMMUNIZATION, "protocolApplied", Items(Whole), "a dose may count for several series"),

    row(OBSERVATION, "status", Value(Apart), "preliminary, final or corrected"),
    row(OBSERVATION, "effectiveDateTime", Value(Apart), "when it was measured"),
    row(OBSERVATION, "valueString", Value(Apart), "the finding"),
    row(OBSERVATION, "valueCodeableConcept", Value(Whole), "the finding"),
    row(OBSERVATION, "component", Items(Apart), "each measured part for itself"),
    row(OBSERVATION, "interpretation", Items(Apart), "several may apply"),
    row(OBSERVATION, "referenceRange", Items(Whole), "several ranges may be stated"),

    row(REPORT, "status", Value(Apart), "preliminary, final or corrected"),
    row(REPORT, "conclusion", Letters, "typed text"),
    row(REPORT, "result", Items(Whole), "results add up"),
    row(REPORT, "conclusionCode", Items(Apart), "several may apply"),

    row(ENCOUNTER, "status", Value(Apart), "whether the visit goes on"),
    row(ENCOUNTER, "class", Value(Whole), "ambulatory, emergency or inpatient"),
    row(ENCOUNTER, "participant", Items(Apart), "several people take part"),
    row(ENCOUNTER, "diagnosis", Items(Apart), "several may be recorded"),
    row(ENCOUNTER, "location", Items(Apart), "a patient is moved"),
    row(ENCOUNTER, "statusHistory", Items(Whole), "a list of what was"),
    row(ENCOUNTER, "hospitalization", Value(Together), "admission and discharge belong together"),

    row(PROCEDURE, "status", Value(Apart), "whether it was done"),
    row(PROCEDURE, "outcome", Value(Whole), "one judgement"),
    row(PROCEDURE, "bodySite", Items(Apart), "several sites may be treated"),
    row(PROCEDURE, "complication", Items(Apart), "complications add up"),

    row(PLAN, "status", Value(Apart), "whether the plan is followed"),
    row(PLAN, "activity", Items(Apart), "activities add up"),
    row(PLAN, "addresses", Items(Whole), "several problems may be addressed"),
    row(PLAN, "goal", Items(Whole), "goals add up"),
    row(TEAM, "status", Value(Apart), "whether the team is in charge"),
    row(TEAM, "participant", Items(Apart), "members add up"),
    row(GOAL, "lifecycleStatus", Value(Apart), "whether it is pursued"),
    row(GOAL, "achievementStatus", Value(Whole), "one judgement"),
    row(GOAL, "target", Items(Whole), "several targets may be set; measure and value are never mixed"),

    row(REQUEST, "status", Value(Apart), "whether it is asked for"),
    row(REQUEST, "intent", Value(Apart), "an order is not a proposal"),
    row(REQUEST, "priority", Value(Apart), "how urgent"),
    row(REQUEST, "performer", Items(Whole), "several may be asked"),
    row(REQUEST, "reasonCode", Items(Apart), "reasons add up"),
    row(REQUEST, "supportingInfo", Items(Whole), "what is handed over adds up"),
    row(TASK, "status", Value(Apart), "who has to act"),
    row(TASK, "priority", Value(Apart), "how urgent"),
    row(TASK, "owner", Value(Whole), "one is responsible"),
    row(TASK, "businessStatus", Value(Whole), "one statement"),
    row(TASK, "input", Items(Whole), "what is handed over adds up"),
    row(TASK, "output", Items(Whole), "results add up"),
    row(FLAG, "status", Value(Apart), "whether the warning holds"),

    row(CONSENT, "status", Value(Apart), "whether it holds"),
    row(CONSENT, "provision", Value(Together), "what is permitted to whom is one statement"),

    row(NOTE, "status", Value(Apart), "whether it is signed"),
    row(NOTE, "section", Items(Apart), "sections add up"),
    row(NOTE, "section[].text.div", Letters, "typed text"),
    row(NOTE, "section[].section", Items(Apart), "sections add up"),
    row(NOTE, "section[].section[].text.div", Letters, "typed text"),
    row(NOTE, "section[].entry", Items(Whole), "references add up"),
    row(NOTE, "attester", Items(Whole), "several may sign"),
    row(NOTE, "author", Items(Whole), "several may write"),
    row(NOTE, "relatesTo", Items(Whole), "amendments add up"),
    row(DOCUMENT, "docStatus", Value(Apart), "whether it is signed"),
    row(DOCUMENT, "status", Value(Apart), "whether it is current"),
    row(DOCUMENT, "content[].attachment.data", Letters, "typed text, where the attachment is text"),
    row(DOCUMENT, "author", Items(Whole), "several may write"),
    row(DOCUMENT, "relatesTo", Items(Whole), "amendments add up"),
    row(MESSAGE, "payload[].contentString", Letters, "typed text"),

    row(EVERY, "meta.lastUpdated", Bookkeeping, "set by software"),
    row(EVERY, "meta.versionId", Bookkeeping, "set by software"),
    row(EVERY, "meta.source", Bookkeeping, "set by software"),
    row(EVERY, "meta.security", Items(Whole), "a label that either adds protects"),
    row(EVERY, "meta.tag", Items(Whole), "tags add up"),
    row(EVERY, "text", Bookkeeping, "the narrative is made from the other elements"),
    row(EVERY, "**.note", Items(Apart), "remarks add up"),
    row(EVERY, "**.note[].text", Letters, "typed text"),
    row(EVERY, "identifier", Items(Whole), "identifiers of different issuers add up; system and value are never mixed"),
    row(EVERY, "**.telecom", Items(Whole), "several ways to reach someone"),
    row(EVERY, "**.address", Items(Whole), "several addresses; the parts of one are never mixed"),
    row(EVERY, "**.coding", Items(Whole), "one concept in several code systems; system, code and display are never mixed"),
    row(EVERY, "category", Items(Apart), "several may apply"),
    row(EVERY, "performer", Items(Apart), "several may take part"),
    row(EVERY, "reasonCode", Items(Apart), "reasons add up"),
    row(EVERY, "reasonReference", Items(Whole), "reasons add up"),
    row(EVERY, "**.valueQuantity", Value(Whole), "number and unit are never mixed"),
    row(EVERY, "**.doseQuantity", Value(Whole), "number and unit are never mixed"),
    row(EVERY, "**.quantity", Value(Whole), "number and unit are never mixed"),
    row(EVERY, "**.valueRange", Value(Whole), "both ends of one range"),
    row(EVERY, "**.valueRatio", Value(Whole), "both numbers of one ratio"),
    row(EVERY, "**.onsetAge", Value(Whole), "number and unit are never mixed"),
    row(EVERY, "**.period", Value(Whole), "start and end of one time"),
    row(EVERY, "**.effectivePeriod", Value(Whole), "start and end of one time"),
    row(EVERY, "**.performedPeriod", Value(Whole), "start and end of one time"),
    row(EVERY, "**.onsetPeriod", Value(Whole), "start and end of one time"),
    row(EVERY, "**.subject", Value(Whole), "whose record this is"),
    row(EVERY, "**.patient", Value(Whole), "whose record this is"),
    row(EVERY, "**.encounter", Value(Whole), "the visit it belongs to"),
    row(EVERY, "**.reference", Value(Apart), "what is referred to"),
];
