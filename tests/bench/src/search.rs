//! Finding one of 10,000 patients on a device, in the ways in which people look for them.

use std::path::Path;
use std::time::Instant;

use client_core::driver::{DriverOptions, SharedDevice, enroll, system_time};
use client_core::{Device, ImportOptions, PatientFilter, SystemRandomness};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::stats::{percentile, sorted};
use crate::table::{Row, Table, Unit};

const PATIENTS: usize = 10_000;
const SAMPLES: usize = 100;
/// Seconds that a search may take.
const TARGET: f64 = 0.020;
const SEED: u64 = 4_711;

#[rustfmt::skip]
const FAMILIES: &[&str] = &[
    "Silva", "Souza", "Müller", "Schmidt", "Fernández", "García", "Nguyễn", "Okonkwo", "Ångström", "Łukasiewicz", "Dvořák",
    "Papadopoulos", "Kowalski", "Johansson", "Abdelrahman", "Petrova", "Takahashi", "Haddad", "Martínez", "Oliveira",
    "Brown", "Wilson", "Moreau", "Rossi", "Novak", "Jensen", "Santos", "Mensah", "Adeyemi", "Çelik", "Horváth", "Popescu",
];
#[rustfmt::skip]
const GIVEN: &[&str] = &[
    "Ana", "José", "María", "Jürgen", "Chinedu", "Søren", "Krzysztof", "Đặng", "Ekaterina", "Mahmoud", "Yuki", "Layla",
    "Peter", "Anna", "João", "François", "Giulia", "Björn", "Zoë", "Kwame", "Aminata", "Şule", "Renée", "John",
];
const SYLLABLES: &[&str] =
    &["ba", "do", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "wa", "xi", "zu", "cha", "ster", "mann"];

struct Person {
    family: String,
    given: String,
    born: String,
    number: String,
}

impl Person {
    fn invented(dice: &mut ChaCha8Rng, number: usize) -> Self {
        let pick = |dice: &mut ChaCha8Rng, list: &[&str]| list.choose(dice).copied().unwrap_or_default().to_owned();
        let (one, two) = (pick(dice, SYLLABLES), pick(dice, SYLLABLES));
        Self {
            family: format!("{}{one}{two}", pick(dice, FAMILIES)),
            given: pick(dice, GIVEN),
            born: format!(
                "{}-{:02}-{:02}",
                dice.random_range(1925..2025),
                dice.random_range(1..13),
                dice.random_range(1..29)
            ),
            number: format!("MRN-{number:07}"),
        }
    }

    fn resource(&self) -> Value {
        json!({
            "resourceType": "Patient", "id": self.number.to_lowercase(), "birthDate": self.born,
            "name": [{"family": self.family, "given": [self.given]}],
            "identifier": [{"system": "https://satchel.example/mrn", "value": self.number}],
        })
    }
}

/// A way of looking for somebody.
type Way = (&'static str, fn(&Person) -> String);

const WAYS: [Way; 6] = [
    ("beginning of a name", |person| person.family.chars().take(4).collect()),
    ("name without its accents", |person| {
        clinical_record::duplicates::folded_name(&format!("{} {}", person.family, person.given))
    }),
    ("misspelt name", |person| misspelt(&person.family)),
    ("identifier", |person| person.number.clone()),
    ("identifier without punctuation", |person| person.number.replace('-', "")),
    ("birth date, day first", |person| person.born.split('-').rev().collect::<Vec<_>>().join(".")),
];

/// With two letters of its middle swapped.
fn misspelt(name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let middle = letters.len() / 2;
    letters.swap(middle, middle - 1);
    letters.into_iter().collect()
}

/// Measures the rows, on a device of its own. `folder`: for it.
///
/// # Errors
/// Whatever goes wrong, and a search that does not find whom it was for.
pub fn measure(clinic: &Clinic, folder: &Path, table: &mut Table) -> Result<(), Failure> {
    let mut dice = ChaCha8Rng::seed_from_u64(SEED);
    let people: Vec<Person> = (0..PATIENTS).map(|number| Person::invented(&mut dice, number)).collect();
    let device = filled(clinic, folder, &people)?;
    let page = PatientFilter::default();
    let mut list = |_: &Person| Ok(device.lock()?.patients(&page, 50, 5_000, system_time()).map(drop)?);
    push(table, "list, the 50 after the first 5,000", clinic.rounds, &mut list, &people)?;
    for (name, typed) in WAYS {
        let mut missed = 0;
        let mut search = |person: &Person| {
            let found = device.lock()?.search(&typed(person), system_time())?;
            // Of a common beginning only a page is given.
            let here = found.iter().any(|one| one.chart.patient.as_str() == person.number.to_lowercase());
            missed += usize::from(!here && found.len() < 50);
            Ok(())
        };
        push(table, name, clinic.rounds, &mut search, &people)?;
        if missed > SAMPLES * clinic.rounds / 50 {
            return Err(Failure::new(format!("searching by {name} missed {missed} people")));
        }
    }
    Ok(())
}

fn push(
    table: &mut Table,
    name: &str,
    rounds: usize,
    search: &mut dyn FnMut(&Person) -> Result<(), Failure>,
    people: &[Person],
) -> Result<(), Failure> {
    let (mut halves, mut tails) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut times = Vec::with_capacity(SAMPLES);
        for sample in 0..SAMPLES {
            let person = &people[(round * SAMPLES + sample) * 33 % people.len()];
            let begun = Instant::now();
            search(person)?;
            times.push(begun.elapsed().as_secs_f64());
        }
        let times = sorted(times);
        halves.push(percentile(&times, 0.5));
        tails.push(percentile(&times, 0.99));
    }
    let name = |of: &str| format!("search of {PATIENTS} patients by {name}, {of}");
    let note = "with its entry in the audit trail, synced to disk";
    table.push(Row::new(name("p50"), Unit::Seconds, halves).target(Some(TARGET)).note(note));
    table.push(Row::new(name("p99"), Unit::Seconds, tails).note(note));
    Ok(())
}

fn filled(clinic: &Clinic, folder: &Path, people: &[Person]) -> Result<SharedDevice, Failure> {
    let code = json!({ "organization": "north", "practitioner": "dr-b", "valid_ms": 3_600_000 });
    let shown: Value = clinic.relay.post("enrolment-codes", &code)?;
    let code = shown["code"].as_str().unwrap_or_default();
    let device = SharedDevice::new(Device::open(folder, SystemRandomness, system_time())?);
    let url = clinic.relay.url();
    clinic.runtime.block_on(enroll(&device, &url, code, "bench", &DriverOptions::default()))?;
    let entries: Vec<Value> = people.iter().map(|person| json!({ "resource": person.resource() })).collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }).to_string();
    device.lock()?.import(bundle.as_bytes(), &ImportOptions::default(), system_time(), |_, _| {})?;
    Ok(device)
}
