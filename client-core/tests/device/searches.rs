//! Finding patients by what people type, slips included.

use client_core::{ChartRef, Device, NewPatient, PatientFilter};
use clinical_record::clinical::PersonIdentifier;

use crate::relay::Relay;
use crate::world::{Node, START};

fn node() -> Node {
    Node::new(&mut Relay::new(), 1, "north", "dr-a")
}

fn register(node: &mut Node, family: &str, given: &str, born: &str, identifier: &str) -> ChartRef {
    let patient = NewPatient {
        family: Some(family.into()),
        given: vec![given.into()],
        birth_date: Some(born.into()),
        identifiers: vec![PersonIdentifier { value: identifier.into(), ..PersonIdentifier::default() }],
        ..NewPatient::default()
    };
    node.device.register_patient(&patient, START).unwrap()
}

/// Charts that a search gives, in its order.
fn found(device: &mut Device, text: &str) -> Vec<ChartRef> {
    device.search(text, START).unwrap().into_iter().map(|patient| patient.chart).collect()
}

fn doubles(letters: &[char]) -> usize {
    letters.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

const PEOPLE: [(&str, &str); 12] = [
    ("Müller", "Jürgen"),
    ("Ångström", "Søren"),
    ("Łukasiewicz", "Krzysztof"),
    ("Nguyễn", "Đặng"),
    ("Иванова", "Екатерина"),
    ("O'Brien", "Siobhán"),
    ("Okonkwo", "Chinedu"),
    ("Fernández", "María José"),
    ("Abdelrahman", "Mahmoud"),
    ("Schmidt", "Annegret"),
    ("Papadopoulos", "Γεώργιος"),
    ("Silva Santos", "Ana"),
];

fn everybody(node: &mut Node) -> Vec<ChartRef> {
    let people = PEOPLE.iter().enumerate();
    people
        .map(|(n, (family, given))| {
            register(
                node,
                family,
                given,
                &format!("19{}-0{}-1{}", 30 + n * 4, 1 + n % 9, n % 9),
                &format!("MRN-{}", 50_000 + n),
            )
        })
        .collect()
}

#[test]
fn everybody_is_found_by_every_beginning_of_every_name_with_and_without_accents() {
    let mut node = node();
    let charts = everybody(&mut node);
    for ((family, given), chart) in PEOPLE.iter().zip(&charts) {
        for word in family.split(' ').chain(given.split(' ')) {
            let letters: Vec<char> = word.chars().collect();
            for length in 1..=letters.len() {
                let typed: String = letters[..length].iter().collect();
                for typed in [typed.clone(), typed.to_lowercase(), typed.to_uppercase()] {
                    assert!(found(&mut node.device, &typed).contains(chart), "{typed} of {family}, {given}");
                }
            }
        }
        let both = format!("{given} {family}");
        assert_eq!(found(&mut node.device, &both), std::slice::from_ref(chart), "{both}");
    }
    for (typed, at) in [
        ("muller", 0),
        ("angstrom", 1),
        ("soren", 1),
        ("lukasiewicz", 2),
        ("nguyen dang", 3),
        ("ivanova", 4),
        ("ekaterina", 4),
        ("obrien", 5),
        ("siobhan", 5),
        ("fernandez maria", 7),
        ("georgios", 10),
    ] {
        assert_eq!(found(&mut node.device, typed), [charts[at].clone()], "{typed}");
    }
}

#[test]
fn a_name_is_found_in_spite_of_a_slip() {
    let mut node = node();
    let charts = everybody(&mut node);
    for (typed, at) in [
        ("mueler", 0),
        ("mullre", 0),
        ("Lukasievicz", 2),
        ("lukaschewicz", 2),
        ("kristof", 2),
        ("ngyuen", 3),
        ("ivanofa", 4),
        ("okonqwo", 6),
        ("chinedo", 6),
        ("fernandes", 7),
        ("hernandez maria", usize::MAX),
        ("abdulrahman", 8),
        ("mahmud abdelraman", 8),
        ("schmitd", 9),
        ("smidt", 9),
        ("papadopulos", 10),
        ("zilva", 11),
        ("silva santso", 11),
        ("sliva ana", 11),
        ("silva 50011", 11),
        ("slva 50011", 11),
        ("slva 50010", usize::MAX),
    ] {
        let expected: Vec<ChartRef> = charts.get(at).cloned().into_iter().collect();
        assert_eq!(found(&mut node.device, typed), expected, "{typed}");
    }
    assert_eq!(found(&mut node.device, "xyzzy"), []);
}

#[test]
fn one_letter_left_out_doubled_or_swapped_is_forgiven_in_every_long_name() {
    let mut node = node();
    let charts = everybody(&mut node);
    for ((family, _), chart) in PEOPLE.iter().zip(&charts).filter(|((family, _), _)| family.is_ascii()) {
        let letters: Vec<char> = family.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect();
        for at in 1..letters.len() - 1 {
            let (mut left_out, mut doubled, mut swapped) = (letters.clone(), letters.clone(), letters.clone());
            left_out.remove(at);
            doubled.insert(at, letters[at]);
            swapped.swap(at, at + 1);
            // Names are compared with double letters as one: a slip that makes one is two slips.
            for typed in
                [left_out, swapped].into_iter().filter(|typed| doubles(typed) == doubles(&letters)).chain([doubled])
            {
                let typed: String = typed.into_iter().collect();
                assert!(
                    family.contains(' ') || found(&mut node.device, &typed).contains(chart),
                    "{typed} for {family}"
                );
            }
        }
    }
}

#[test]
fn identifiers_and_dates_are_found_however_they_are_punctuated() {
    let mut node = node();
    let a = register(&mut node, "Silva", "Ana", "1970-01-31", "123.456.789-00");
    let b = register(&mut node, "Souza", "Rui", "1970-12-03", "MRN-0012345");
    for (typed, chart) in [
        ("123.456.789-00", &a),
        ("12345678900", &a),
        ("123.456", &a),
        ("1234567", &a),
        ("MRN0012345", &b),
        ("mrn-0012", &b),
        ("0012345", &b),
        ("31.01.1970", &a),
        ("31/1/1970", &a),
        ("1/31/1970", &a),
        ("1970-01-31", &a),
        ("19700131", &a),
        ("31011970", &a),
        ("01/1970", &a),
        ("1/1970", &a),
        ("3.12.1970", &b),
        ("1970-12", &b),
        ("silva 1970", &a),
        ("souza 03.12.1970", &b),
    ] {
        assert_eq!(found(&mut node.device, typed), std::slice::from_ref(chart), "{typed}");
    }
    assert_eq!(found(&mut node.device, "1970").len(), 2);
    for typed in ["silva 1971", "32.01.1970", "123.456.789-01", "silva 03.12.1970"] {
        assert_eq!(found(&mut node.device, typed), [], "{typed}");
    }
}

#[test]
fn a_name_that_was_changed_or_taken_away_is_found_no_more() {
    let mut node = node();
    let chart = register(&mut node, "Kowalska", "Ewa", "1980-01-01", "MRN-1");
    let mut patient =
        node.device.resource(&chart, &client_core::ResourceKey::new("Patient", chart.patient.as_str()), START).unwrap();
    patient["name"] = serde_json::json!([{"family": "Nowak", "given": ["Ewa"]}]);
    node.device.put_resource(&chart, &patient, START).unwrap();
    for (typed, count) in [("kowalska", 0), ("kovalska", 0), ("nowak", 1), ("novak", 1)] {
        assert_eq!(found(&mut node.device, typed).len(), count, "{typed}");
    }
}

#[test]
fn names_that_are_alike_come_in_pages_too() {
    let mut node = node();
    for n in 0..5 {
        register(&mut node, "Schmidt", &format!("Person{n}"), "1980-01-01", &format!("MRN-{n}"));
    }
    let filter = PatientFilter { text: Some("schmitd".into()), ..PatientFilter::default() };
    let mut page = |limit, offset| node.device.patients(&filter, limit, offset, START).unwrap();
    let all = page(10, 0);
    assert_eq!(all.len(), 5);
    assert_eq!([page(2, 0), page(2, 2), page(2, 4), page(2, 6)].concat(), all);
}
