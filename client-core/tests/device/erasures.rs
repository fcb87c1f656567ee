//! A device that is to be erased hands over what it owes, then holds nothing, and says so.

use client_core::sync::{Input, SyncEvent, SyncFailure};
use client_core::{ChartRef, DeviceError, ERASE_AFTER_MS, PatientFilter};

use crate::relay::Relay;
use crate::world::{Node, START, allergy};

const CANARIES: [&str; 5] = ["Zyxwvuts", "Notecanary", "Penicillin", "Unsent-Canary", "Kept-Canary"];

/// A device with a chart, unsent work, work that was kept aside, and a damaged file; the relay is to erase it.
fn ordered() -> (Relay, Node, ChartRef) {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let (chart, gone) = (node.chart("Zyxwvuts"), node.chart("Other"));
    node.device.add_note(&chart, "Notecanary", None, START).unwrap();
    node.sync(&mut relay);
    node.device.put_resource(&gone, &allergy(&gone, "k", "Kept-Canary"), START).unwrap();
    let of_gone = |held: &crate::relay::Held| held.descriptor.as_ref().unwrap().patient.as_ref() == Some(&gone.patient);
    relay.conduct.withdraw = relay.documents.iter().filter(|(_, held)| of_gone(held)).map(|(id, _)| *id).collect();
    relay.conduct.answer = Some(sync_protocol::frame::Answer::Needs(vec![]));
    node.connect(&mut relay, START);
    relay.conduct.answer = None;
    node.device.put_resource(&chart, &allergy(&chart, "u", "Unsent-Canary"), START).unwrap();
    std::fs::write(node.folder.path().join("device.db.damaged-5"), b"Zyxwvuts of old").unwrap();
    assert_eq!(node.device.status(START).unwrap().kept_aside.len(), 1);
    relay.accounts.wipe.insert(node.key());
    relay.accounts.order.clear();
    (relay, node, chart)
}

fn assert_bare(node: &Node) {
    for canary in CANARIES {
        assert!(!node.files_hold(canary), "{canary} is still there");
    }
}

fn is_wiped(failure: Option<&SyncEvent>) -> bool {
    matches!(failure, Some(SyncEvent::Stopped { cause: Some(SyncFailure::Device(DeviceError::Wiped)) }))
}

#[test]
fn an_erased_device_hands_over_its_work_and_trail_and_holds_nothing() {
    let (mut relay, mut node, _) = ordered();
    for canary in CANARIES {
        assert!(node.files_hold(canary), "{canary} is there to begin with");
    }
    let events = node.give(Some(&mut relay), Input::Start, START);
    assert!(events.contains(&SyncEvent::Erased) && is_wiped(events.last()), "{events:?}");
    assert_bare(&node);
    assert_eq!(relay.accounts.custody.len(), 2, "the unsent change and the kept one");
    assert_eq!(relay.accounts.order.first(), Some(&"trail"));
    assert_eq!(relay.accounts.order.last(), Some(&"receipt"));
    assert!(relay.accounts.trails[&node.key()].actions().contains(&"wipe"));
    let receipt = relay.accounts.receipts.last().unwrap();
    assert!(receipt.wiped && receipt.documents.is_empty());
}

#[test]
fn an_erased_profile_says_so_and_can_be_enrolled_anew() {
    let (mut relay, mut node, chart) = ordered();
    node.give(Some(&mut relay), Input::Start, START);
    let mut node = node.reopen(8, START);
    assert!(node.device.is_erased().unwrap());
    assert_eq!(node.device.status(START), Err(DeviceError::Wiped));
    assert_eq!(node.device.chart(&chart, START), Err(DeviceError::Wiped));
    assert_eq!(node.device.patients(&PatientFilter::default(), 9, 0, START), Err(DeviceError::Wiped));
    assert_eq!(node.device.identity(), Err(DeviceError::Wiped));
    let secret = node.device.begin_enrolment("ws://localhost").unwrap();
    assert_ne!(secret.public(), node.key(), "the old key is gone");
    let enrolled = relay.enroll(secret.public(), "north", "dr-a");
    node.device.finish_enrolment("ws://localhost", &enrolled, START).unwrap();
    assert!(!node.device.is_erased().unwrap());
    relay.conduct.withdraw.clear();
    node.sync(&mut relay);
    assert!(node.device.chart(&chart, START).is_ok());
}

#[test]
fn from_the_order_on_charts_are_closed_even_before_anything_is_erased() {
    let (mut relay, mut node, chart) = ordered();
    relay.accounts.is_silent = true;
    node.give(Some(&mut relay), Input::Start, START);
    assert_eq!(node.device.chart(&chart, START), Err(DeviceError::Wiped));
    assert!(node.device.put_resource(&chart, &allergy(&chart, "n", "x"), START).is_err());
    let mut node = node.reopen(5, START);
    assert_eq!(node.device.chart(&chart, START), Err(DeviceError::Wiped));
}

#[test]
fn a_connection_lost_half_way_goes_on_at_the_next() {
    let (mut relay, mut node, _) = ordered();
    relay.accounts.is_silent = true;
    node.connect(&mut relay, START);
    assert!(node.files_hold("Zyxwvuts"), "the trail is not with the relay yet");
    let mut node = node.reopen(5, START);
    relay.accounts.is_silent = false;
    let events = node.give(Some(&mut relay), Input::Start, START);
    assert!(is_wiped(events.last()), "{events:?}");
    assert_bare(&node);
    assert_eq!(relay.accounts.custody.len(), 2);
}

#[test]
fn a_receipt_that_was_not_acknowledged_is_sent_again_and_nothing_is_taken_meanwhile() {
    let (mut relay, mut node, chart) = ordered();
    relay.accounts.loses_receipts = true;
    node.connect(&mut relay, START);
    assert!(!relay.accounts.receipts.iter().any(|receipt| receipt.wiped));
    assert_bare(&node);
    let mut node = node.reopen(6, START);
    assert_eq!(node.device.chart(&chart, START), Err(DeviceError::Wiped));
    // Even a relay that does not know of the order any more only gets the receipt.
    relay.accounts.loses_receipts = false;
    relay.accounts.wipe.clear();
    let events = node.give(Some(&mut relay), Input::Start, START);
    assert!(is_wiped(events.last()), "{events:?}");
    assert!(relay.accounts.receipts.last().unwrap().wiped);
    assert_bare(&node);
}

#[test]
fn without_answers_it_is_erased_all_the_same_after_a_while() {
    let (mut relay, mut node, _) = ordered();
    relay.accounts.is_silent = true;
    node.connect(&mut relay, START);
    let before = node.device.trail(0, 999).unwrap();
    let late = START.plus(ERASE_AFTER_MS);
    node.give(None, Input::Start, late);
    assert_bare(&node);
    let unsent = node.device.trail(0, 999).unwrap();
    assert!(unsent.iter().any(|record| record.entry.action == "wipe" && !record.sent), "{before:?}");
    // The relay is reached again: it gets the trail and the receipt.
    node.give(None, Input::Stop, late);
    relay.accounts.is_silent = false;
    relay.now = late;
    let events = node.give(Some(&mut relay), Input::Start, late);
    assert!(is_wiped(events.last()), "{events:?}");
    assert!(relay.accounts.trails[&node.key()].actions().contains(&"wipe"));
    assert!(relay.accounts.receipts.last().unwrap().wiped);
}

#[test]
fn at_opening_past_the_deadline_it_is_erased_before_anything_else() {
    let (mut relay, mut node, _) = ordered();
    relay.accounts.is_silent = true;
    node.connect(&mut relay, START);
    let node = node.reopen(4, START.plus(ERASE_AFTER_MS));
    assert_bare(&node);
}

#[test]
fn an_order_that_was_taken_back_in_time_changes_nothing() {
    let (mut relay, mut node, chart) = ordered();
    relay.accounts.is_silent = true;
    node.connect(&mut relay, START);
    relay.accounts.wipe.clear();
    relay.accounts.is_silent = false;
    node.give(Some(&mut relay), Input::Start, START);
    assert!(node.device.chart(&chart, START).is_ok());
}

#[test]
fn work_that_the_relay_refuses_is_told_of_before_it_is_gone() {
    let (mut relay, mut node, _) = ordered();
    relay.accounts.wipe.clear();
    relay.conduct.answer = Some(sync_protocol::frame::Answer::Refused(sync_protocol::frame::RefusalReason::NotSigned));
    node.connect(&mut relay, START);
    let lost = node.device.status(START).unwrap().held.len() + 1;
    relay.accounts.refuses_custody = true;
    relay.accounts.wipe.insert(node.key());
    let events = node.give(Some(&mut relay), Input::Start, START);
    assert!(is_wiped(events.last()), "{events:?}");
    let trail = &relay.accounts.trails[&node.key()].entries;
    let reason = format!("{lost} changes that had not reached the relay were erased");
    assert!(trail.iter().any(|entry| entry.action == "wipe" && entry.reason == reason), "{:?}", trail.last());
}
