//! Raises a warning on a chart, and lowers it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{expect_status, expect_type, required, set};
use super::{ClinicalEdit, ClinicalError, Concept, Entry};

/// A warning everyone who opens the chart should see.
#[derive(Clone, Default, Deserialize)]
pub struct NewFlag {
    /// What to beware of.
    pub warning: Concept,
    /// FHIR flag category, for example `safety`, `clinical`, `behavioral`; `clinical` when not given.
    pub category: Option<String>,
}

/// Raises a warning.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn raise_flag(entry: &Entry<'_>, new: &NewFlag) -> Result<ClinicalEdit, ClinicalError> {
    let category = new.category.as_deref().unwrap_or("clinical");
    let mut flag = json!({
        "resourceType": "Flag", "id": entry.id, "status": "active",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": category}]}],
        "code": new.warning.element("Flag.code")?,
        "subject": entry.patient_reference(), "period": {"start": entry.now}, "author": entry.author_reference(),
    });
    entry.in_encounter(&mut flag);
    ClinicalEdit::of(entry, [flag])
}

/// Lowers a warning that no longer holds.
///
/// # Errors
/// [`ClinicalError`] naming the element: a warning that is not up, a missing reason.
pub fn lower_flag(entry: &Entry<'_>, flag: &Value, reason: &str) -> Result<ClinicalEdit, ClinicalError> {
    expect_type(flag, "Flag")?;
    expect_status(flag, "status", &["active"])?;
    required("Flag.status", reason)?;
    let mut flag = flag.clone();
    flag["status"] = "inactive".into();
    let start = flag.pointer("/period/start").cloned();
    flag["period"] = json!({"end": entry.now});
    set(&mut flag["period"], "start", start);
    Ok(ClinicalEdit::of(entry, [flag])?.because(Some(reason)))
}
