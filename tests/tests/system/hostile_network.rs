//! Frames that arrive twice or out of order change nothing in the end.

use client_core::sync::SyncEvent;
use serde_json::json;
use system_tests::charts::{allergy, medication};
use system_tests::world::Content;
use system_tests::{Weather, World, seeds};

/// Three devices with offline work, synced under `weather` for a while and then in peace; what each shows.
fn told_under(seed: u64, weather: Weather) -> Vec<Content> {
    let mut world = World::new(seed);
    let nodes = world.practice("north", 3);
    let chart = world.register(nodes[0], "Okonkwo-Hostile");
    world.put(nodes[0], &chart, &medication(&chart, "m1", "Warfarin", "2.5 mg"));
    world.settle();
    world.all_offline();
    for (number, node) in nodes.iter().enumerate() {
        for edit in 0..6 {
            world.put(*node, &chart, &allergy(&chart, &format!("a{number}-{edit}"), "Penicillin-Hostile"));
        }
        world.note(*node, &chart, &format!("a note of device {number}"));
        world.set(*node, &chart, "MedicationRequest/m1", "dosageInstruction[0].text", json!(format!("{number} mg")));
    }
    world.weather = weather;
    world.all_online();
    world.run_for(3 * 60_000);
    world.weather = Weather::CALM;
    world.settle();
    world.assert_converged(&nodes);
    world.assert_nothing_acknowledged_is_lost();
    nodes.iter().map(|node| world.content(*node)).collect()
}

#[test]
fn doubled_and_reordered_frames_change_nothing() {
    for seed in seeds::many(20) {
        let undisturbed = told_under(seed, Weather::CALM);
        let disturbed = told_under(seed, Weather::HOSTILE);
        for (calm, hostile) in undisturbed.iter().zip(&disturbed) {
            assert!(calm.charts == hostile.charts, "another content: SATCHEL_SEED={seed}");
            assert!(calm.heads == hostile.heads, "other changes: SATCHEL_SEED={seed}");
        }
    }
}

#[test]
fn frames_that_arrive_twice_on_a_live_connection_do_not_end_it() {
    let mut world = World::new(seeds::one());
    let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
    let chart = world.register(a, "Okonkwo-Twice");
    world.settle();
    let connections = |world: &World| {
        let connecting = |node| world.events(node).iter().filter(|event| **event == SyncEvent::Connecting).count();
        [a, b].map(connecting)
    };
    let before = connections(&world);
    world.weather = Weather { doubled: 100, ..Weather::CALM };
    for number in 0..10 {
        world.note(a, &chart, &format!("note {number} of a, twice"));
        world.note(b, &chart, &format!("note {number} of b, twice"));
        world.settle();
    }
    assert_eq!(connections(&world), before);
    world.assert_converged(&[a, b]);
}

/// Edits come so fast that several pushes and batches are on their way at once, overtake each other, and are cut off.
#[test]
fn frames_that_overtake_each_other_before_the_line_is_cut_leave_no_gap() {
    for seed in seeds::many(10) {
        let mut world = World::new(seed);
        let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
        let charts = [0, 1, 2].map(|number| world.register(a, &format!("Okonkwo-Gap-{number}")));
        world.settle();
        for round in 0..6 {
            world.weather = Weather { overtaking: 60, most_ms: 200, cut_noticed_within_ms: 500, ..Weather::HOSTILE };
            for number in 0..8 {
                world.note(a, &charts[number % 3], &format!("note {round}-{number} in bad weather"));
                let pause = world.dice().between(0, 40);
                world.run_for(pause);
            }
            world.cut(b);
            world.weather = Weather::CALM;
            world.run_for(3_000);
        }
        world.settle();
        assert_eq!(world.status(a).held, [], "nothing that only came too early is refused for good");
        world.assert_same_heads(&[a, b]);
    }
}
