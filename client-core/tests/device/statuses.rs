//! Status says what is true.

use client_core::sync::{Input, SyncEvent};
use client_core::{ConnectionState, OutboxState};
use sync_protocol::frame::{Answer, CustodyReason, RefusalReason};

use crate::relay::Relay;
use crate::world::{Node, START, allergy};

#[test]
fn up_to_date_holds_only_while_connected_and_all_is_sent() {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let status = node.device.status(START).unwrap();
    assert_eq!((status.connection, status.up_to_date, status.last_synced), (ConnectionState::Offline, false, None));
    node.give(Some(&mut relay), Input::Start, START);
    let status = node.device.status(START).unwrap();
    assert_eq!((status.connection, status.up_to_date), (ConnectionState::Live, true));
    assert_eq!(status.last_synced, Some(START));
    node.chart("Silva");
    assert!(!node.device.status(START).unwrap().up_to_date);
    node.give(Some(&mut relay), Input::Stop, START);
    let status = node.device.status(START).unwrap();
    assert_eq!((status.connection, status.up_to_date), (ConnectionState::Offline, false));
}

#[test]
fn what_is_in_custody_is_shown_with_its_reason_and_not_sent_again_by_itself() {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = node.chart("Silva");
    relay.conduct.answer = Some(Answer::Custody(CustodyReason::NotPermitted));
    node.sync(&mut relay);
    let status = node.device.status(START).unwrap();
    assert_eq!((status.unsent, status.held.len()), (0, 2));
    assert_eq!((status.held[0].state, &status.held[0].chart), (OutboxState::Custody, &Some(chart.clone())));
    assert!(status.held[0].reason.contains("privacy officer"));
    relay.conduct.answer = None;
    node.sync(&mut relay);
    assert_eq!(relay.changes(), 0);
    assert_eq!(node.device.send_held_again().unwrap(), 2);
    node.sync(&mut relay);
    assert_eq!((relay.changes(), node.device.status(START).unwrap().held.len()), (2, 0));
}

#[test]
fn work_that_builds_on_a_refused_change_is_refused_and_not_sent_in_circles() {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = node.chart("Silva");
    relay.conduct.answer = Some(Answer::Refused(RefusalReason::Malformed));
    node.sync(&mut relay);
    assert_eq!(node.device.status(START).unwrap().held.len(), 2);
    node.device.put_resource(&chart, &allergy(&chart, "a2", "Nuts"), START).unwrap();
    relay.conduct.answer = Some(Answer::Needs(vec![]));
    node.sync(&mut relay);
    let held = node.device.status(START).unwrap().held;
    assert_eq!(held.len(), 3);
    assert!(held[2].reason.contains("builds on"));
}

#[test]
fn a_difference_that_stays_is_reported_and_compared_only_once() {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    relay.conduct.checksum_off = 1;
    let events = node.give(Some(&mut relay), Input::Start, START);
    assert_eq!(relay.resumes, [false, true]);
    assert!(events.contains(&SyncEvent::Diverged));
    let status = node.device.status(START).unwrap();
    assert!(status.diverged && !status.up_to_date);
    assert_eq!(status.last_synced, None);
    relay.conduct.checksum_off = 0;
    node.give(Some(&mut relay), Input::Stop, START);
    node.sync(&mut relay);
    assert!(!node.device.status(START).unwrap().diverged);
}

#[test]
fn the_clock_skew_against_the_relay_is_told() {
    let mut relay = Relay::new();
    relay.now = START.plus(-5_000);
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    node.sync(&mut relay);
    assert_eq!(node.device.status(START).unwrap().clock_skew_ms, Some(5_000));
}
