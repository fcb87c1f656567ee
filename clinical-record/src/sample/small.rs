//! A chart of about 4 KB of JSON in a given number of changes: the unit of the benchmarks.

use serde_json::{Value, json};

use super::dice::Dice;
use super::people::{FAMILIES, GIVEN};
use super::{LOINC, UCUM, decimal};

/// Resources of the chart; with the patient they come to about 4 KB.
const OBSERVATIONS: usize = 10;

/// For each of `changes` successive changes of one document, the resources to put.
///
/// New resources are spread over the changes; where there are more changes than resources, the later ones correct a value.
/// Without changes the result is empty.
pub fn small_chart(seed: u64, changes: usize) -> Vec<Vec<Value>> {
    let mut dice = Dice::new(seed);
    let patient = dice.uuid();
    let mut resources = vec![person(&mut dice, &patient)];
    resources.extend((0..OBSERVATIONS).map(|_| observation(&mut dice, &patient)));
    let (count, filled) = (resources.len(), changes.min(resources.len()));
    let mut chart: Vec<Vec<Value>> = vec![Vec::new(); changes];
    for (position, resource) in resources.iter().enumerate().filter(|_| filled > 0) {
        chart[position * filled / count].push(resource.clone());
    }
    for change in chart.iter_mut().skip(filled) {
        let corrected = 1 + dice.next() as usize % OBSERVATIONS;
        resources[corrected]["valueQuantity"]["value"] = decimal(dice.between(4_000, 9_999), 2);
        change.push(resources[corrected].clone());
    }
    chart
}

fn person(dice: &mut Dice, id: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id, "active": true,
        "identifier": [{"system": "https://satchel.example/mrn", "value": format!("MRN-{:07}", dice.between(1, 9_999_999))}],
        "name": [{"use": "official", "family": dice.pick(FAMILIES), "given": [dice.pick(GIVEN)]}],
        "gender": dice.pick(&["female", "male"]), "birthDate": dice.date(1930, 2020),
    })
}

fn observation(dice: &mut Dice, patient: &str) -> Value {
    let (code, name, unit) = dice.pick(&[
        ("8867-4", "Heart rate", "/min"),
        ("29463-7", "Body Weight", "kg"),
        ("2339-0", "Glucose", "mg/dL"),
    ]);
    json!({
        "resourceType": "Observation", "id": dice.uuid(), "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code, "display": name}]},
        "subject": {"reference": format!("Patient/{patient}")},
        "effectiveDateTime": format!("{}T{:02}:{:02}:00Z", dice.date(2018, 2024), dice.between(0, 23), dice.between(0, 59)),
        "valueQuantity": {"value": decimal(dice.between(4_000, 9_999), 2), "unit": unit, "system": UCUM, "code": unit},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_has_about_four_kilobytes_for_any_number_of_changes() {
        for changes in [1, 2, 10, 12, 50] {
            for seed in 0..20 {
                let chart = small_chart(seed, changes);
                assert_eq!(chart.len(), changes);
                assert!(chart.iter().all(|change| !change.is_empty()));
                let mut latest = std::collections::BTreeMap::new();
                for resource in chart.iter().flatten() {
                    latest.insert(resource["id"].to_string(), resource.to_string().len());
                }
                let bytes: usize = latest.values().sum();
                assert!((3_700..4_500).contains(&bytes), "{bytes} bytes");
            }
        }
    }

    #[test]
    fn no_changes_make_no_chart() {
        assert!(small_chart(1, 0).is_empty());
    }
}
