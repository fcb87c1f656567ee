//! Records a problem or diagnosis, and resolves it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{expect_type, set, set_text};
use super::{ClinicalEdit, ClinicalError, Concept, Entry};

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";

/// A problem or diagnosis.
#[derive(Clone, Default, Deserialize)]
pub struct NewProblem {
    /// What it is.
    pub problem: Concept,
    /// Established; otherwise provisional.
    #[serde(default)]
    pub confirmed: bool,
    /// How bad it is.
    pub severity: Option<Concept>,
    /// FHIR dateTime of its beginning.
    pub onset: Option<String>,
    /// A remark.
    pub note: Option<String>,
}

/// Records a problem on the patient's list.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn record_problem(entry: &Entry<'_>, new: &NewProblem) -> Result<ClinicalEdit, ClinicalError> {
    let verification = if new.confirmed { "confirmed" } else { "provisional" };
    let mut problem = json!({
        "resourceType": "Condition", "id": entry.id,
        "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
        "verificationStatus": {"coding": [{"system": VERIFICATION, "code": verification}]},
        "category": [{"coding": [{"system": CATEGORY, "code": "problem-list-item"}]}],
        "code": new.problem.element("Condition.code")?,
        "subject": entry.patient_reference(),
        "recordedDate": entry.now, "recorder": entry.author_reference(),
    });
    let severity = new.severity.as_ref().map(|severity| severity.element("Condition.severity")).transpose()?;
    set(&mut problem, "severity", severity);
    set_text(&mut problem, "onsetDateTime", new.onset.as_deref());
    entry.in_encounter(&mut problem);
    entry.remark(&mut problem, new.note.as_deref());
    ClinicalEdit::of(entry, [problem])
}

/// Marks a problem as resolved. `end`: FHIR dateTime; now when not given.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn resolve_problem(
    entry: &Entry<'_>,
    problem: &Value,
    end: Option<&str>,
    note: Option<&str>,
) -> Result<ClinicalEdit, ClinicalError> {
    expect_type(problem, "Condition")?;
    let mut problem = problem.clone();
    problem["clinicalStatus"] = json!({"coding": [{"system": CLINICAL, "code": "resolved"}]});
    if !problem.as_object().is_some_and(|fields| fields.keys().any(|name| name.starts_with("abatement"))) {
        problem["abatementDateTime"] = end.unwrap_or(entry.now).into();
    }
    entry.remark(&mut problem, note);
    ClinicalEdit::of(entry, [problem])
}
