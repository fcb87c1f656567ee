//! Numbers that an Observation holds, each in one unit for its kind, so that they can be compared and plotted.

use serde_json::Value;

use crate::clinical::{VITAL_SIGNS, VitalUnit};

/// One number of an Observation.
#[derive(Clone, PartialEq)]
pub struct Measurement {
    /// 0 for the Observation's own value, n for that of its nth component.
    pub place: u32,
    /// What was measured: the code, LOINC where there is one.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// In [`Self::unit`].
    pub value: f64,
    /// Of a vital sign the first unit of [`VITAL_SIGNS`], otherwise the one it was entered in; UCUM where there is a code.
    pub unit: String,
    /// Number and unit as entered, digits kept.
    pub shown: String,
}

impl std::fmt::Debug for Measurement {
    /// What was measured, not the value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Measurement").field("code", &self.code).finish_non_exhaustive()
    }
}

/// The numbers of an Observation; empty for other resources.
pub fn measurements(observation: &Value) -> Vec<Measurement> {
    if observation["resourceType"] != "Observation" {
        return Vec::new();
    }
    let components = observation["component"].as_array().into_iter().flatten();
    (0..).zip(std::iter::once(observation).chain(components)).filter_map(|(place, held)| of(place, held)).collect()
}

fn of(place: u32, held: &Value) -> Option<Measurement> {
    let quantity = held.get("valueQuantity")?;
    // Written digits are kept beside the number that is compared: 1.50 is 1.5 here and 1.50 there.
    let number = quantity.get("value")?.as_number()?;
    let entered = number.as_f64().filter(|value| value.is_finite())?;
    let text = |pointer: &str| quantity.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let written = text("/unit").or_else(|| text("/code")).unwrap_or_default();
    let unit = text("/code").or_else(|| text("/unit")).unwrap_or_default();
    let (code, name) = kind(held.get("code")?)?;
    let (value, unit) = in_first_unit(&code, entered, unit);
    Some(Measurement { place, code, name, value, unit, shown: format!("{number} {written}").trim_end().to_owned() })
}

/// Code and name of what was measured.
fn kind(concept: &Value) -> Option<(String, String)> {
    let codings = concept["coding"].as_array().map_or(&[][..], Vec::as_slice);
    let coding = codings.iter().find(|coding| coding["system"] == "http://loinc.org").or_else(|| codings.first());
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let name = text(concept.get("text")).or_else(|| text(coding?.get("display")));
    let code = text(coding.and_then(|coding| coding.get("code"))).or_else(|| name.clone())?;
    Some((code.clone(), name.unwrap_or(code)))
}

fn in_first_unit(code: &str, value: f64, unit: String) -> (f64, String) {
    let known = VITAL_SIGNS.iter().find(|sign| sign.loinc == code);
    let matches = |one: &&VitalUnit| one.ucum == unit || one.written == unit;
    match known.and_then(|sign| Some((sign.units.first()?, sign.units.iter().find(matches)?))) {
        Some((first, from)) => (value * from.factor + from.offset, first.ucum.to_owned()),
        None => (value, unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn quantity(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_temperature_in_fahrenheit_is_compared_in_celsius_and_shown_as_entered() {
        let observation = json!({"resourceType": "Observation", "code": {"coding": [
            {"system": "http://snomed.info/sct", "code": "386725007"},
            {"system": "http://loinc.org", "code": "8310-5", "display": "Body temperature"}]},
            "valueQuantity": quantity(r#"{"value": 101.30, "unit": "°F", "code": "[degF]"}"#)});
        let found = measurements(&observation);
        assert_eq!((found.len(), found[0].code.as_str(), found[0].unit.as_str()), (1, "8310-5", "Cel"));
        assert!((found[0].value - 38.5).abs() < 1e-9, "{}", found[0].value);
        assert_eq!(found[0].shown, "101.30 °F");
    }

    #[test]
    fn the_parts_of_a_blood_pressure_are_two_measurements() {
        let part = |code: &str, value: u32| {
            json!({"code": {"coding": [{"system": "http://loinc.org", "code": code}]},
                "valueQuantity": {"value": value, "unit": "mmHg", "code": "mm[Hg]"}})
        };
        let observation = json!({"resourceType": "Observation", "code": {"text": "BP"},
            "component": [part("8480-6", 120), part("8462-4", 80)]});
        let found: Vec<_> = measurements(&observation).into_iter().map(|one| (one.place, one.value)).collect();
        assert_eq!(found, [(1, 120.0), (2, 80.0)]);
    }

    #[test]
    fn what_is_no_number_is_no_measurement() {
        let text = json!({"resourceType": "Observation", "code": {"text": "x"}, "valueString": "7"});
        let coded = json!({"resourceType": "Observation", "code": {}, "valueQuantity": {"value": 7}});
        assert!(measurements(&text).is_empty() && measurements(&coded).is_empty());
        assert!(measurements(&json!({"resourceType": "Flag"})).is_empty());
    }
}
