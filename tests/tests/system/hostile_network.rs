//! Frames that arrive twice or out of order change nothing in the end.

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
fn a_hostile_network_is_noticed_and_survived() {
    let mut world = World::new(seeds::one());
    let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
    let chart = world.register(a, "Okonkwo-Noticed");
    world.settle();
    world.weather = Weather { doubled: 50, overtaking: 50, ..Weather::CALM };
    for number in 0..20 {
        world.note(a, &chart, &format!("note {number} in bad weather"));
        world.run_for(5_000);
    }
    world.weather = Weather::CALM;
    world.settle();
    world.assert_converged(&[a, b]);
}
