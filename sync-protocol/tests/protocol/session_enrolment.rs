//! Enrolling a device with a one-time code.

use sync_protocol::frame::{Enroll, Enrolled, GoodbyeReason, Hello};
use sync_protocol::identity::{Certificate, Purpose, SecretKey};
use sync_protocol::limits::{Limits, MAX_CODE_CHARS};
use sync_protocol::session::{ClientEvent, EndedBy, Intent, RelayEvent, RelaySession};
use sync_protocol::{DeviceId, Frame, RelayId, encode};

use crate::pair::Pair;
use crate::samples::{NONCE, RELAY, certificate, device_secret, enrolled, organization_secret};

#[test]
fn a_device_with_a_code_is_enrolled_and_the_connection_ends() {
    let mut pair = enrolling();
    let asked = RelayEvent::Enroll {
        device_key: device_secret().public(),
        code: "ABCD-1234".into(),
        device_name: "Ward 3 tablet".into(),
    };
    assert_eq!(pair.relay_events, [asked]);

    let events = pair.relay.enrolled(enrolled());
    pair.relay_does(events);
    pair.run();
    assert_eq!(pair.client_events[0], ClientEvent::Enrolled(Box::new(enrolled())));
    assert_eq!(pair.client_end(), Some((EndedBy::Us, GoodbyeReason::Done)));
    assert_eq!(pair.relay_end(), Some((EndedBy::Us, GoodbyeReason::Done)));
}

#[test]
fn a_refused_code_ends_the_connection() {
    let mut pair = enrolling();
    let events = pair.relay.close(GoodbyeReason::EnrolmentRefused, "expired");
    pair.relay_does(events);
    pair.run();
    pair.assert_ended_by_relay(GoodbyeReason::EnrolmentRefused);
}

#[test]
fn a_code_signed_by_another_key_is_refused() {
    assert_refused("ABCD", |code| enroll(&SecretKey::from_seed([9; 32]), code, code));
}

#[test]
fn a_signature_over_another_code_is_refused() {
    assert_refused("ABCD", |code| enroll(&device_secret(), code, "EFGH"));
}

#[test]
fn a_code_longer_than_the_limit_is_refused() {
    assert_refused(&"A".repeat(MAX_CODE_CHARS + 1), |code| enroll(&device_secret(), code, code));
}

#[test]
fn a_device_takes_no_certificate_that_is_not_its_own() {
    let mut other_device = certificate();
    other_device.body.device_key = SecretKey::from_seed([9; 32]).public();
    let other_device = Certificate::issue(&organization_secret(), other_device.body);
    let forged = Certificate::issue(&SecretKey::from_seed([9; 32]), certificate().body);
    let wrong = [
        ("of another device", Enrolled { certificate: other_device, ..enrolled() }),
        ("not signed by the organization", Enrolled { certificate: forged, ..enrolled() }),
        ("under another device id", Enrolled { device: DeviceId([0; 16]), ..enrolled() }),
        ("from another relay", Enrolled { relay: RelayId([0; 16]), ..enrolled() }),
    ];
    for (what, enrolled) in wrong {
        let mut pair = enrolling();
        pair.inject_to_client(&Frame::Enrolled(enrolled));
        assert_eq!(pair.client_events.len(), 1, "{what}");
        pair.assert_ended_by_client(GoodbyeReason::ProtocolViolation);
    }
}

#[test]
fn a_device_that_left_is_told_nothing() {
    let mut pair = enrolling();
    let events = pair.client.close(GoodbyeReason::Done, "");
    pair.client_does(events);
    pair.run();
    assert_eq!(pair.relay.enrolled(enrolled()), []);
}

#[test]
fn only_who_asked_is_enrolled() {
    let mut pair = Pair::active();
    let events = pair.relay.enrolled(enrolled());
    assert!(!events.contains(&RelayEvent::Send(encode(&Frame::Enrolled(enrolled())))));
    pair.relay_does(events);
    assert_eq!(pair.relay_end(), Some((EndedBy::Us, GoodbyeReason::Unavailable)));
}

/// A pair whose relay has been asked to enrol the device.
fn enrolling() -> Pair {
    let mut pair = Pair::new(Intent::Enroll { code: "ABCD-1234".into(), device_name: "Ward 3 tablet".into() });
    pair.run();
    pair
}

fn assert_refused(code: &str, frame: impl Fn(&str) -> Frame) {
    let mut relay = RelaySession::new(RELAY, NONCE, Limits::default());
    let hello = Hello { device_key: device_secret().public(), software: String::new(), dictionaries: Vec::new() };
    relay.received(&encode(&Frame::Hello(hello)));
    let events = relay.received(&encode(&frame(code)));
    assert!(matches!(events[1], RelayEvent::Closed { reason: GoodbyeReason::ProofRefused, .. }), "{events:?}");
}

fn enroll(secret: &SecretKey, code: &str, signed_code: &str) -> Frame {
    let signature = secret.sign(Purpose::Enrolment, &[&NONCE.0, &RELAY.0, signed_code.as_bytes()]);
    Frame::Enroll(Enroll { code: code.into(), device_name: String::new(), signature })
}
