//! Records vital signs, refusing what no living person has.

use serde::Deserialize;
use serde_json::{Number, Value, json};

use super::entry::{LOINC, UCUM};
use super::vital_signs::{BLOOD_PRESSURE, DIASTOLIC, SYSTOLIC};
use super::{ClinicalEdit, ClinicalError, EditWarning, Entry, VITAL_SIGNS, VitalSign, VitalUnit};

/// One measurement.
#[derive(Clone, Deserialize)]
pub struct Vital {
    /// LOINC code, one of [`VITAL_SIGNS`].
    pub loinc: String,
    /// The number, digits as entered.
    pub value: Number,
    /// UCUM code; the first unit of the sign when not given.
    pub unit: Option<String>,
    /// FHIR id of the Observation. Of a blood pressure, the systolic one's is used.
    pub id: String,
}

/// A measurement that was looked up and found possible.
struct Measured<'v> {
    sign: &'static VitalSign,
    unit: &'static VitalUnit,
    vital: &'v Vital,
    warning: Option<&'static str>,
}

/// Records measurements taken together, each an Observation; systolic and diastolic pressure make one.
///
/// `taken`: FHIR dateTime; now when not given. Unusual values come back as warnings.
/// # Errors
/// [`ClinicalError`] naming the element: an unknown sign or unit, a value that is not possible.
pub fn record_vitals(entry: &Entry<'_>, vitals: &[Vital], taken: Option<&str>) -> Result<ClinicalEdit, ClinicalError> {
    let mut measured = Vec::with_capacity(vitals.len());
    for vital in vitals {
        let found = measure(vital)?;
        if measured.iter().any(|other: &Measured<'_>| other.sign.loinc == found.sign.loinc) {
            return Err(ClinicalError::new("Observation.code", "is given twice"));
        }
        measured.push(found);
    }
    let (pressure, others): (Vec<_>, Vec<_>) =
        measured.iter().partition(|one| [SYSTOLIC, DIASTOLIC].contains(&one.sign.loinc));
    let mut resources: Vec<Value> = others.iter().map(|one| single(entry, one, taken)).collect();
    resources.extend(blood_pressure(entry, &pressure, taken)?);
    if resources.is_empty() {
        return Err(ClinicalError::new("Observation.code", "is missing"));
    }
    let mut edit = ClinicalEdit::of(entry, resources)?;
    edit.warnings.extend(
        measured.iter().filter_map(|one| Some(EditWarning { path: value_path(one.sign), problem: one.warning? })),
    );
    Ok(edit)
}

fn measure(vital: &Vital) -> Result<Measured<'_>, ClinicalError> {
    let sign = VITAL_SIGNS.iter().find(|sign| sign.loinc == vital.loinc).ok_or_else(|| {
        ClinicalError::new("Observation.code.coding[0].code", "is not a vital sign that can be entered")
    })?;
    let unit = match vital.unit.as_deref() {
        None => sign.units.first(),
        Some(wanted) => sign.units.iter().find(|unit| unit.ucum == wanted || unit.written == wanted),
    };
    let path = value_path(sign);
    let unit = unit.ok_or_else(|| ClinicalError::new(format!("{path}.code"), "is not a unit of this vital sign"))?;
    let value = vital.value.as_f64().unwrap_or(f64::NAN) * unit.factor + unit.offset;
    let (low, high) = sign.possible;
    // The other way round it would let a value pass that is no number.
    if !(low..=high).contains(&value) {
        let unit = sign.units[0].written;
        let problem = format!("is not possible: {} is from {low} to {high} {unit}", sign.name);
        return Err(ClinicalError::new(format!("{path}.value"), problem));
    }
    let warning = match value {
        value if value < sign.usual.0 => Some("is unusually low"),
        value if value > sign.usual.1 => Some("is unusually high"),
        _ => None,
    };
    Ok(Measured { sign, unit, vital, warning })
}

fn value_path(sign: &VitalSign) -> String {
    match sign.loinc {
        SYSTOLIC => "Observation.component[0].valueQuantity".into(),
        DIASTOLIC => "Observation.component[1].valueQuantity".into(),
        _ => "Observation.valueQuantity".into(),
    }
}

fn observation(entry: &Entry<'_>, id: &str, (loinc, name): (&str, &str), taken: Option<&str>) -> Value {
    let mut observation = json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "vital-signs", "display": "Vital Signs"}]}],
        "code": concept(loinc, name),
        "subject": entry.patient_reference(), "effectiveDateTime": taken.unwrap_or(entry.now),
        "performer": [entry.author_reference()],
    });
    entry.in_encounter(&mut observation);
    observation
}

fn single(entry: &Entry<'_>, one: &Measured<'_>, taken: Option<&str>) -> Value {
    let mut observation = observation(entry, &one.vital.id, (one.sign.loinc, one.sign.name), taken);
    observation["valueQuantity"] = quantity(one);
    observation
}

fn blood_pressure(
    entry: &Entry<'_>,
    parts: &[&Measured<'_>],
    taken: Option<&str>,
) -> Result<Option<Value>, ClinicalError> {
    let part = |loinc: &str| parts.iter().find(|one| one.sign.loinc == loinc);
    let (systolic, diastolic) = match (part(SYSTOLIC), part(DIASTOLIC)) {
        (None, None) => return Ok(None),
        (Some(systolic), Some(diastolic)) => (systolic, diastolic),
        (None, Some(_)) => return Err(ClinicalError::new("Observation.component[0]", "is missing: systolic pressure")),
        (Some(_), None) => {
            return Err(ClinicalError::new("Observation.component[1]", "is missing: diastolic pressure"));
        }
    };
    let in_first_unit = |one: &Measured<'_>| one.vital.value.as_f64().map(|value| value * one.unit.factor);
    if in_first_unit(diastolic) >= in_first_unit(systolic) {
        let path = "Observation.component[1].valueQuantity.value";
        return Err(ClinicalError::new(path, "is not possible: diastolic pressure is below systolic"));
    }
    let mut observation = observation(entry, &systolic.vital.id, BLOOD_PRESSURE, taken);
    let component =
        |one: &Measured<'_>| json!({"code": concept(one.sign.loinc, one.sign.name), "valueQuantity": quantity(one)});
    observation["component"] = json!([component(systolic), component(diastolic)]);
    Ok(Some(observation))
}

fn concept(loinc: &str, name: &str) -> Value {
    json!({"coding": [{"system": LOINC, "code": loinc, "display": name}], "text": name})
}

fn quantity(one: &Measured<'_>) -> Value {
    json!({"value": one.vital.value, "unit": one.unit.written, "system": UCUM, "code": one.unit.ucum})
}
