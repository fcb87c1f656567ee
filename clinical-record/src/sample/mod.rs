//! Invented charts from a seed: realistic in shape and size, of nobody. For tests, benchmarks and demonstrations.
//!
//! The same seed gives the same chart on every platform and in every release that does not say otherwise.

mod billing;
mod dice;
mod directory;
mod encounter;
mod people;
mod plan;
mod small;

use serde_json::{Value, json};

use crate::bundle::write_bundle;

use self::dice::Dice;
pub use self::small::small_chart;

/// One patient's chart as a FHIR transaction Bundle of 40 to 120 resources, for any seed.
pub fn bundle(seed: u64) -> Value {
    let mut dice = Dice::new(seed);
    let mut chart = Chart::begin(&mut dice);
    chart.add(people::patient(&mut dice, &chart));
    for visit in 0..dice.between(4, 6) {
        encounter::add(&mut dice, &mut chart, visit);
    }
    plan::add(&mut dice, &mut chart);
    if seed.is_multiple_of(3) {
        plan::add_sensitive(&mut dice, &mut chart);
    }
    write_bundle(chart.resources.into_iter().map(|resource| (resource, None)))
}

/// A chart being made: who is involved, and what there is so far.
struct Chart {
    patient: String,
    organization: String,
    practitioner: String,
    resources: Vec<Value>,
}

impl Chart {
    fn begin(dice: &mut Dice) -> Self {
        let mut chart =
            Self { patient: dice.uuid(), organization: dice.uuid(), practitioner: dice.uuid(), resources: Vec::new() };
        directory::add(dice, &mut chart);
        chart
    }

    fn add(&mut self, resource: Value) {
        self.resources.push(resource);
    }
}

/// A Reference as Bundles write it.
fn reference(id: &str) -> Value {
    json!({"reference": format!("urn:uuid:{id}")})
}

/// A CodeableConcept of one coding.
fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({"coding": [{"system": system, "code": code, "display": display}], "text": display})
}

/// A decimal with its trailing zeros: `decimal(7050, 2)` is `70.50`.
fn decimal(digits: u64, places: u32) -> Value {
    let scale = 10_u64.pow(places);
    let literal = format!("{}.{:0width$}", digits / scale, digits % scale, width = places as usize);
    serde_json::from_str(&literal).unwrap_or_default()
}

const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";
const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
const UCUM: &str = "http://unitsofmeasure.org";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BundleLimits, Compartment, read_bundle};

    #[test]
    fn every_seed_gives_a_chart_of_the_stated_size_that_reads_without_problems() {
        for seed in 0..60 {
            let bundle = bundle(seed);
            let read = read_bundle(bundle.to_string().as_bytes(), &BundleLimits::default(), &|_| false).unwrap();
            assert_eq!(read.problems, [], "seed {seed}");
            assert!((40..=120).contains(&read.entries.len()), "seed {seed}: {} resources", read.entries.len());
            assert!(read.entries.iter().all(|entry| entry.metadata.is_none()));
            let sensitive = read.entries.iter().any(|entry| entry.key.compartment == Compartment::Sensitive);
            assert_eq!(sensitive, seed % 3 == 0, "seed {seed}");
        }
    }

    #[test]
    fn one_seed_gives_one_chart_and_another_seed_another() {
        assert_eq!(bundle(7), bundle(7));
        assert_ne!(bundle(7), bundle(8));
    }

    #[test]
    fn decimals_keep_their_trailing_zeros() {
        assert_eq!(decimal(7050, 2).to_string(), "70.50");
        assert_eq!(decimal(5, 1).to_string(), "0.5");
    }
}
