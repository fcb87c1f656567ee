//! Records a procedure.

use serde::Deserialize;
use serde_json::json;

use super::entry::set;
use super::{ClinicalEdit, ClinicalError, Concept, Entry};

/// Something done to or for the patient.
#[derive(Clone, Default, Deserialize)]
pub struct NewProcedure {
    /// What.
    pub procedure: Concept,
    /// FHIR dateTime; now when not given.
    pub performed: Option<String>,
    /// Where on the body.
    pub site: Option<Concept>,
    /// Why.
    pub reason: Option<Concept>,
    /// How it went.
    pub outcome: Option<Concept>,
    /// A remark.
    pub note: Option<String>,
}

/// Records a procedure that was done.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn record_procedure(entry: &Entry<'_>, new: &NewProcedure) -> Result<ClinicalEdit, ClinicalError> {
    let mut procedure = json!({
        "resourceType": "Procedure", "id": entry.id, "status": "completed",
        "code": new.procedure.element("Procedure.code")?,
        "subject": entry.patient_reference(),
        "performedDateTime": new.performed.as_deref().unwrap_or(entry.now),
        "recorder": entry.author_reference(),
        "performer": [{"actor": entry.author_reference()}],
    });
    let site = new.site.as_ref().map(|site| site.element("Procedure.bodySite[0]")).transpose()?;
    set(&mut procedure, "bodySite", site.map(|site| json!([site])));
    let reason = new.reason.as_ref().map(|reason| reason.element("Procedure.reasonCode[0]")).transpose()?;
    set(&mut procedure, "reasonCode", reason.map(|reason| json!([reason])));
    let outcome = new.outcome.as_ref().map(|outcome| outcome.element("Procedure.outcome")).transpose()?;
    set(&mut procedure, "outcome", outcome);
    entry.in_encounter(&mut procedure);
    entry.remark(&mut procedure, new.note.as_deref());
    ClinicalEdit::of(entry, [procedure])
}
