//! A network that is paid for: a round, then rest; what cannot wait ends the rest.

use client_core::sync::{Input, METERED_GATHER_MS, METERED_REST_MS, SyncEvent};
use client_core::{ConnectionState, UnixMillis};

use crate::relay::Relay;
use crate::world::{Node, START, allergy};

/// A device that has had its first round on a metered network and rests.
fn resting(relay: &mut Relay) -> Node {
    let mut node = Node::new(relay, 1, "north", "dr-a");
    node.give(Some(relay), Input::NetworkMetered, START);
    let events = node.give(Some(relay), Input::Start, START);
    assert!(events.contains(&SyncEvent::CaughtUp), "{events:?}");
    assert_eq!(events.last(), Some(&SyncEvent::Resting { until: START.plus(METERED_REST_MS) }));
    node
}

fn connects(events: &[SyncEvent]) -> bool {
    events.contains(&SyncEvent::Connecting)
}

fn ticks(node: &mut Node, relay: &mut Relay, now: UnixMillis) -> bool {
    connects(&node.give(Some(relay), Input::Tick, now))
}

#[test]
fn a_resting_device_is_not_connected_says_so_and_comes_back_when_the_rest_is_over() {
    let mut relay = Relay::new();
    let mut node = resting(&mut relay);
    let status = node.device.status(START).unwrap();
    assert_eq!((status.connection, status.up_to_date), (ConnectionState::Offline, false));
    assert!(!ticks(&mut node, &mut relay, START.plus(METERED_REST_MS - 1)));
    assert!(ticks(&mut node, &mut relay, START.plus(METERED_REST_MS)));
}

#[test]
fn work_ends_the_rest_after_a_moment_in_which_more_may_join_it() {
    let mut relay = Relay::new();
    let mut node = resting(&mut relay);
    let chart = node.chart("Silva");
    assert!(!connects(&node.give(Some(&mut relay), Input::LocalEdit, START)));
    node.device.put_resource(&chart, &allergy(&chart, "a2", "Nuts"), START).unwrap();
    assert!(!connects(&node.give(Some(&mut relay), Input::LocalEdit, START.plus(5_000))));
    assert!(!ticks(&mut node, &mut relay, START.plus(METERED_GATHER_MS - 1)));
    assert!(ticks(&mut node, &mut relay, START.plus(METERED_GATHER_MS)), "later work does not put it off");
    let status = node.device.status(START).unwrap();
    assert_eq!((status.unsent, status.connection), (0, ConnectionState::Offline), "sent, and at rest again");
}

#[test]
fn reading_alone_does_not_end_the_rest() {
    let mut relay = Relay::new();
    let mut node = resting(&mut relay);
    node.device.search("silva", START).unwrap();
    node.give(Some(&mut relay), Input::LocalEdit, START);
    assert!(!ticks(&mut node, &mut relay, START.plus(METERED_GATHER_MS)));
    assert!(ticks(&mut node, &mut relay, START.plus(METERED_REST_MS)));
    assert_eq!(node.device.status(START).unwrap().trail.unsent, 0);
}

#[test]
fn an_emergency_does_not_wait() {
    let mut relay = Relay::new();
    let mut node = resting(&mut relay);
    let chart = node.chart("Silva");
    node.device.request_break_glass(&chart, "ETREAT", "unconscious", START).unwrap();
    assert!(connects(&node.give(Some(&mut relay), Input::LocalEdit, START)));
}

#[test]
fn a_network_that_costs_nothing_ends_the_rest_and_stays_connected() {
    let mut relay = Relay::new();
    let mut node = resting(&mut relay);
    let events = node.give(Some(&mut relay), Input::NetworkReturned, START);
    assert_eq!(events.last(), Some(&SyncEvent::CaughtUp));
    assert_eq!(node.device.status(START).unwrap().connection, ConnectionState::Live);
    let events = node.give(Some(&mut relay), Input::NetworkMetered, START);
    assert!(matches!(events.as_slice(), [SyncEvent::Resting { .. }]), "{events:?}");
}

#[test]
fn a_clock_set_back_does_not_prolong_the_rest() {
    let mut relay = Relay::new();
    let mut node = resting(&mut relay);
    assert!(ticks(&mut node, &mut relay, START.plus(-1_000)));
}
