//! When the engine connects, waits, and gives up: in virtual time.

use client_core::sync::{Input, MAX_DELAY_MS, SUPERSEDED_DELAY_MS, SyncEvent};
use client_core::{ConnectionState, UnixMillis};
use sync_protocol::frame::GoodbyeReason;

use crate::relay::Relay;
use crate::world::{Node, START};

fn node(relay: &mut Relay) -> Node {
    Node::new(relay, 1, "north", "dr-a")
}

#[test]
fn an_unreachable_relay_is_tried_again_within_the_stated_bounds() {
    let mut node = node(&mut Relay::new());
    let mut now = START;
    node.give(None, Input::Start, now);
    let mut bound = 500;
    for _ in 0..12 {
        let at = node.wake.take().unwrap();
        let wait = at.0 - now.0;
        assert!((0..=bound).contains(&wait), "{wait} of at most {bound}");
        now = at;
        let events = node.give(None, Input::Tick, now);
        assert!(matches!(events.as_slice(), [SyncEvent::Connecting, SyncEvent::Retrying { .. }]));
        bound = (bound * 2).min(MAX_DELAY_MS);
    }
}

#[test]
fn a_returning_network_is_used_at_once() {
    let mut relay = Relay::new();
    let mut node = node(&mut relay);
    node.give(None, Input::Start, START);
    node.give(None, Input::NetworkLost, START);
    assert!(node.give(None, Input::Tick, START.plus(1_000_000)).is_empty());
    node.give(Some(&mut relay), Input::NetworkReturned, START);
    assert!(node.device.is_up_to_date().unwrap());
}

#[test]
fn a_refused_device_is_not_tried_again_by_itself() {
    let mut relay = Relay::new();
    let mut node = node(&mut relay);
    relay.conduct.goodbye = Some(GoodbyeReason::Revoked);
    let events = node.give(Some(&mut relay), Input::Start, START);
    assert!(matches!(events.last(), Some(SyncEvent::Stopped { cause: Some(_) })));
    assert_eq!(node.device.status(START).unwrap().connection, ConnectionState::Refused);
    assert!(node.give(Some(&mut relay), Input::Tick, START.plus(1_000_000)).is_empty());
    relay.conduct.goodbye = None;
    node.give(Some(&mut relay), Input::Start, START);
    assert!(node.device.is_up_to_date().unwrap());
}

#[test]
fn a_superseded_connection_gives_way_for_a_while() {
    let mut relay = Relay::new();
    let mut node = node(&mut relay);
    relay.conduct.goodbye = Some(GoodbyeReason::Superseded);
    node.give(Some(&mut relay), Input::Start, START);
    assert!(node.wake.unwrap() >= START.plus(SUPERSEDED_DELAY_MS));
}

#[test]
fn a_relay_that_does_not_answer_the_greeting_is_given_up() {
    let mut node = node(&mut Relay::new());
    let mut engine = client_core::SyncEngine::new();
    let device = &mut node.device;
    engine.handle(device, Input::Start, START);
    engine.handle(device, Input::Connected, START);
    let effects = engine.handle(device, Input::Tick, START.plus(30_000));
    assert!(effects.contains(&client_core::sync::Effect::Disconnect));
}

#[test]
fn a_clock_set_back_by_days_does_not_stall_the_next_try() {
    let mut node = node(&mut Relay::new());
    node.give(None, Input::Start, START);
    let events = node.give(None, Input::Tick, UnixMillis(START.0 - 900_000));
    assert!(events.contains(&SyncEvent::Connecting));
}

#[test]
fn another_relay_at_the_same_address_is_not_trusted() {
    let mut relay = Relay::new();
    let mut node = node(&mut relay);
    node.chart("Silva");
    relay.id = sync_protocol::RelayId([2; 16]);
    let events = node.give(Some(&mut relay), Input::Start, START);
    assert!(matches!(events.last(), Some(SyncEvent::Stopped { cause: Some(_) })));
    assert_eq!(relay.changes(), 0);
}
