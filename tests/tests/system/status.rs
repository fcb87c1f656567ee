//! "Up to date", "unsent" and "last synced" are shown only when they are true.

use client_core::ConnectionState;
use client_core::sync::SyncEvent;
use sync_protocol::UnixMillis;
use system_tests::charts::allergy;
use system_tests::{Node, World, seeds};

/// Steps of a random run that are looked at one by one.
const STEPS: usize = 600;

/// A random thing that befalls a device or the relay.
fn befall(world: &mut World, nodes: &[Node], charts: &[client_core::ChartRef], number: usize) {
    let node = *world.dice().clone().pick(nodes);
    let chart = world.dice().pick(charts).clone();
    match world.dice().below(12) {
        0..5 => {
            let resource = allergy(&chart, &format!("a{number}"), "Penicillin-Status");
            // The chart may not have arrived yet.
            if world.documents(node).len() >= 2 * charts.len() {
                world.put(node, &chart, &resource);
            }
        }
        5 => world.cut(node),
        6 => world.go_offline(node),
        7 => world.go_online(node),
        8 => world.power_cut(node),
        9 => world.power_cut_after_next_commit(node),
        10 => {
            world.relay_power_cut_after_commit();
            world.relay_starts();
        }
        _ => {
            world.relay_power_cut();
            world.relay_starts();
        }
    }
}

#[test]
fn at_every_step_of_a_random_run_the_status_is_true() {
    for seed in seeds::many(4) {
        let mut world = World::new(seed);
        let nodes = world.practice("north", 3);
        world.watch_promises();
        let charts: Vec<_> = (0..3).map(|n| world.register(nodes[0], &format!("Okonkwo-Status-{n}"))).collect();
        for chart in &charts {
            world.put(nodes[0], chart, &allergy(chart, "first", "Penicillin-Status"));
        }
        let mut last_synced: Vec<Option<UnixMillis>> =
            nodes.iter().map(|node| world.status(*node).last_synced).collect();
        for number in 0..STEPS {
            if world.dice().chance(12) {
                befall(&mut world, &nodes, &charts, number);
            }
            let before: Vec<_> = nodes.iter().map(|node| (world.events(*node).len(), world.lives(*node))).collect();
            world.step();
            for (at, node) in nodes.iter().enumerate() {
                world.assert_honest(*node);
                let synced = world.status(*node).last_synced;
                if synced != last_synced[at] {
                    assert!(synced.is_some(), "what was synced stays synced");
                    assert!(said_agreed(&world, *node, before[at]), "last synced without an agreement");
                    last_synced[at] = synced;
                }
            }
        }
        world.all_online();
        world.settle();
        world.assert_same_heads(&nodes);
    }
}

/// Whether the engine told meanwhile that device and relay agree. One that lost power after the commit told nobody.
fn said_agreed(world: &World, node: Node, (told, lives): (usize, u32)) -> bool {
    world.events(node)[told..].contains(&SyncEvent::CaughtUp) || world.lives(node) > lives
}

#[test]
fn a_device_without_a_connection_does_not_say_that_it_is_up_to_date() {
    let mut world = World::new(seeds::one());
    let [a] = world.practice("north", 1)[..] else { unreachable!() };
    world.settle();
    assert!(world.status(a).up_to_date);
    world.go_offline(a);
    let status = world.status(a);
    assert_eq!((status.up_to_date, status.connection), (false, ConnectionState::Offline));
}

#[test]
fn unsent_changes_are_counted_by_patient_until_the_relay_has_them() {
    let mut world = World::new(seeds::one());
    let [a] = world.practice("north", 1)[..] else { unreachable!() };
    world.settle();
    world.go_offline(a);
    let [one, two] = ["Counted-One", "Counted-Two"].map(|family| world.register(a, family));
    world.note(a, &one, "one note");
    world.note(a, &two, "first note");
    world.note(a, &two, "second note");
    let mut counted = world.status(a).unsent_per_chart;
    counted.sort();
    let mut expected = vec![(Some(one), 2), (Some(two), 3)];
    expected.sort();
    assert_eq!(counted, expected);
    world.go_online(a);
    world.settle();
    assert_eq!(world.status(a).unsent_per_chart, []);
}

#[test]
fn a_push_that_is_not_answered_stays_unsent() {
    let mut world = World::new(seeds::one());
    let [a] = world.practice("north", 1)[..] else { unreachable!() };
    let chart = world.register(a, "Unanswered-One");
    world.settle();
    world.note(a, &chart, "on its way when the line is cut");
    world.cut(a);
    assert_eq!(world.status(a).unsent, 1);
    assert!(!world.status(a).up_to_date);
    world.settle();
    assert_eq!(world.status(a).unsent, 0);
}
