//! Two registrations of one person: one view, taken back, and written to by devices that have not heard.

use client_core::clinical::{Concept, NewAllergy};
use client_core::{ChartRef, ChartSection, DeviceError, NewPatient, Occasion, Page, PatientQuery};

use crate::relay::Relay;
use crate::world::{Node, START, assert_converged};

fn register(node: &mut Node, given: &str) -> ChartRef {
    let new = NewPatient { family: Some("Silva".into()), given: vec![given.into()], ..NewPatient::default() };
    node.device.register_patient(&new, START).unwrap()
}

fn allergic(node: &mut Node, chart: &ChartRef, to: &str) {
    let new = NewAllergy { substance: Concept::words(to), ..NewAllergy::default() };
    node.device.record_allergy(&Occasion::new(chart, START), &new).unwrap();
}

fn allergies(node: &mut Node, chart: &ChartRef) -> Vec<String> {
    let rows = node.device.section(chart, ChartSection::Allergies, Page::default(), START).unwrap();
    let mut names: Vec<_> = rows.into_iter().map(|row| row.summary).collect();
    names.sort();
    names
}

fn listed(node: &mut Node) -> Vec<(String, u32)> {
    let rows = node.device.list_patients(&PatientQuery::default(), Page::default(), START).unwrap();
    rows.into_iter().map(|row| (row.name, row.replaces)).collect()
}

/// Two devices that both have two registrations of one person, each with an allergy.
fn two() -> (Relay, Node, Node, ChartRef, ChartRef) {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "north", "dr-b");
    let (one, other) = (register(&mut a, "Ana"), register(&mut a, "Anna"));
    allergic(&mut a, &one, "Latex");
    allergic(&mut a, &other, "Penicillin");
    a.sync(&mut relay);
    b.sync(&mut relay);
    (relay, a, b, one, other)
}

fn both(relay: &mut Relay, a: &mut Node, b: &mut Node) {
    for _ in 0..2 {
        a.sync(relay);
        b.sync(relay);
    }
    assert_converged(a, b);
}

#[test]
fn merged_registrations_are_one_row_and_one_view_with_what_offline_devices_went_on_writing_to_either() {
    let (mut relay, mut a, mut b, one, other) = two();
    a.device.merge_patients(&one, &other, "same person, asked", START).unwrap();
    // Has not heard of it.
    allergic(&mut b, &other, "Nuts");
    both(&mut relay, &mut a, &mut b);
    for node in [&mut a, &mut b] {
        assert_eq!(listed(node), [("Silva, Ana".to_owned(), 1)]);
        for chart in [&one, &other] {
            assert_eq!(allergies(node, chart), ["Latex", "Nuts", "Penicillin"]);
            let person = node.device.person(chart, START).unwrap();
            assert_eq!((&person.survivor, person.disputed), (&one.patient, false));
            assert_eq!(person.charts, [one.clone(), other.clone()]);
        }
        let view = node.device.person_view(&other, START).unwrap();
        let patients: Vec<_> = view.iter().filter(|one| one.resource["resourceType"] == "Patient").collect();
        assert_eq!((patients.len(), patients[0].resource["name"].as_array().unwrap().len()), (1, 2));
        let subject = format!("Patient/{}", one.patient);
        let of_one =
            |one: &&clinical_record::person::ViewedResource| one.resource["patient"]["reference"] == subject.as_str();
        assert_eq!(view.iter().filter(of_one).count(), 3);
    }
}

#[test]
fn an_unmerge_gives_both_back_with_whatever_was_entered_on_either_side() {
    let (mut relay, mut a, mut b, one, other) = two();
    a.device.merge_patients(&one, &other, "same person", START).unwrap();
    both(&mut relay, &mut a, &mut b);
    allergic(&mut a, &one, "Bees");
    allergic(&mut b, &other, "Nuts");
    assert!(matches!(b.device.unmerge_patients(&one, &other, " ", START), Err(DeviceError::Clinical(_))));
    b.device.unmerge_patients(&one, &other, "they are sisters", START).unwrap();
    both(&mut relay, &mut a, &mut b);
    for node in [&mut a, &mut b] {
        assert_eq!(allergies(node, &one), ["Bees", "Latex"]);
        assert_eq!(allergies(node, &other), ["Nuts", "Penicillin"]);
        assert_eq!(listed(node).len(), 2);
        let patient = client_core::ResourceKey::new("Patient", other.patient.as_str());
        assert_eq!(node.device.resource(&other, &patient, START).unwrap()["active"], true);
    }
}

#[test]
fn two_who_merge_in_opposite_directions_apart_see_one_person_that_is_disputed() {
    let (mut relay, mut a, mut b, one, other) = two();
    a.device.merge_patients(&one, &other, "same person", START).unwrap();
    b.device.merge_patients(&other, &one, "same person", START).unwrap();
    both(&mut relay, &mut a, &mut b);
    let persons: Vec<_> = [&mut a, &mut b].map(|node| node.device.person(&one, START).unwrap()).into();
    assert_eq!(persons[0], persons[1]);
    assert!(persons[0].disputed);
    for node in [&mut a, &mut b] {
        assert_eq!(allergies(node, &one), ["Latex", "Penicillin"]);
        assert_eq!(listed(node).len(), 1);
    }
}

#[test]
fn a_merge_is_one_act_in_the_trail_of_each_chart_and_needs_a_reason() {
    let (_, mut a, _, one, other) = two();
    assert!(matches!(a.device.merge_patients(&one, &other, "", START), Err(DeviceError::Clinical(_))));
    assert!(matches!(a.device.merge_patients(&one, &one, "why not", START), Err(DeviceError::Clinical(_))));
    a.device.merge_patients(&one, &other, "same person", START).unwrap();
    let trail = a.device.trail(0, 1_000).unwrap();
    let merged: Vec<_> = trail.iter().filter(|record| record.entry.action == "patients-merged").collect();
    assert_eq!(merged.len(), 2);
    assert!(merged.iter().all(|record| record.entry.documents.len() == 1 && record.entry.reason.is_empty()));
}
