//! Records a laboratory result.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{required, set};
use super::{ClinicalEdit, ClinicalError, Concept, Entry, Quantity};

/// What came out.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultValue {
    /// A number with its unit.
    Quantity(Quantity),
    /// A finding, for example "positive".
    Concept(Concept),
    /// Words.
    Text(String),
}

/// A laboratory result.
#[derive(Clone, Deserialize)]
pub struct NewResult {
    /// What was measured.
    pub test: Concept,
    /// What came out.
    pub value: ResultValue,
    /// FHIR dateTime of the sample; now when not given.
    pub collected: Option<String>,
    /// The result may still change.
    #[serde(default)]
    pub preliminary: bool,
    /// Lowest and highest value to be expected, in the unit of the value.
    pub expected: Option<(serde_json::Number, serde_json::Number)>,
    /// A remark.
    pub note: Option<String>,
}

/// Records a laboratory result.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn record_result(entry: &Entry<'_>, new: &NewResult) -> Result<ClinicalEdit, ClinicalError> {
    let status = if new.preliminary { "preliminary" } else { "final" };
    let mut result = json!({
        "resourceType": "Observation", "id": entry.id, "status": status,
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
        "code": new.test.element("Observation.code")?,
        "subject": entry.patient_reference(),
        "effectiveDateTime": new.collected.as_deref().unwrap_or(entry.now),
        "performer": [entry.author_reference()],
    });
    let (name, value) = value_of(&new.value)?;
    result[name] = value;
    set(&mut result, "referenceRange", expected(new)?.map(|range| json!([range])));
    entry.in_encounter(&mut result);
    entry.remark(&mut result, new.note.as_deref());
    ClinicalEdit::of(entry, [result])
}

fn value_of(value: &ResultValue) -> Result<(&'static str, Value), ClinicalError> {
    match value {
        ResultValue::Quantity(quantity) => Ok(("valueQuantity", quantity.element("Observation.valueQuantity")?)),
        ResultValue::Concept(concept) => {
            Ok(("valueCodeableConcept", concept.element("Observation.valueCodeableConcept")?))
        }
        ResultValue::Text(text) => {
            required("Observation.valueString", text)?;
            Ok(("valueString", text.trim().into()))
        }
    }
}

fn expected(new: &NewResult) -> Result<Option<Value>, ClinicalError> {
    let path = "Observation.referenceRange[0]";
    let Some((low, high)) = &new.expected else { return Ok(None) };
    let ResultValue::Quantity(Quantity { unit, .. }) = &new.value else {
        return Err(ClinicalError::new(path, "needs a value with a unit"));
    };
    if low.as_f64() > high.as_f64() {
        return Err(ClinicalError::new(format!("{path}.low"), "must not be above the highest value"));
    }
    let end = |value: &serde_json::Number| Quantity { value: value.clone(), unit: unit.clone() };
    let (low, high) = (end(low).element(&format!("{path}.low"))?, end(high).element(&format!("{path}.high"))?);
    Ok(Some(json!({"low": low, "high": high})))
}
