//! A first sync that is interrupted goes on where it stopped.

use std::collections::{BTreeMap, BTreeSet};

use client_core::sync::SyncEvent;
use clinical_record::sample;
use sync_server::relay::RelaySettings;
use system_tests::world::usual_settings;
use system_tests::{Node, World, seeds};

/// Enough for several batches.
const CHARTS: u64 = 20;

/// A practice with charts on the relay, and a new device that has nothing yet.
fn practice_with_charts(world: &mut World) -> (Node, Node) {
    let [a] = world.practice("north", 1)[..] else { unreachable!() };
    for seed in 0..CHARTS {
        world.import(a, &sample::bundle(seed));
    }
    world.settle();
    let b = world.enroll("dr-north-0", "north");
    (a, b)
}

fn batches_received(world: &World, node: Node) -> usize {
    world.events(node).iter().filter(|event| matches!(event, SyncEvent::Received { .. })).count()
}

fn one_batch_at_a_time() -> RelaySettings {
    let mut settings = usual_settings();
    settings.limits.batch_window = 1;
    settings
}

#[test]
fn what_was_acknowledged_before_the_line_was_cut_is_not_sent_again() {
    let mut world = World::with_settings(seeds::one(), one_batch_at_a_time());
    let (a, b) = practice_with_charts(&mut world);
    world.go_online(b);
    world.run_until(|world| batches_received(world, b) == 2);
    // Once the next batch is on its way the ack of the one before has arrived.
    let acked: BTreeSet<_> = world.documents(b);
    world.run_until(|world| world.recording(b).documents().len() > acked.len());
    assert!(!world.device(b).is_up_to_date().unwrap(), "the first sync should be interrupted, not complete");
    let mark = world.recording(b).mark();
    world.cut(b);
    world.settle();
    let again: Vec<_> = world.recording(b).since(mark).documents();
    let repeated: Vec<_> = again.iter().filter(|document| acked.contains(document)).collect();
    assert!(repeated.is_empty(), "{} of {} documents were sent again", repeated.len(), acked.len());
    world.assert_same_heads(&[a, b]);
}

#[test]
fn each_document_is_sent_once_in_a_first_sync_that_nothing_disturbs() {
    let mut world = World::new(seeds::one());
    let (_, b) = practice_with_charts(&mut world);
    world.go_online(b);
    world.settle();
    let mut times: BTreeMap<_, usize> = BTreeMap::new();
    for document in world.recording(b).documents() {
        *times.entry(document).or_default() += 1;
    }
    assert_eq!(times.len(), world.documents(b).len());
    assert!(times.values().all(|times| *times == 1), "{times:?}");
}

#[test]
fn progress_counts_up_to_what_was_announced_and_ends_with_it() {
    let mut world = World::with_settings(seeds::one(), one_batch_at_a_time());
    let (_, b) = practice_with_charts(&mut world);
    world.go_online(b);
    world.run_until(|world| batches_received(world, b) == 2);
    let midway = world.status(b).catch_up.expect("it is catching up");
    assert!(midway.received > 0 && midway.received < midway.documents, "{midway:?}");
    world.settle();
    assert_eq!(world.status(b).catch_up, None);
    let told: Vec<_> = world
        .events(b)
        .iter()
        .filter_map(|event| match event {
            SyncEvent::Received { catch_up, .. } => Some(catch_up.expect("no batch came later")),
            _ => None,
        })
        .collect();
    assert!(told.iter().all(|so_far| so_far.documents == midway.documents));
    assert!(told.windows(2).all(|pair| pair[0].received < pair[1].received), "{told:?}");
    assert_eq!(told.last().map(|last| last.received), Some(world.documents(b).len() as u64));
}

#[test]
fn what_was_not_acknowledged_is_sent_again_after_a_power_cut_of_the_relay() {
    let mut world = World::with_settings(seeds::one(), one_batch_at_a_time());
    let (a, b) = practice_with_charts(&mut world);
    world.weather.holds_acks = true;
    world.go_online(b);
    world.run_until(|world| batches_received(world, b) == 1);
    world.relay_power_cut();
    world.relay_starts();
    world.weather.holds_acks = false;
    world.settle();
    world.assert_same_heads(&[a, b]);
}

#[test]
fn a_device_that_loses_power_at_every_batch_still_gets_everything() {
    for seed in seeds::many(3) {
        let mut world = World::with_settings(seed, one_batch_at_a_time());
        let (a, b) = practice_with_charts(&mut world);
        world.go_online(b);
        let mut seen = 0;
        while !world.is_at_rest() {
            world.step();
            let now_received = batches_received(&world, b);
            if now_received > seen {
                seen = now_received;
                world.power_cut_after_next_commit(b);
            }
        }
        world.assert_same_heads(&[a, b]);
    }
}
