//! Concurrent offline work comes together on every device, and nothing clinical is merged in silence.

use serde_json::json;
use system_tests::charts::{allergy, medication};
use system_tests::{World, seeds};

#[test]
fn concurrent_edits_of_different_fields_merge_on_both_devices() {
    let mut world = World::new(seeds::one());
    let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
    let chart = world.register(a, "Okonkwo-Merge");
    world.put(a, &chart, &medication(&chart, "m1", "Warfarin", "2.5 mg"));
    world.settle();
    world.all_offline();
    world.set(a, &chart, "MedicationRequest/m1", "status", json!("on-hold"));
    world.set(b, &chart, "MedicationRequest/m1", "dosageInstruction[0].text", json!("5 mg at night"));
    world.put(b, &chart, &allergy(&chart, "a1", "Penicillin-Merge"));
    world.all_online();
    world.settle();
    for node in [a, b] {
        let request = world.resource(node, &chart, "MedicationRequest/m1").unwrap();
        assert_eq!(request["status"], "on-hold");
        assert_eq!(request["dosageInstruction"][0]["text"], "5 mg at night");
        assert!(world.resource(node, &chart, "AllergyIntolerance/a1").is_some());
        let now = world.clock(node);
        assert_eq!(world.device(node).conflicts(&chart, now).unwrap(), []);
    }
    world.assert_converged(&[a, b]);
}

#[test]
fn a_dose_edited_on_two_devices_is_kept_as_a_conflict_with_both_values_on_both() {
    let mut world = World::new(seeds::one());
    let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
    let chart = world.register(a, "Okonkwo-Conflict");
    world.put(a, &chart, &medication(&chart, "m1", "Warfarin", "2.5 mg"));
    world.settle();
    world.all_offline();
    world.set(a, &chart, "MedicationRequest/m1", "dosageInstruction[0].text", json!("5 mg daily"));
    world.set(b, &chart, "MedicationRequest/m1", "dosageInstruction[0].text", json!("7.5 mg daily"));
    world.all_online();
    world.settle();
    let now = world.now();
    let [on_a, on_b] = [a, b].map(|node| world.device(node).conflicts(&chart, now).unwrap());
    assert_eq!(on_a, on_b, "both devices list the same conflicts");
    let [conflict] = &on_a[..] else { panic!("one conflict, not {}", on_a.len()) };
    assert_eq!(conflict.path.to_string(), "dosageInstruction[0].text");
    let mut values: Vec<_> = conflict.sides.iter().map(|side| side.value.as_str().unwrap()).collect();
    values.sort_unstable();
    assert_eq!(values, ["5 mg daily", "7.5 mg daily"]);
    let mut authors: Vec<_> =
        conflict.sides.iter().map(|side| side.author.practitioner.as_ref().unwrap().as_str()).collect();
    authors.sort_unstable();
    assert_eq!(authors, ["dr-north-0", "dr-north-1"], "each side says who wrote it");
}

#[test]
fn a_decided_conflict_is_decided_on_every_device() {
    let mut world = World::new(seeds::one());
    let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
    let chart = world.register(a, "Okonkwo-Decided");
    world.put(a, &chart, &medication(&chart, "m1", "Warfarin", "2.5 mg"));
    world.settle();
    world.all_offline();
    let dose = "dosageInstruction[0].text";
    world.set(a, &chart, "MedicationRequest/m1", dose, json!("5 mg daily"));
    world.set(b, &chart, "MedicationRequest/m1", dose, json!("7.5 mg daily"));
    world.all_online();
    world.settle();
    let (key, path) = (system_tests::charts::key("MedicationRequest/m1"), system_tests::charts::path(dose));
    world.edit_one(b, |device, now| {
        device.settle_conflict(&chart, &key, &path, Some(&json!("6 mg daily")), "INR of today", now)
    });
    world.settle();
    for node in [a, b] {
        let now = world.clock(node);
        assert_eq!(world.device(node).conflicts(&chart, now).unwrap(), []);
        let request = world.resource(node, &chart, "MedicationRequest/m1").unwrap();
        assert_eq!(request["dosageInstruction"][0]["text"], "6 mg daily");
    }
}

#[test]
fn notes_written_at_the_same_time_merge_by_character() {
    let mut world = World::new(seeds::one());
    let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
    let chart = world.register(a, "Okonkwo-Notes");
    let note = world.note(a, &chart, "Patient slept well.").resource;
    world.settle();
    world.all_offline();
    world.edit_one(a, |device, now| device.append_to_note(&chart, &note, " No fever.", now));
    world.edit_one(b, |device, now| device.splice_note(&chart, &note, 0, 0, "Day 2: ", now));
    world.all_online();
    world.settle();
    world.assert_converged(&[a, b]);
    let now = world.now();
    let shown = world.device(a).resource(&chart, &note, now).unwrap();
    let expected = base64("Day 2: Patient slept well. No fever.");
    assert_eq!(shown["content"][0]["attachment"]["data"], expected);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut world = World::new(seeds::one());
        let nodes = world.practice("north", 3);
        let chart = world.register(nodes[0], "Okonkwo-Same");
        world.settle();
        world.cut(nodes[1]);
        world.note(nodes[2], &chart, "the same note in both runs");
        world.settle();
        world.fingerprint()
    };
    assert_eq!(run(), run());
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            encoded.push(if place <= chunk.len() { letter as char } else { '=' });
        }
    }
    encoded
}
