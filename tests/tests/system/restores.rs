//! A backup that is put back on either side heals from the other, and nothing is lost.

use client_core::ChartRef;
use client_core::sync::SyncEvent;
use system_tests::charts::allergy;
use system_tests::{Node, World, seeds};

/// Two devices with a chart, and work before the moment of the backup.
fn practice() -> (World, Node, Node, ChartRef) {
    let mut world = World::new(seeds::one());
    let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
    let chart = world.register(a, "Okonkwo-Restore");
    world.note(a, &chart, "before the backup");
    world.settle();
    (world, a, b, chart)
}

/// Everything acknowledged is on the relay again, and a device that had nothing gets it.
fn assert_healed(world: &mut World, nodes: &[Node]) {
    world.settle();
    world.assert_converged(nodes);
    world.assert_nothing_acknowledged_is_lost();
    let fresh = world.enroll("dr-north-0", "north");
    world.go_online(fresh);
    world.settle();
    world.assert_converged(&[nodes[0], fresh]);
    assert!(!world.status(fresh).diverged);
}

#[test]
fn a_relay_restored_as_the_manual_says_gets_back_what_it_lacks() {
    let (mut world, a, b, chart) = practice();
    let backup = world.back_up_relay();
    for number in 0..5 {
        world.note(a, &chart, &format!("note {number} after the backup"));
        world.put(b, &chart, &allergy(&chart, &format!("a{number}"), "Penicillin-Restore"));
    }
    world.settle();
    world.restore_relay(&backup, true);
    assert_healed(&mut world, &[a, b]);
}

#[test]
fn a_new_epoch_is_compared_at_once_though_the_log_has_grown_past_the_old_places() {
    let (mut world, a, b, chart) = practice();
    let backup = world.back_up_relay();
    world.note(a, &chart, "lost with the restore");
    world.settle();
    world.go_offline(a);
    world.restore_relay(&backup, true);
    for number in 0..5 {
        world.put(b, &chart, &allergy(&chart, &format!("a{number}"), "Penicillin-Restore"));
    }
    world.settle();
    let told = world.events(a).len();
    world.go_online(a);
    assert_healed(&mut world, &[a, b]);
    let first = world.events(a)[told..].iter().find_map(|event| match event {
        SyncEvent::CatchingUp { comparing, .. } => Some(*comparing),
        _ => None,
    });
    assert_eq!(first, Some(true), "before any sum could tell");
}

#[test]
fn a_relay_restored_without_a_new_epoch_heals_too() {
    let (mut world, a, b, chart) = practice();
    let backup = world.back_up_relay();
    for number in 0..5 {
        world.note(a, &chart, &format!("note {number} after the backup"));
    }
    world.settle();
    world.restore_relay(&backup, false);
    assert_healed(&mut world, &[a, b]);
}

#[test]
fn a_relay_restored_without_a_new_epoch_heals_even_if_its_log_has_grown_past_the_old_places() {
    let (mut world, a, b, chart) = practice();
    let backup = world.back_up_relay();
    world.note(a, &chart, "lost with the restore");
    world.settle();
    world.go_offline(a);
    world.restore_relay(&backup, false);
    // b's new work takes the positions that a's lost work had.
    for number in 0..5 {
        world.put(b, &chart, &allergy(&chart, &format!("a{number}"), "Penicillin-Restore"));
    }
    world.settle();
    world.go_online(a);
    assert_healed(&mut world, &[a, b]);
}

#[test]
fn a_relay_restored_while_a_device_has_unsent_work_loses_none_of_it() {
    let (mut world, a, b, chart) = practice();
    let backup = world.back_up_relay();
    let note = world.note(a, &chart, "sent after the backup.").resource;
    world.settle();
    world.go_offline(a);
    world.edit_one(a, |device, now| device.append_to_note(&chart, &note, " Unsent at the restore.", now));
    world.restore_relay(&backup, true);
    world.go_online(a);
    assert_healed(&mut world, &[a, b]);
}

#[test]
fn a_device_restored_from_an_older_copy_gets_back_what_it_lacks() {
    let (mut world, a, b, chart) = practice();
    let backup = world.back_up(a);
    world.note(a, &chart, "made after the copy");
    world.note(b, &chart, "received after the copy");
    world.settle();
    world.restore(a, &backup);
    world.settle();
    world.assert_converged(&[a, b]);
    assert!(!world.status(a).diverged);
}

#[test]
fn edits_after_a_device_was_set_back_are_not_lost_though_their_numbers_were_used_before() {
    let (mut world, a, b, chart) = practice();
    world.put(a, &chart, &allergy(&chart, "a0", "Penicillin-Before"));
    world.settle();
    let backup = world.back_up(a);
    world.put(a, &chart, &allergy(&chart, "a1", "Penicillin-Lost"));
    world.settle();
    world.go_offline(a);
    world.restore(a, &backup);
    // The same sequence number as the change that the copy does not know.
    world.put(a, &chart, &allergy(&chart, "a2", "Penicillin-Later"));
    world.note(a, &chart, "a note after the restore");
    world.go_online(a);
    world.settle();
    for id in ["a0", "a1", "a2"] {
        for node in [a, b] {
            assert!(world.resource(node, &chart, &format!("AllergyIntolerance/{id}")).is_some(), "{id} on {node:?}");
        }
    }
    world.assert_converged(&[a, b]);
    assert_eq!(world.status(a).held, []);
    assert_nothing_waits(&mut world, a);
}

#[test]
fn a_device_restored_with_work_unsent_that_was_sent_since_counts_it_once() {
    let (mut world, a, b, chart) = practice();
    world.go_offline(a);
    world.put(a, &chart, &allergy(&chart, "a1", "Penicillin-Twice"));
    let backup = world.back_up(a);
    world.go_online(a);
    world.settle();
    world.restore(a, &backup);
    world.settle();
    world.assert_converged(&[a, b]);
    assert_nothing_waits(&mut world, a);
}

#[test]
fn both_sides_set_back_at_once_still_come_together() {
    let (mut world, a, b, chart) = practice();
    let (relay, device) = (world.back_up_relay(), world.back_up(a));
    world.note(a, &chart, "lost on both a and the relay, kept by b");
    world.settle();
    world.restore(a, &device);
    world.restore_relay(&relay, true);
    assert_healed(&mut world, &[a, b]);
}

fn assert_nothing_waits(world: &mut World, node: Node) {
    let status = world.status(node);
    assert_eq!((status.unsent, status.held.len(), status.kept_aside.len()), (0, 0, 0));
}
