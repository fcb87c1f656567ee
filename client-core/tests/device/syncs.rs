//! Two devices and a relay: what one writes, the other shows.

use client_core::sync::{Input, SyncEvent};
use client_core::{ImportOptions, ResourceKey};
use clinical_record::sample;
use serde_json::json;

use crate::relay::Relay;
use crate::world::{Node, START, allergy, assert_converged};

fn two(relay: &mut Relay) -> (Node, Node) {
    (Node::new(relay, 1, "north", "dr-a"), Node::new(relay, 2, "south", "dr-b"))
}

#[test]
fn what_one_device_writes_the_other_shows() {
    let mut relay = Relay::new();
    let (mut a, mut b) = two(&mut relay);
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    b.sync(&mut relay);
    assert_converged(&a, &b);
    assert_eq!(b.device.search("silva", START).unwrap()[0].chart, chart);
    let allergy = ResourceKey::new("AllergyIntolerance", "a1");
    assert_eq!(b.device.resource(&chart, &allergy, START).unwrap()["code"]["text"], "Penicillin");
    let history = b.device.history(&chart, None, START).unwrap();
    assert!(history.iter().all(|entry| entry.signed && entry.sent));
    assert_eq!(history[0].author.organization.as_ref().unwrap().as_str(), "north");
}

#[test]
fn a_whole_bundle_arrives_also_in_parts() {
    for one_change_a_batch in [false, true] {
        let mut relay = Relay::new();
        relay.conduct.one_change_a_batch = one_change_a_batch;
        let (mut a, mut b) = two(&mut relay);
        let bundle = sample::bundle(3).to_string();
        let report = a.device.import(bundle.as_bytes(), &ImportOptions::default(), START, |_, _| {}).unwrap();
        let chart = report.charts[0].clone();
        a.device.put_resource(&chart, &allergy(&chart, "more", "Nuts"), START).unwrap();
        a.sync(&mut relay);
        b.sync(&mut relay);
        assert_converged(&a, &b);
        assert_eq!(b.device.export_chart(&chart, START).unwrap(), a.device.export_chart(&chart, START).unwrap());
    }
}

#[test]
fn a_concurrent_dose_waits_in_the_inbox_until_somebody_decides() {
    let mut relay = Relay::new();
    let (mut a, mut b) = two(&mut relay);
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    b.sync(&mut relay);
    let key = ResourceKey::new("AllergyIntolerance", "a1");
    let path = "code.text".parse().unwrap();
    a.device.set_element(&chart, &key, &path, json!("Penicillin G"), START).unwrap();
    b.device.set_element(&chart, &key, &path, json!("Penicillin V"), START).unwrap();
    for node in [&mut a, &mut b] {
        node.sync(&mut relay);
    }
    a.sync(&mut relay);
    assert_converged(&a, &b);
    let conflicts = a.device.conflicts(&chart, START).unwrap();
    assert_eq!((conflicts.len(), conflicts[0].sides.len()), (1, 2));
    a.device.settle_conflict(&chart, &key, &path, Some(&json!("Penicillin V")), "asked", START).unwrap();
    assert!(a.device.conflicts(&chart, START).unwrap().is_empty());
    a.sync(&mut relay);
    b.sync(&mut relay);
    assert!(b.device.chart(&chart, START).unwrap().conflicts.is_empty());
}

#[test]
fn an_edit_while_connected_goes_out_at_once() {
    let mut relay = Relay::new();
    let (mut a, _) = two(&mut relay);
    a.give(Some(&mut relay), Input::Start, START);
    a.chart("Silva");
    assert!(!a.device.is_up_to_date().unwrap());
    let events = a.give(Some(&mut relay), Input::LocalEdit, START);
    assert!(events.contains(&SyncEvent::Sent { accepted: 2, custody: 0, refused: 0 }));
    assert!(a.device.is_up_to_date().unwrap());
}

#[test]
fn many_offline_edits_go_out_in_several_pushes() {
    let mut relay = Relay::new();
    let (mut a, mut b) = two(&mut relay);
    let chart = a.chart("Silva");
    for n in 0..40 {
        a.device.put_resource(&chart, &allergy(&chart, &format!("x{n}"), &"y".repeat(60_000)), START).unwrap();
    }
    let events = a.sync(&mut relay);
    let pushes = events.iter().filter(|event| matches!(event, SyncEvent::Sent { .. })).count();
    assert!(pushes > 3, "{pushes}");
    b.sync(&mut relay);
    assert_converged(&a, &b);
}

#[test]
fn a_lost_answer_is_healed_by_sending_again() {
    let mut relay = Relay::new();
    let (mut a, mut b) = two(&mut relay);
    let backup = {
        a.chart("Silva");
        a.backup()
    };
    a.sync(&mut relay);
    // The same device, as if power had failed before the answers were stored.
    let mut a = a.restore(backup, 3);
    assert_eq!(a.device.status(START).unwrap().unsent, 2);
    a.sync(&mut relay);
    b.sync(&mut relay);
    assert_eq!(relay.changes(), 2);
    assert_converged(&a, &b);
}

#[test]
fn an_edit_inside_something_removed_meanwhile_is_shown_until_somebody_looked_at_it() {
    let mut relay = Relay::new();
    let (mut a, mut b) = two(&mut relay);
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    b.sync(&mut relay);
    let key = ResourceKey::new("AllergyIntolerance", "a1");
    a.device.set_element(&chart, &key, &"code.text".parse().unwrap(), json!("Penicillin G"), START).unwrap();
    let mut without_code = allergy(&chart, "a1", "");
    without_code.as_object_mut().unwrap().remove("code");
    b.device.put_resource(&chart, &without_code, START).unwrap();
    a.sync(&mut relay);
    b.sync(&mut relay);
    let overridden = b.device.chart(&chart, START).unwrap().overridden;
    assert_eq!(overridden.len(), 1);
    b.device.acknowledge_overridden(&chart, &overridden[0], START).unwrap();
    b.sync(&mut relay);
    a.sync(&mut relay);
    assert!(a.device.chart(&chart, START).unwrap().overridden.is_empty());
}

#[test]
fn pushes_keep_within_the_frame_of_a_relay_however_badly_they_compress() {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = node.chart("Silva");
    node.sync(&mut relay);
    let mut dice = crate::world::randomness(77);
    for n in 0..12 {
        let mut bytes = vec![0u8; 240_000];
        dice(&mut bytes);
        let text: String = bytes.iter().map(|byte| char::from(b' ' + byte % 95)).collect();
        node.device.put_resource(&chart, &allergy(&chart, &format!("r{n}"), text.trim()), START).unwrap();
    }
    relay.conduct.frame_bytes = Some(512 * 1024);
    node.sync(&mut relay);
    assert_eq!(relay.changes(), 14);
    // A relay that lost them asks for the document whole.
    relay.set_back(12);
    relay.conduct.frame_bytes = Some(512 * 1024);
    for _ in 0..4 {
        node.connect(&mut relay, START);
    }
    assert_eq!(relay.changes(), 14);
}
