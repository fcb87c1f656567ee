//! Starts a medicine, changes its dose, stops it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{expect_status, expect_type, required, set, set_text};
use super::{ClinicalEdit, ClinicalError, Concept, Entry, Quantity};

/// How a medicine is taken: one statement, never merged with another.
#[derive(Clone, Default, Deserialize)]
pub struct Dosage {
    /// In words, as the patient is told.
    pub text: String,
    /// How much at a time.
    pub dose: Option<Quantity>,
    /// How often in each period.
    pub frequency: Option<u32>,
    /// Length of the period; 1 when not given.
    pub period: Option<u32>,
    /// UCUM unit of the period: h, d, wk, mo. Days when not given.
    pub period_unit: Option<String>,
    /// By mouth, into a vein.
    pub route: Option<Concept>,
    /// Only when needed.
    #[serde(default)]
    pub as_needed: bool,
}

/// A medicine to be given.
#[derive(Clone, Default, Deserialize)]
pub struct NewMedication {
    /// Which one.
    pub medication: Concept,
    /// How it is taken.
    pub dosage: Dosage,
    /// Why.
    pub reason: Option<Concept>,
    /// A remark.
    pub note: Option<String>,
}

const PATH: &str = "MedicationRequest.dosageInstruction[0]";

impl Dosage {
    fn element(&self) -> Result<Value, ClinicalError> {
        required(format!("{PATH}.text"), &self.text)?;
        let mut dosage = json!({"text": self.text.trim()});
        if let Some(frequency) = self.frequency {
            dosage["timing"] = json!({"repeat": {"frequency": frequency, "period": self.period.unwrap_or(1),
                "periodUnit": self.period_unit.as_deref().unwrap_or("d")}});
        }
        if let Some(dose) = &self.dose {
            let path = format!("{PATH}.doseAndRate[0].doseQuantity");
            if dose.value.as_f64().is_none_or(|value| value <= 0.0) {
                return Err(ClinicalError::new(format!("{path}.value"), "must be more than nothing"));
            }
            dosage["doseAndRate"] = json!([{"doseQuantity": dose.element(&path)?}]);
        }
        let route = self.route.as_ref().map(|route| route.element(&format!("{PATH}.route"))).transpose()?;
        set(&mut dosage, "route", route);
        set(&mut dosage, "asNeededBoolean", self.as_needed.then(|| true.into()));
        Ok(dosage)
    }
}

/// Orders a medicine.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn start_medication(entry: &Entry<'_>, new: &NewMedication) -> Result<ClinicalEdit, ClinicalError> {
    let mut order = json!({
        "resourceType": "MedicationRequest", "id": entry.id, "status": "active", "intent": "order",
        "medicationCodeableConcept": new.medication.element("MedicationRequest.medicationCodeableConcept")?,
        "subject": entry.patient_reference(), "authoredOn": entry.now, "requester": entry.author_reference(),
        "dosageInstruction": [new.dosage.element()?],
    });
    let reason = new.reason.as_ref().map(|reason| reason.element("MedicationRequest.reasonCode[0]")).transpose()?;
    set(&mut order, "reasonCode", reason.map(|reason| json!([reason])));
    entry.in_encounter(&mut order);
    entry.remark(&mut order, new.note.as_deref());
    ClinicalEdit::of(entry, [order])
}

/// Replaces the dosage of a running order.
///
/// # Errors
/// [`ClinicalError`] naming the element: no reason, an order that does not run.
pub fn change_dose(
    entry: &Entry<'_>,
    order: &Value,
    dosage: &Dosage,
    reason: &str,
) -> Result<ClinicalEdit, ClinicalError> {
    expect_type(order, "MedicationRequest")?;
    expect_status(order, "status", &["active", "on-hold"])?;
    required("MedicationRequest.note", reason)?;
    let mut order = order.clone();
    order["dosageInstruction"] = json!([dosage.element()?]);
    entry.remark(&mut order, Some(reason));
    Ok(ClinicalEdit::of(entry, [order])?.because(Some(reason)))
}

/// Stops a running order.
///
/// # Errors
/// [`ClinicalError`] naming the element: no reason, an order that does not run.
pub fn stop_medication(entry: &Entry<'_>, order: &Value, reason: &str) -> Result<ClinicalEdit, ClinicalError> {
    expect_type(order, "MedicationRequest")?;
    expect_status(order, "status", &["active", "on-hold", "draft"])?;
    required("MedicationRequest.statusReason", reason)?;
    let mut order = order.clone();
    order["status"] = "stopped".into();
    let mut why = json!({});
    set_text(&mut why, "text", Some(reason));
    order["statusReason"] = why;
    Ok(ClinicalEdit::of(entry, [order])?.because(Some(reason)))
}
