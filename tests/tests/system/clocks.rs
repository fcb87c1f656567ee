//! Clocks that are days wrong change what is shown as time, and nothing else.

use serde_json::{Value, json};
use system_tests::charts::medication;
use system_tests::world::DAY_MS;
use system_tests::{World, seeds};

/// One story, told with the devices' clocks off by so much; what both devices then show, without times.
fn told_with_clocks(offsets_ms: [i64; 2]) -> (Value, Vec<Value>) {
    let mut world = World::new(seeds::one());
    let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
    world.set_clock(a, offsets_ms[0]);
    world.set_clock(b, offsets_ms[1]);
    let chart = world.register(a, "Okonkwo-Clock");
    world.put(a, &chart, &medication(&chart, "m1", "Warfarin", "2.5 mg"));
    world.settle();
    // One after the other: the later edit stands, whatever the clocks say.
    world.set(a, &chart, "MedicationRequest/m1", "status", json!("on-hold"));
    world.settle();
    world.set(b, &chart, "MedicationRequest/m1", "status", json!("stopped"));
    world.settle();
    // At the same time: a conflict, whoever's clock is ahead.
    world.all_offline();
    let dose = "dosageInstruction[0].text";
    world.set(a, &chart, "MedicationRequest/m1", dose, json!("5 mg"));
    world.set(b, &chart, "MedicationRequest/m1", dose, json!("10 mg"));
    world.all_online();
    world.settle();
    for node in [a, b] {
        assert_eq!(world.status(node).held, []);
    }
    let shown = [a, b].map(|node| world.resource(node, &chart, "MedicationRequest/m1").unwrap());
    assert_eq!(shown[0], shown[1]);
    let now = world.clock(a);
    let conflicts = world.device(a).conflicts(&chart, now).unwrap();
    (shown[0].clone(), conflicts[0].sides.iter().map(|side| side.value.clone()).collect())
}

#[test]
fn order_and_content_are_the_same_whatever_the_clocks_say() {
    let right = told_with_clocks([0, 0]);
    assert_eq!(right.0["status"], "stopped");
    for offsets in [[9 * DAY_MS, -9 * DAY_MS], [-400 * DAY_MS, 0], [0, -400 * DAY_MS]] {
        assert_eq!(told_with_clocks(offsets), right, "clocks off by {offsets:?}");
    }
}

#[test]
fn a_device_is_told_how_wrong_its_clock_is() {
    let mut world = World::new(seeds::one());
    let [a] = world.practice("north", 1)[..] else { unreachable!() };
    world.settle();
    world.go_offline(a);
    world.set_clock(a, 2 * DAY_MS);
    world.go_online(a);
    world.settle();
    let skew = world.status(a).clock_skew_ms.unwrap();
    assert!((skew - 2 * DAY_MS).abs() < 60_000, "{skew}");
}

#[test]
fn a_clock_set_back_while_waiting_does_not_stop_the_sync() {
    let mut world = World::new(seeds::one());
    let [a] = world.practice("north", 1)[..] else { unreachable!() };
    world.settle();
    world.set_reachable(a, false);
    world.run_for(5 * 60_000);
    world.set_clock(a, -30 * DAY_MS);
    world.set_reachable(a, true);
    world.settle();
}
