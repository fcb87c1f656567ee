//! The codes R4 binds as required to elements that decide what a record means.

/// The codes allowed at an element; `None` where none are listed here.
pub(super) fn allowed_codes(path: &str) -> Option<&'static [&'static str]> {
    CODES.iter().find(|(at, _)| *at == path).map(|(_, codes)| *codes)
}

const REQUEST_STATUS: &[&str] = &["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"];
const REQUEST_INTENT: &[&str] = &[
    "proposal",
    "plan",
    "directive",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
];
const PRIORITY: &[&str] = &["routine", "urgent", "asap", "stat"];
const GENDER: &[&str] = &["male", "female", "other", "unknown"];
const EVENT_STATUS: &[&str] =
    &["preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown"];

/// (element, its codes).
#[rustfmt::skip]
const CODES: &[(&str, &[&str])] = &[
    ("Patient.gender", GENDER),
    ("Patient.contact.gender", GENDER),
    ("Practitioner.gender", GENDER),
    ("RelatedPerson.gender", GENDER),
    ("Patient.link.type", &["replaced-by", "replaces", "refer", "seealso"]),
    ("HumanName.use", &["usual", "official", "temp", "nickname", "anonymous", "old", "maiden"]),
    ("Identifier.use", &["usual", "official", "temp", "secondary", "old"]),
    ("Address.use", &["home", "work", "temp", "old", "billing"]),
    ("ContactPoint.system", &["phone", "fax", "email", "pager", "url", "sms", "other"]),
    ("ContactPoint.use", &["home", "work", "temp", "old", "mobile"]),
    ("Quantity.comparator", &["<", "<=", ">=", ">"]),
    ("Narrative.status", &["generated", "extensions", "additional", "empty"]),
    ("AllergyIntolerance.type", &["allergy", "intolerance"]),
    ("AllergyIntolerance.category", &["food", "medication", "environment", "biologic"]),
    ("AllergyIntolerance.criticality", &["low", "high", "unable-to-assess"]),
    ("AllergyIntolerance.reaction.severity", &["mild", "moderate", "severe"]),
    ("MedicationRequest.status", &["active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"]),
    ("MedicationRequest.intent", &["proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option"]),
    ("MedicationRequest.priority", PRIORITY),
    ("MedicationStatement.status", &["active", "completed", "entered-in-error", "intended", "stopped", "on-hold", "unknown", "not-taken"]),
    ("Immunization.status", &["completed", "entered-in-error", "not-done"]),
    ("Observation.status", &["registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"]),
    ("DiagnosticReport.status", &["registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled", "entered-in-error", "unknown"]),
    ("Encounter.status", &["planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error", "unknown"]),
    ("Procedure.status", EVENT_STATUS),
    ("Communication.status", EVENT_STATUS),
    ("CarePlan.status", REQUEST_STATUS),
    ("CarePlan.intent", &["proposal", "plan", "order", "option"]),
    ("CarePlan.activity.detail.status", &["not-started", "scheduled", "in-progress", "on-hold", "completed", "cancelled", "stopped", "unknown", "entered-in-error"]),
    ("CareTeam.status", &["proposed", "active", "suspended", "inactive", "entered-in-error"]),
    ("Goal.lifecycleStatus", &["proposed", "planned", "accepted", "active", "on-hold", "completed", "cancelled", "entered-in-error", "rejected"]),
    ("ServiceRequest.status", REQUEST_STATUS),
    ("ServiceRequest.intent", REQUEST_INTENT),
    ("ServiceRequest.priority", PRIORITY),
    ("Task.status", &["draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress", "on-hold", "failed", "completed", "entered-in-error"]),
    ("Task.intent", &["unknown", "proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option"]),
    ("Task.priority", PRIORITY),
    ("Flag.status", &["active", "inactive", "entered-in-error"]),
    ("Composition.status", &["preliminary", "final", "amended", "entered-in-error"]),
    ("Composition.attester.mode", &["personal", "professional", "legal", "official"]),
    ("Composition.relatesTo.code", &["replaces", "transforms", "signs", "appends"]),
    ("DocumentReference.status", &["current", "superseded", "entered-in-error"]),
    ("DocumentReference.docStatus", &["preliminary", "final", "amended", "entered-in-error"]),
    ("DocumentReference.relatesTo.code", &["replaces", "transforms", "signs", "appends"]),
    ("Consent.status", &["draft", "proposed", "active", "rejected", "inactive", "entered-in-error"]),
    ("Consent.provision.type", &["deny", "permit"]),
    ("Bundle.type", &["document", "message", "transaction", "transaction-response", "batch", "batch-response", "history", "searchset", "collection"]),
    ("Timing.repeat.periodUnit", &["s", "min", "h", "d", "wk", "mo", "a"]),
    ("Timing.repeat.durationUnit", &["s", "min", "h", "d", "wk", "mo", "a"]),
];
