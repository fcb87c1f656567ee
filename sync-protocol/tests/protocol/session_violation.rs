//! Frames that do not belong where they come, frames not known, and bytes that are no frame.

use sync_protocol::frame::{GoodbyeReason, Unsupported};
use sync_protocol::limits::{Limits, MAX_FRAME_BYTES};
use sync_protocol::session::{ClientEvent, ClientSession, EndedBy, Intent, RelayEvent, RelaySession};
use sync_protocol::{Frame, decode, encode};

use crate::pair::Pair;
use crate::samples::{NONCE, RELAY, device_secret, first_resume, push_body, samples, welcome};

/// Frames that either side takes in any state.
const ANY_TIME: [&str; 2] = ["Unsupported", "Goodbye"];

#[test]
fn a_fresh_relay_takes_nothing_but_hello() {
    for (name, frame) in samples_except(&["Hello"]) {
        let mut relay = RelaySession::new(RELAY, NONCE, Limits::default());
        assert_relay_ends(&relay.received(&encode(&frame)), &name);
    }
}

#[test]
fn a_relay_that_looks_a_device_up_takes_nothing_but_a_resume() {
    for (name, frame) in samples_except(&["Resume"]) {
        let mut pair = Pair::new(Intent::Enroll { code: "A".into(), device_name: String::new() });
        pair.run();
        assert_relay_ends(&pair.relay.received(&encode(&frame)), &name);

        let mut pair = Pair::new(Intent::Sync(first_resume()));
        pair.run();
        assert_relay_ends(&pair.relay.received(&encode(&frame)), &name);
    }
}

#[test]
fn an_active_relay_takes_what_devices_send_then() {
    let accounts = ["PurgeReceipt", "Trail", "DecisionsKnown", "BreakGlass", "Refer", "Sealing"];
    for (name, frame) in samples_except(&[&accounts[..], &["Ack", "Push", "Inventory"]].concat()) {
        let mut pair = Pair::active();
        assert_relay_ends(&pair.relay.received(&encode(&frame)), &name);
    }
}

#[test]
fn a_relay_that_has_a_device_erased_takes_nothing_but_its_accounts_and_its_unsent_changes() {
    for (name, frame) in samples_except(&["Resume", "Push", "PurgeReceipt", "Trail", "DecisionsKnown"]) {
        let mut pair = Pair::erasing();
        assert_relay_ends(&pair.relay.received(&encode(&frame)), &name);
    }
}

#[test]
fn a_fresh_device_takes_nothing_but_a_challenge() {
    for (name, frame) in samples_except(&["Challenge"]) {
        let (mut client, _) = ClientSession::open(device_secret(), Intent::Sync(first_resume()), "test 1");
        assert_client_ends(&client.received(&encode(&frame)), &name);
    }
}

#[test]
fn a_device_that_proved_its_key_takes_nothing_but_a_welcome() {
    for (name, frame) in samples_except(&["Welcome"]) {
        let mut pair = Pair::new(Intent::Sync(first_resume()));
        pair.run();
        assert_client_ends(&pair.client.received(&encode(&frame)), &name);
    }
}

#[test]
fn a_welcomed_device_takes_nothing_but_the_answer_to_its_resume() {
    for (name, frame) in
        samples_except(&["Resumed", "ReceiptKept", "TrailKept", "Decided", "BreakGlassAnswer", "ReferAnswer"])
    {
        let mut pair = Pair::new(Intent::Sync(first_resume()));
        pair.run();
        pair.inject_to_client(&Frame::Welcome(welcome()));
        assert!(!pair.client.may_push());
        assert_client_ends(&pair.client.received(&encode(&frame)), &name);
    }
}

#[test]
fn an_enrolling_device_takes_nothing_but_its_certificate() {
    for (name, frame) in samples_except(&["Enrolled"]) {
        let mut pair = Pair::new(Intent::Enroll { code: "A".into(), device_name: String::new() });
        pair.run();
        assert_client_ends(&pair.client.received(&encode(&frame)), &name);
    }
}

#[test]
fn an_active_device_takes_what_relays_send_then() {
    let accounts = ["ReceiptKept", "TrailKept", "Decided", "BreakGlassAnswer", "ReferAnswer"];
    let transfer = ["Batch", "CaughtUp", "Pushed", "Resumed", "Want", "Withdraw", "Stage"];
    for (name, frame) in samples_except(&[&accounts[..], &transfer].concat()) {
        let mut pair = Pair::active();
        assert_client_ends(&pair.client.received(&encode(&frame)), &name);
    }
}

#[test]
fn an_unknown_frame_is_answered_by_unsupported_and_the_session_goes_on() {
    let unknown = [&[0xA1, 0x69][..], b"Prescribe", &[0xF6]].concat();
    let answer = encode(&Frame::Unsupported(Unsupported { frame: "Prescribe".into() }));
    let mut pair = Pair::active();
    assert_eq!(pair.relay.received(&unknown), [RelayEvent::Send(answer.clone())]);
    assert_eq!(pair.client.received(&unknown), [ClientEvent::Send(answer)]);

    let (number, push) = pair.client.push(&push_body()).unwrap();
    pair.client_does([push]);
    pair.run();
    assert_eq!(pair.relay_events, [RelayEvent::Append { push: number, body: push_body() }]);
}

#[test]
fn word_that_a_frame_was_not_understood_is_passed_over() {
    let word = encode(&Frame::Unsupported(Unsupported { frame: "Later".into() }));
    let mut pair = Pair::active();
    assert_eq!(pair.relay.received(&word), []);
    assert_eq!(pair.client.received(&word), []);
}

#[test]
fn bytes_that_are_no_frame_end_the_connection() {
    for bytes in [&b""[..], b"hello", &[0xFF; 20]] {
        let mut pair = Pair::active();
        pair.to_relay.push_back(bytes.to_vec());
        pair.run();
        pair.assert_ended_by_relay(GoodbyeReason::Malformed);

        let mut pair = Pair::active();
        pair.to_client.push_back(bytes.to_vec());
        pair.run();
        pair.assert_ended_by_client(GoodbyeReason::Malformed);
    }
}

#[test]
fn a_frame_above_the_limit_ends_the_connection() {
    let mut pair = Pair::active();
    pair.to_client.push_back(vec![0; MAX_FRAME_BYTES + 1]);
    pair.run();
    pair.assert_ended_by_client(GoodbyeReason::Malformed);

    let limits = Limits { frame_bytes: 20, ..Limits::default() };
    let mut relay = RelaySession::new(RELAY, NONCE, limits);
    let events = relay.received(&[0; 21]);
    assert!(matches!(events[1], RelayEvent::Closed { reason: GoodbyeReason::Malformed, .. }));
}

#[test]
fn a_relay_of_the_widest_windows_counts_without_overflow() {
    let limits = Limits { push_window: u32::MAX, batch_window: u32::MAX, ..Limits::default() };
    let mut pair = Pair::new(Intent::Sync(first_resume()));
    pair.relay = RelaySession::new(RELAY, NONCE, limits);
    pair.run();
    pair.relay.welcome(welcome());
    let push = samples().into_iter().find(|(name, _)| name == "Push").unwrap().1;
    assert!(matches!(pair.relay.received(&encode(&push))[..], [RelayEvent::Append { .. }]));
}

/// Samples of all frames but those named, and but those that are taken at any time.
fn samples_except(frames: &[&str]) -> Vec<(String, Frame)> {
    let frame = |name: &str| name.split('/').next().unwrap().to_owned();
    let keep = |name: &str| !frames.contains(&frame(name).as_str()) && !ANY_TIME.contains(&frame(name).as_str());
    samples().into_iter().filter(|(name, _)| keep(name)).collect()
}

fn assert_relay_ends(events: &[RelayEvent], name: &str) {
    let [RelayEvent::Send(bytes), RelayEvent::Closed { by, reason, .. }] = events else { panic!("{name}: {events:?}") };
    assert_eq!((*by, says_goodbye(bytes)), (EndedBy::Us, *reason), "{name}");
    assert!(is_refusal(*reason), "{name}: {reason:?}");
}

fn assert_client_ends(events: &[ClientEvent], name: &str) {
    let [ClientEvent::Send(bytes), ClientEvent::Closed { by, reason, .. }] = events else {
        panic!("{name}: {events:?}")
    };
    assert_eq!((*by, says_goodbye(bytes)), (EndedBy::Us, *reason), "{name}");
    assert!(is_refusal(*reason), "{name}: {reason:?}");
}

fn is_refusal(reason: GoodbyeReason) -> bool {
    matches!(reason, GoodbyeReason::ProtocolViolation)
}

fn says_goodbye(bytes: &[u8]) -> GoodbyeReason {
    match decode(bytes) {
        Ok(Frame::Goodbye(goodbye)) => goodbye.reason,
        other => panic!("{other:?}"),
    }
}
