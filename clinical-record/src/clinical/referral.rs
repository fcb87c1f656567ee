//! Refers a patient: what is asked for (ServiceRequest), and who has to answer (Task).

use serde::Deserialize;
use serde_json::json;

use super::entry::{reference, set, set_text};
use super::{ClinicalEdit, ClinicalError, Concept, Entry};

/// A referral to another organization.
#[derive(Clone, Default, Deserialize)]
pub struct NewReferral {
    /// What is asked for.
    pub service: Concept,
    /// Why.
    pub reason: Option<Concept>,
    /// FHIR id of the Organization asked.
    pub organization: String,
    /// FHIR id of a Practitioner there, if one is asked in person.
    pub practitioner: Option<String>,
    /// routine, urgent, asap, stat.
    pub priority: Option<String>,
    /// FHIR id for the Task; the entry's id is the ServiceRequest's.
    pub task_id: String,
    /// What is handed over with it, as `Type/id`.
    #[serde(default)]
    pub handed_over: Vec<String>,
    /// A remark.
    pub note: Option<String>,
}

/// Refers the patient. The Task is answered with [`super::move_task`]; its owner is the organization.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn refer(entry: &Entry<'_>, new: &NewReferral) -> Result<ClinicalEdit, ClinicalError> {
    let asked = reference("Organization", &new.organization);
    let mut performers = vec![asked.clone()];
    performers.extend(new.practitioner.as_deref().map(|id| reference("Practitioner", id)));
    let mut request = json!({
        "resourceType": "ServiceRequest", "id": entry.id, "status": "active", "intent": "order",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "3457005", "display": "Patient referral"}]}],
        "code": new.service.element("ServiceRequest.code")?,
        "subject": entry.patient_reference(), "authoredOn": entry.now, "requester": entry.author_reference(),
        "performer": performers,
    });
    let reason = new.reason.as_ref().map(|reason| reason.element("ServiceRequest.reasonCode[0]")).transpose()?;
    set(&mut request, "reasonCode", reason.map(|reason| json!([reason])));
    set_text(&mut request, "priority", new.priority.as_deref());
    let handed: Vec<_> = new.handed_over.iter().map(|named| json!({"reference": named})).collect();
    set(&mut request, "supportingInfo", (!handed.is_empty()).then(|| handed.into()));
    entry.in_encounter(&mut request);
    entry.remark(&mut request, new.note.as_deref());
    let focus = reference("ServiceRequest", entry.id);
    let mut task = json!({
        "resourceType": "Task", "id": new.task_id, "status": "requested", "intent": "order",
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]},
        "basedOn": [focus], "focus": focus, "for": entry.patient_reference(),
        "authoredOn": entry.now, "lastModified": entry.now, "requester": entry.author_reference(), "owner": asked,
    });
    set_text(&mut task, "priority", new.priority.as_deref());
    ClinicalEdit::of(entry, [request, task])
}
