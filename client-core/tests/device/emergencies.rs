//! Emergency access: asked for with a reason, marked while it lasts, over by itself.

use client_core::sync::{Input, SyncEvent};
use client_core::{ChartRef, DeviceError, EmergencyState, KeptState, REQUEST_MS, ResourceKey, UnixMillis};
use sync_protocol::frame::{Answer, BreakGlassOutcome, CustodyReason, Opening};
use sync_protocol::{EpochId, OpeningId};

use crate::relay::Relay;
use crate::world::{Node, START, allergy};

const HOUR_MS: i64 = 3_600_000;

/// A device that was given a chart for four hours, by emergency access alone.
fn opened() -> (Relay, Node, ChartRef) {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = a.chart("Zyxwvuts");
    a.sync(&mut relay);
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    let until = START.plus(4 * HOUR_MS);
    relay.accounts.emergency =
        Some(BreakGlassOutcome::Opened(Opening { id: OpeningId([3; 16]), until, for_ms: 4 * HOUR_MS as u64 }));
    relay.accounts.emergency_until = relay.documents.keys().map(|id| (*id, until)).collect();
    b.device.request_break_glass(&chart, "ETREAT", "unconscious on arrival", START).unwrap();
    b.sync(&mut relay);
    (relay, b, chart)
}

#[test]
fn a_request_goes_out_with_purpose_and_reason_and_its_answer_is_told() {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = node.chart("Silva");
    let request = node.device.request_break_glass(&chart, "ETREAT", "unconscious", START).unwrap();
    assert_eq!(node.device.emergency_accesses(START).unwrap()[0].state, EmergencyState::Waiting);
    let events = node.sync(&mut relay);
    let refusal = "no policy allows it".to_owned();
    assert!(events.contains(&SyncEvent::EmergencyAnswered { request, refusal: Some(refusal.clone()) }));
    let asked = &relay.accounts.asked[0];
    assert_eq!((asked.purpose.as_str(), asked.reason.as_str()), ("ETREAT", "unconscious"));
    let told = node.device.emergency_accesses(START).unwrap();
    assert_eq!(told[0].state, EmergencyState::Refused(refusal));
    node.sync(&mut relay);
    assert_eq!(relay.accounts.asked.len(), 1, "asked once");
    let trail = &relay.accounts.trails[&node.key()].entries;
    let entry = trail.iter().find(|entry| entry.action == "break-glass").unwrap();
    assert_eq!((entry.purpose.as_str(), entry.reason.as_str(), entry.break_glass), ("ETREAT", "unconscious", true));
    assert!(!format!("{told:?}").contains("unconscious"), "a person wrote it");
}

#[test]
fn a_request_needs_a_purpose_and_a_reason() {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    let chart = node.chart("Silva");
    let pasted = "x".repeat(2_001);
    for (purpose, reason) in [("", "unconscious"), ("ETREAT", " "), ("ETREAT", &pasted), (&pasted, "unconscious")] {
        let refused = node.device.request_break_glass(&chart, purpose, reason, START);
        assert!(matches!(refused, Err(DeviceError::Invalid(_))));
    }
}

#[test]
fn a_request_that_found_no_relay_in_time_is_not_sent_any_more() {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = node.chart("Silva");
    node.device.request_break_glass(&chart, "ETREAT", "unconscious", START).unwrap();
    let late = START.plus(REQUEST_MS);
    node.connect(&mut relay, late);
    assert_eq!(node.device.emergency_accesses(late).unwrap()[0].state, EmergencyState::Lapsed);
    assert!(relay.accounts.asked.is_empty());
}

#[test]
fn all_that_is_read_meanwhile_is_marked() {
    let (_, mut b, chart) = opened();
    assert!(matches!(b.device.emergency_accesses(START).unwrap()[0].state, EmergencyState::Open { .. }));
    b.device.chart(&chart, START).unwrap();
    b.device.search("zyx", START).unwrap();
    b.device.put_resource(&chart, &allergy(&chart, "mine", "Nuts"), START).unwrap();
    let trail = b.device.trail(0, 99).unwrap();
    let marked: Vec<&str> =
        trail.iter().filter(|r| r.entry.break_glass).map(|record| record.entry.action.as_str()).collect();
    assert_eq!(marked, ["break-glass", "read", "search", "edit"]);
}

#[test]
fn it_ends_by_itself_offline_with_nothing_left_and_a_receipt() {
    let (mut relay, mut b, chart) = opened();
    let late = START.plus(4 * HOUR_MS);
    b.device.chart(&chart, START.plus(4 * HOUR_MS - 1)).unwrap();
    assert!(b.files_hold("Zyxwvuts"));
    assert!(matches!(b.device.chart(&chart, late), Err(DeviceError::UnknownPatient { .. })));
    assert!(!b.files_hold("Zyxwvuts"));
    assert_eq!(b.device.emergency_accesses(late).unwrap()[0].state, EmergencyState::Over);
    let documents = std::mem::take(&mut relay.accounts.emergency_until);
    relay.conduct.withdraw = documents.keys().copied().collect();
    b.connect(&mut relay, late);
    assert_eq!(relay.accounts.receipts[0].documents, documents.keys().copied().collect::<Vec<_>>());
    let purge = relay.accounts.trails[&b.key()].entries.iter().find(|entry| entry.action == "purge").unwrap();
    assert!(purge.break_glass && purge.reason.contains("emergency"));
}

#[test]
fn ended_early_by_the_relay_it_is_said_to_be_over() {
    let (mut relay, mut b, chart) = opened();
    let documents = std::mem::take(&mut relay.accounts.emergency_until);
    relay.conduct.withdraw = documents.keys().copied().collect();
    b.connect(&mut relay, START);
    assert!(matches!(b.device.chart(&chart, START), Err(DeviceError::UnknownPatient { .. })));
    assert_eq!(b.device.emergency_accesses(START).unwrap()[0].state, EmergencyState::Over);
}

#[test]
fn while_part_of_the_chart_is_still_open_it_is_not_over() {
    let (mut relay, mut b, _) = opened();
    let first = *relay.accounts.emergency_until.keys().next().unwrap();
    assert!(relay.accounts.emergency_until.len() > 1);
    relay.conduct.withdraw = vec![first];
    b.connect(&mut relay, START);
    assert!(matches!(b.device.emergency_accesses(START).unwrap()[0].state, EmergencyState::Open { .. }));
}

#[test]
fn it_ends_while_connected_when_the_engine_is_woken() {
    let (mut relay, mut b, chart) = opened();
    b.give(Some(&mut relay), Input::Start, START);
    let at = b.wake.unwrap();
    assert_eq!(at, START.plus(4 * HOUR_MS), "before the lease is renewed");
    let events = b.give(Some(&mut relay), Input::Tick, at);
    assert!(events.iter().any(|event| matches!(event, SyncEvent::EmergencyOver { documents } if documents.len() == 2)));
    assert!(matches!(b.device.chart(&chart, at), Err(DeviceError::UnknownPatient { .. })));
}

#[test]
fn it_ends_at_the_next_opening_of_the_profile() {
    let (_, b, chart) = opened();
    let mut b = b.reopen(5, START.plus(5 * HOUR_MS));
    assert!(b.device.documents().unwrap().is_empty());
    assert!(matches!(b.device.chart(&chart, START), Err(DeviceError::UnknownPatient { .. })));
}

#[test]
fn a_clock_set_back_does_not_lengthen_it() {
    let (_, mut b, chart) = opened();
    let three = START.plus(3 * HOUR_MS);
    b.device.chart(&chart, three).unwrap();
    // Back by two days; from here an hour is left.
    let back = UnixMillis(three.0 - 48 * HOUR_MS);
    b.device.chart(&chart, back).unwrap();
    b.device.chart(&chart, back.plus(HOUR_MS - 1)).unwrap();
    assert!(matches!(b.device.chart(&chart, back.plus(HOUR_MS)), Err(DeviceError::UnknownPatient { .. })));
}

#[test]
fn a_clock_set_back_does_not_lengthen_it_for_processes_that_live_seconds_either() {
    const MINUTES_MS: i64 = 60_000;
    let (_, mut b, chart) = opened();
    let back = UnixMillis(START.0 - 48 * HOUR_MS);
    for minute in (0..5 * 60).step_by(10) {
        let at = back.plus(minute * MINUTES_MS);
        b = b.reopen(7, at);
        let open = b.device.chart(&chart, at.plus(30_000)).is_ok();
        assert_eq!(open, minute < 4 * 60, "after {minute} minutes");
    }
}

#[test]
fn a_clock_that_was_wrong_is_set_right_by_the_relays() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    // The device is two days behind.
    relay.now = START.plus(48 * HOUR_MS);
    let until = relay.now.plus(4 * HOUR_MS);
    relay.accounts.emergency_until = relay.documents.keys().map(|id| (*id, until)).collect();
    b.sync(&mut relay);
    assert!(b.device.chart(&chart, START.plus(4 * HOUR_MS - 1)).is_ok());
    assert!(b.device.chart(&chart, START.plus(4 * HOUR_MS)).is_err());
}

#[test]
fn a_chart_that_may_be_had_otherwise_loses_the_mark_and_stays() {
    let (mut relay, mut b, chart) = opened();
    relay.accounts.emergency_until.clear();
    relay.epoch = EpochId([9; 16]);
    let mut other = Node::new(&mut relay, 3, "north", "dr-c");
    other.sync(&mut relay);
    other.device.put_resource(&chart, &allergy(&chart, "more", "Latex"), START).unwrap();
    let patient = other.device.resource(&chart, &ResourceKey::new("Patient", chart.patient.as_str()), START).unwrap();
    let mut renamed = patient.clone();
    renamed["active"] = false.into();
    other.device.put_resource(&chart, &renamed, START).unwrap();
    other.sync(&mut relay);
    b.sync(&mut relay);
    assert!(b.device.chart(&chart, START.plus(9 * HOUR_MS)).is_ok());
    assert!(!b.device.trail(0, 99).unwrap().last().unwrap().entry.break_glass);
}

#[test]
fn work_of_the_emergency_that_was_not_sent_is_kept_and_goes_to_the_relay_first() {
    let (mut relay, mut b, chart) = opened();
    b.device.put_resource(&chart, &allergy(&chart, "mine", "Nuts"), START).unwrap();
    let late = START.plus(4 * HOUR_MS);
    assert!(b.device.chart(&chart, late).is_err());
    assert_eq!(b.device.status(late).unwrap().kept_aside[0].state, KeptState::Queued);
    relay.conduct.withdraw = relay.documents.keys().copied().collect();
    relay.conduct.answer = Some(Answer::Custody(CustodyReason::NotPermitted));
    let events = b.connect(&mut relay, late);
    assert!(events.contains(&SyncEvent::Sent { accepted: 0, custody: 1, refused: 0 }), "{events:?}");
    let kept = b.device.status(late).unwrap().kept_aside;
    assert_eq!((kept.len(), kept[0].state), (1, KeptState::Custody));
    let events = b.connect(&mut relay, late);
    assert!(!events.iter().any(|event| matches!(event, SyncEvent::Sent { .. })), "once");
}

#[test]
fn work_of_two_emergencies_that_end_on_one_connection_is_sent_both_times_and_counted_until_then() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let charts = [a.chart("First"), a.chart("Second")];
    a.sync(&mut relay);
    let ends = [START.plus(HOUR_MS), START.plus(2 * HOUR_MS)];
    for (id, held) in &relay.documents {
        let patient = held.descriptor.as_ref().unwrap().patient.as_ref().unwrap();
        let of = charts.iter().position(|chart| chart.patient == *patient).unwrap();
        relay.accounts.emergency_until.insert(*id, ends[of]);
    }
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    b.give(Some(&mut relay), Input::Start, START);
    for (chart, end) in charts.iter().zip(ends) {
        b.device.put_resource(chart, &allergy(chart, "mine", "Nuts"), START).unwrap();
        // The device ends it; nobody has told the engine of the edit.
        assert!(b.device.chart(chart, end).is_err());
        let status = b.device.status(end).unwrap();
        assert_eq!((status.up_to_date, status.unsent, status.kept_aside.len()), (false, 1, 1));
        assert_eq!(status.unsent_per_chart, [(Some(chart.clone()), 1)]);
        assert!(!b.device.is_up_to_date().unwrap());
        let events = b.give(Some(&mut relay), Input::LocalEdit, end);
        assert!(events.contains(&SyncEvent::Sent { accepted: 1, custody: 0, refused: 0 }), "{events:?}");
        assert!(b.device.status(end).unwrap().kept_aside.is_empty());
    }
}
