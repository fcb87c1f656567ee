//! Conflicts: the same on every device, and settled for a reason only.

use client_core::clinical::{Concept, Dosage, NewMedication};
use client_core::{ChartRef, DeviceError, ElementPath, Occasion, ResourceKey};
use serde_json::{Value, json};

use crate::relay::Relay;
use crate::world::{Node, START, assert_converged};

const DOSE: &str = "dosageInstruction[0].text";

/// Two devices with one order whose dose each has set apart.
fn in_conflict() -> (Relay, Node, Node, ChartRef, ResourceKey) {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "north", "dr-b");
    let chart = a.chart("Silva");
    let dosage = Dosage { text: "1 a day".into(), ..Dosage::default() };
    let new = NewMedication { medication: Concept::words("Warfarin"), dosage, ..NewMedication::default() };
    let key = a.device.start_medication(&Occasion::new(&chart, START), &new).unwrap().resources.remove(0);
    a.sync(&mut relay);
    b.sync(&mut relay);
    for (node, dose) in [(&mut a, "2 a day"), (&mut b, "3 a day")] {
        node.device.set_element(&chart, &key, &path(DOSE), json!(dose), START).unwrap();
    }
    both(&mut relay, &mut a, &mut b);
    (relay, a, b, chart, key)
}

fn path(text: &str) -> ElementPath {
    text.parse().unwrap()
}

fn both(relay: &mut Relay, a: &mut Node, b: &mut Node) {
    for _ in 0..2 {
        a.sync(relay);
        b.sync(relay);
    }
    assert_converged(a, b);
}

fn values(node: &mut Node, chart: &ChartRef) -> Vec<Value> {
    let conflicts = node.device.conflicts(chart, START).unwrap();
    let mut values: Vec<Value> = conflicts.into_iter().flat_map(|c| c.sides).map(|side| side.value).collect();
    values.sort_by_key(Value::to_string);
    values
}

#[test]
fn no_edit_settles_a_conflict_without_a_reason() {
    let (_, mut a, _, chart, key) = in_conflict();
    let mut order = a.device.resource(&chart, &key, START).unwrap();
    order["dosageInstruction"] = json!([{"text": "4 a day"}]);
    let tries = [
        a.device.put_resource(&chart, &order, START),
        a.device.set_element(&chart, &key, &path(DOSE), json!("4 a day"), START),
    ];
    for tried in tries {
        assert!(
            matches!(&tried, Err(DeviceError::InConflict { resource, path })
            if *resource == key.to_string() && path == DOSE),
            "{tried:?}"
        );
    }
    for blank in ["", " \n"] {
        let settled = a.device.settle_conflict(&chart, &key, &path(DOSE), Some(&json!("4 a day")), blank, START);
        assert_eq!(settled.unwrap_err().to_string(), "a reason is needed");
    }
    assert_eq!(values(&mut a, &chart), [json!("2 a day"), json!("3 a day")]);
    // Another element of the same order may be edited meanwhile.
    a.device.set_element(&chart, &key, &path("priority"), json!("urgent"), START).unwrap();
    assert_eq!(values(&mut a, &chart).len(), 2);
}

#[test]
fn an_import_settles_no_conflict_in_passing() {
    let (_, mut a, _, chart, key) = in_conflict();
    let mut order = a.device.resource(&chart, &key, START).unwrap();
    order["dosageInstruction"] = json!([{"text": "9 a day"}]);
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]});
    let imported = a.device.import(bundle.to_string().as_bytes(), &Default::default(), START, |_, _| {});
    assert!(matches!(imported, Err(DeviceError::ImportRefused { problems: 1, .. })), "{imported:?}");
    assert_eq!(values(&mut a, &chart).len(), 2);
}

#[test]
fn a_clinical_act_that_names_its_reason_settles_what_it_replaces() {
    let (mut relay, mut a, mut b, chart, key) = in_conflict();
    let dosage = Dosage { text: "2.5 a day".into(), ..Dosage::default() };
    a.device.change_dose(&Occasion::new(&chart, START), &key.id, &dosage, "INR 3.9").unwrap();
    both(&mut relay, &mut a, &mut b);
    for node in [&mut a, &mut b] {
        assert_eq!(values(node, &chart), [] as [Value; 0]);
    }
}

#[test]
fn two_who_settle_alike_apart_have_settled_it() {
    let (mut relay, mut a, mut b, chart, key) = in_conflict();
    for node in [&mut a, &mut b] {
        let chosen = json!("2 a day");
        node.device.settle_conflict(&chart, &key, &path(DOSE), Some(&chosen), "asked the patient", START).unwrap();
    }
    both(&mut relay, &mut a, &mut b);
    for node in [&mut a, &mut b] {
        assert_eq!(values(node, &chart), [] as [Value; 0]);
        assert_eq!(node.device.resource(&chart, &key, START).unwrap()["dosageInstruction"][0]["text"], "2 a day");
    }
}

#[test]
fn two_who_settle_differently_apart_have_a_new_conflict_with_both_decisions() {
    let (mut relay, mut a, mut b, chart, key) = in_conflict();
    for (node, chosen) in [(&mut a, "2 a day"), (&mut b, "none")] {
        node.device.settle_conflict(&chart, &key, &path(DOSE), Some(&json!(chosen)), "decided", START).unwrap();
    }
    both(&mut relay, &mut a, &mut b);
    for node in [&mut a, &mut b] {
        assert_eq!(values(node, &chart), [json!("2 a day"), json!("none")]);
    }
    b.device.settle_conflict(&chart, &key, &path(DOSE), Some(&json!("2 a day")), "we spoke", START).unwrap();
    both(&mut relay, &mut a, &mut b);
    assert_eq!(values(&mut a, &chart), [] as [Value; 0]);
    let history = a.device.history(&chart, Some(&key), START).unwrap();
    let reasons: Vec<_> = history.iter().filter_map(|entry| entry.message.as_deref()).collect();
    assert_eq!(reasons.len(), 3, "every decision keeps its reason: {reasons:?}");
}
