//! Records a vaccination.

use serde::Deserialize;
use serde_json::json;

use super::entry::{set, set_text};
use super::{ClinicalEdit, ClinicalError, Concept, Entry, Quantity};

/// A vaccination given, or not given.
#[derive(Clone, Default, Deserialize)]
pub struct NewImmunization {
    /// The vaccine.
    pub vaccine: Concept,
    /// FHIR dateTime; now when not given.
    pub given: Option<String>,
    /// Batch printed on the vial.
    pub lot: Option<String>,
    /// FHIR date until which the vial may be used.
    pub expires: Option<String>,
    /// Where on the body.
    pub site: Option<Concept>,
    /// Which way.
    pub route: Option<Concept>,
    /// How much.
    pub dose: Option<Quantity>,
    /// Number of the dose in its series, from 1.
    pub number: Option<u32>,
    /// Why it was not given; a vaccination without this one was given.
    pub not_given: Option<Concept>,
    /// A remark.
    pub note: Option<String>,
}

/// Records a vaccination.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn record_immunization(entry: &Entry<'_>, new: &NewImmunization) -> Result<ClinicalEdit, ClinicalError> {
    let status = if new.not_given.is_some() { "not-done" } else { "completed" };
    let mut immunization = json!({
        "resourceType": "Immunization", "id": entry.id, "status": status,
        "vaccineCode": new.vaccine.element("Immunization.vaccineCode")?,
        "patient": entry.patient_reference(), "occurrenceDateTime": new.given.as_deref().unwrap_or(entry.now),
        "recorded": entry.now, "primarySource": true,
        "performer": [{"actor": entry.author_reference()}],
    });
    let concept = |concept: &Option<Concept>, name: &str| {
        concept.as_ref().map(|concept| concept.element(&format!("Immunization.{name}"))).transpose()
    };
    for (name, element) in [("site", &new.site), ("route", &new.route), ("statusReason", &new.not_given)] {
        set(&mut immunization, name, concept(element, name)?);
    }
    set_text(&mut immunization, "lotNumber", new.lot.as_deref());
    set_text(&mut immunization, "expirationDate", new.expires.as_deref());
    let dose = new.dose.as_ref().map(|dose| dose.element("Immunization.doseQuantity")).transpose()?;
    set(&mut immunization, "doseQuantity", dose);
    set(&mut immunization, "protocolApplied", new.number.map(|number| json!([{"doseNumberPositiveInt": number}])));
    entry.in_encounter(&mut immunization);
    entry.remark(&mut immunization, new.note.as_deref());
    ClinicalEdit::of(entry, [immunization])
}
