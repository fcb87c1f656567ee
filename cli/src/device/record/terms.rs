//! Concepts, quantities and measurements as they are written on a command line.

use client_core::VitalReading;
use client_core::clinical::{Concept, Quantity, VITAL_SIGNS};

/// Short names of vital signs. Blood pressure is two at once, see [`vitals`].
const NAMES: [(&str, &str); 12] = [
    ("pulse", "8867-4"),
    ("resp", "9279-1"),
    ("temp", "8310-5"),
    ("systolic", "8480-6"),
    ("diastolic", "8462-4"),
    ("spo2", "59408-5"),
    ("weight", "29463-7"),
    ("height", "8302-2"),
    ("head", "9843-4"),
    ("bmi", "39156-5"),
    ("muac", "56072-2"),
    ("pain", "72514-3"),
];

/// Words, or `SYSTEM|CODE` or `SYSTEM|CODE|NAME`.
pub(super) fn concept(text: &str) -> Result<Concept, String> {
    let mut parts = text.splitn(3, '|');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(system), Some(code), name) => Ok(Concept::code(system, code, name.unwrap_or(code))),
        _ if text.trim().is_empty() => Err("write words, or SYSTEM|CODE|NAME".into()),
        _ => Ok(Concept::words(text)),
    }
}

/// `2.5 mg`, or `2.5mg`; the digits stay as they are written.
pub(super) fn quantity(text: &str) -> Result<Quantity, String> {
    let (value, unit) = number_and_unit(text)?;
    if unit.is_empty() {
        Err("write a number with its unit, for example 5 mg".into())
    } else {
        Ok(Quantity { value, unit })
    }
}

/// `LOW..HIGH`
pub(super) fn range(text: &str) -> Result<(serde_json::Number, serde_json::Number), String> {
    let bad = || "write LOW..HIGH, for example 12..16".to_owned();
    let (low, high) = text.split_once("..").ok_or_else(bad)?;
    Ok((low.trim().parse().map_err(|_| bad())?, high.trim().parse().map_err(|_| bad())?))
}

/// `NAME=VALUE` or `NAME=VALUE UNIT`, `bp=120/80`; NAME may be a LOINC code.
pub(super) fn vitals(text: &str) -> Result<Vec<VitalReading>, String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, for example pulse=72")?;
    if name == "bp" {
        let (systolic, diastolic) = value.split_once('/').ok_or("write bp=120/80")?;
        let (low, unit) = number_and_unit(diastolic)?;
        let unit = (!unit.is_empty()).then_some(unit);
        let high = systolic.trim().parse().map_err(|_| "write bp=120/80".to_owned())?;
        let reading = |loinc: &str, value| VitalReading { loinc: loinc.into(), value, unit: unit.clone() };
        return Ok(vec![reading("8480-6", high), reading("8462-4", low)]);
    }
    let known = NAMES.iter().find(|(short, _)| *short == name).map(|(_, loinc)| *loinc);
    let by_code = || VITAL_SIGNS.iter().map(|sign| sign.loinc).find(|loinc| *loinc == name);
    let loinc = known.or_else(by_code).ok_or_else(|| {
        format!("{name} is no vital sign; there are bp, {} and LOINC codes", NAMES.map(|(short, _)| short).join(", "))
    })?;
    let (value, unit) = number_and_unit(value)?;
    Ok(vec![VitalReading { loinc: loinc.into(), value, unit: (!unit.is_empty()).then_some(unit) }])
}

fn number_and_unit(text: &str) -> Result<(serde_json::Number, String), String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-'))).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number.parse().map_err(|_| "write a number, for example 2.5".to_owned())?;
    Ok((number, unit.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concept_is_words_or_a_code() {
        assert!(concept("Penicillin").unwrap() == Concept::words("Penicillin"));
        let code = concept("http://snomed.info/sct|91936005|Allergy to penicillin").unwrap();
        assert!(code == Concept::code("http://snomed.info/sct", "91936005", "Allergy to penicillin"));
        assert!(concept(" ").is_err());
    }

    #[test]
    fn a_quantity_keeps_its_digits() {
        let dose = quantity("2.50mg").unwrap();
        assert_eq!((dose.value.to_string().as_str(), dose.unit.as_str()), ("2.50", "mg"));
        assert!(quantity("5").is_err() && quantity("mg").is_err());
        assert_eq!(range("1..2.5").unwrap().1.to_string(), "2.5");
    }

    #[test]
    fn vital_signs_are_named_shortly_or_by_loinc() {
        let pressure = vitals("bp=120/80").unwrap();
        assert_eq!((pressure[0].loinc.as_str(), pressure[1].value.to_string().as_str()), ("8480-6", "80"));
        let temperature = &vitals("temp=101.3 [degF]").unwrap()[0];
        assert_eq!(temperature.unit.as_deref(), Some("[degF]"));
        assert_eq!(vitals("8867-4=72").unwrap()[0].loinc, "8867-4");
        assert!(vitals("mood=7").is_err() && vitals("pulse").is_err() && vitals("pulse=fast").is_err());
    }
}
