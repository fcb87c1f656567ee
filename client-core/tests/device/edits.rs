//! What an edit does, and what it does not do when it cannot.

use client_core::clinical::PersonIdentifier;
use client_core::{DeviceError, NewPatient, PatientFilter, ResourceKey};
use serde_json::json;

use crate::relay::Relay;
use crate::world::{Node, START, allergy};

fn node() -> Node {
    Node::new(&mut Relay::new(), 1, "north", "dr-a")
}

#[test]
fn an_edit_is_shown_and_queued_at_once() {
    let mut node = node();
    let chart = node.chart("Silva");
    assert_eq!(node.device.chart(&chart, START).unwrap().unsent, 2);
    let status = node.device.status(START).unwrap();
    assert_eq!((status.unsent, status.up_to_date), (2, false));
    assert_eq!(status.unsent_per_chart, [(Some(chart), 2)]);
}

#[test]
fn an_edit_survives_reopening() {
    let mut node = node();
    let chart = node.chart("Silva");
    let folder = node.backup();
    let mut node = node.restore(folder, 2);
    assert_eq!(node.device.status(START).unwrap().unsent, 2);
    assert_eq!(node.device.search("sil", START).unwrap()[0].chart, chart);
}

#[test]
fn the_same_resource_again_makes_no_change() {
    let mut node = node();
    let chart = node.chart("Silva");
    let again = allergy(&chart, "a1", "Penicillin");
    assert_eq!(node.device.put_resource(&chart, &again, START).unwrap().change, None);
    assert_eq!(node.device.status(START).unwrap().unsent, 2);
}

#[test]
fn one_element_is_set_by_its_path() {
    let mut node = node();
    let chart = node.chart("Silva");
    let medication = json!({
        "resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
        "medicationCodeableConcept": {"text": "Warfarin"},
        "subject": {"reference": format!("Patient/{}", chart.patient)}, "dosageInstruction": [{"text": "1 daily"}],
    });
    node.device.put_resource(&chart, &medication, START).unwrap();
    let key = ResourceKey::new("MedicationRequest", "m1");
    let path = "dosageInstruction[0].text".parse().unwrap();
    node.device.set_element(&chart, &key, &path, json!("2 daily"), START).unwrap();
    let read = node.device.resource(&chart, &key, START).unwrap();
    assert_eq!(read["dosageInstruction"][0]["text"], "2 daily");
    let id = "id".parse().unwrap();
    assert!(node.device.set_element(&chart, &key, &id, json!("m2"), START).is_err());
}

#[test]
fn a_note_grows_and_says_who_wrote_it() {
    let mut node = node();
    let chart = node.chart("Silva");
    let note = node.device.add_note(&chart, "Seen at home.", None, START).unwrap().resource;
    node.device.append_to_note(&chart, &note, " Stable.", START).unwrap();
    node.device.splice_note(&chart, &note, 0, 4, "Visited", START).unwrap();
    let read = node.device.resource(&chart, &note, START).unwrap();
    // "Visited at home. Stable."
    assert_eq!(read["content"][0]["attachment"]["data"], "VmlzaXRlZCBhdCBob21lLiBTdGFibGUu");
    assert_eq!(read["author"][0]["reference"], "Practitioner/dr-a");
    let history = node.device.history(&chart, Some(&note), START).unwrap();
    assert_eq!(history.len(), 3);
    assert!(history.iter().all(|entry| entry.signed && !entry.sent));
    assert_eq!(history[0].author.practitioner.as_ref().unwrap().as_str(), "dr-a");
}

#[test]
fn a_record_entered_in_error_stays_and_says_so() {
    let mut node = node();
    let chart = node.chart("Silva");
    let key = ResourceKey::new("AllergyIntolerance", "a1");
    node.device.mark_entered_in_error(&chart, &key, "wrong patient", START).unwrap();
    let shown = node.device.chart(&chart, START).unwrap();
    assert!(shown.groups.iter().all(|group| group.resource_type != "AllergyIntolerance"), "it is hidden");
    assert_eq!(shown.retracted[0].status.as_deref(), Some("entered-in-error"), "and kept");
    assert_eq!(
        node.device.resource(&chart, &key, START).unwrap()["verificationStatus"]["coding"][0]["code"],
        "entered-in-error"
    );
    let history = node.device.history(&chart, Some(&key), START).unwrap();
    assert_eq!(history.last().unwrap().message.as_deref(), Some("wrong patient"));
}

#[test]
fn a_change_beyond_the_limit_is_refused_and_leaves_nothing() {
    let mut node = node();
    let chart = node.chart("Silva");
    let huge = allergy(&chart, "a2", &"x".repeat(400_000));
    let error = node.device.put_resource(&chart, &huge, START).unwrap_err();
    assert!(matches!(error, DeviceError::ChangeTooLarge { bytes: 400_000.., .. }), "{error:?}");
    assert_eq!(node.device.status(START).unwrap().unsent, 2);
    let key = ResourceKey::new("AllergyIntolerance", "a2");
    assert!(matches!(node.device.resource(&chart, &key, START), Err(DeviceError::UnknownResource { .. })));
}

#[test]
fn a_resource_of_another_patient_is_refused() {
    let mut node = node();
    let (chart, other) = (node.chart("Silva"), node.chart("Souza"));
    let error = node.device.put_resource(&chart, &allergy(&other, "a9", "Nuts"), START).unwrap_err();
    assert!(matches!(error, DeviceError::WrongChart { .. }));
}

#[test]
fn patients_are_found_by_prefix_without_accents_by_identifier_and_birth_date() {
    let mut node = node();
    let patient = NewPatient {
        family: Some("Muñoz".into()),
        given: vec!["José".into()],
        birth_date: Some("1970-01-31".into()),
        identifiers: vec![PersonIdentifier { system: None, value: "MRN-4711".into() }],
        ..NewPatient::default()
    };
    node.device.register_patient(&patient, START).unwrap();
    node.chart("Silva");
    for text in ["mun", "jose mu", "MRN-4711", "mrn-47", "1970-01", "1970-01-31"] {
        assert_eq!(node.device.search(text, START).unwrap().len(), 1, "{text}");
    }
    for text in ["unoz", "\"", "", "munoz silva", "AND"] {
        assert_eq!(node.device.search(text, START).unwrap().len(), 0, "{text}");
    }
    assert_eq!(node.device.patients(&PatientFilter::default(), 10, 0, START).unwrap().len(), 2);
    assert_eq!(node.device.patients(&PatientFilter::default(), 10, 1, START).unwrap().len(), 1);
}

#[test]
fn errors_and_debug_output_hold_no_patient_content() {
    let mut node = node();
    let chart = node.chart("Silva");
    let shown = [
        format!("{:?}", node.device.chart(&chart, START).unwrap()),
        format!("{:?}", node.device.search("silva", START).unwrap()),
        format!("{:?}", node.device.history(&chart, None, START).unwrap()),
        format!("{:?}", node.device),
        format!("{:?}", node.device.put_resource(&chart, &allergy(&chart, "a 1", "Penicillin"), START)),
    ];
    for text in shown {
        assert!(!text.contains("Silva") && !text.contains("Ana") && !text.contains("Penicillin"), "{text}");
    }
}
