//! Enrolment, authentication and who is turned away.

use sync_protocol::Frame;
use sync_protocol::frame::{Enroll, GoodbyeReason, Hello, Proof, decode, encode};
use sync_protocol::identity::{Purpose, SecretKey};

use super::super::{Outgoing, Relay};
use super::*;

fn reason(clinic: &Clinic, device: usize) -> Option<(GoodbyeReason, &str)> {
    clinic.devices[device].closed.as_ref().map(|(_, reason, detail)| (*reason, detail.as_str()))
}

#[test]
fn a_code_enrols_one_device_once() {
    let mut clinic = Clinic::of_two();
    let code = clinic.code("dr-a", "north");
    let first = clinic.device("dr-a", "north");
    // As people type it.
    clinic.enrol(first, &code.to_lowercase().replace('-', " "));
    assert!(clinic.devices[first].enrolled);
    assert_eq!(reason(&clinic, first).unwrap().0, GoodbyeReason::Done);
    let second = clinic.device("dr-a", "north");
    clinic.enrol(second, &code);
    assert!(!clinic.devices[second].enrolled);
    let used = (GoodbyeReason::EnrolmentRefused, "this enrolment code was used already");
    assert_eq!(reason(&clinic, second), Some(used));
    clinic.sync(first);
    assert!(clinic.devices[first].agrees());
}

#[test]
fn a_device_that_missed_the_answer_enrols_again_with_its_own_code() {
    let mut clinic = Clinic::of_two();
    let code = clinic.code("dr-a", "north");
    let device = clinic.device("dr-a", "north");
    clinic.enrol(device, &code);
    let devices = clinic.relay.devices().unwrap().len();
    clinic.devices[device].enrolled = false;
    clinic.enrol(device, &code);
    assert!(clinic.devices[device].enrolled);
    assert_eq!(clinic.relay.devices().unwrap().len(), devices);
    clinic.wait(HOUR);
    clinic.devices[device].enrolled = false;
    clinic.enrol(device, &code);
    assert!(!clinic.devices[device].enrolled, "an expired code answers nobody");
}

#[test]
fn an_expired_or_unknown_code_enrols_nobody() {
    let mut clinic = Clinic::of_two();
    let code = clinic.code("dr-a", "north");
    clinic.wait(HOUR);
    let device = clinic.device("dr-a", "north");
    for (code, detail) in [(code.as_str(), "this enrolment code has expired"), ("ABCD", "no such enrolment code")] {
        clinic.enrol(device, code);
        assert_eq!(reason(&clinic, device), Some((GoodbyeReason::EnrolmentRefused, detail)));
    }
    assert!(!clinic.devices[device].enrolled);
}

#[test]
fn an_enrolled_key_is_not_enrolled_again() {
    let mut clinic = Clinic::of_two();
    let code = clinic.code("dr-a", "north");
    clinic.cut(0);
    clinic.enrol(0, &code);
    assert_eq!(reason(&clinic, 0).unwrap().1, "a device with this key is enrolled already");
}

/// Says hello on a new connection; gives its id and the challenge.
fn hello(relay: &mut Relay, secret: &SecretKey, now: UnixMillis) -> (ConnectionId, sync_protocol::frame::Challenge) {
    let id = relay.connected();
    let hello = Hello { device_key: secret.public(), software: String::new(), dictionaries: Vec::new() };
    relay.received(id, &encode(&Frame::Hello(hello)), now);
    let [Outgoing::Send(_, bytes)] = &relay.flush(now)[..] else { panic!("no challenge") };
    let Ok(Frame::Challenge(challenge)) = decode(bytes) else { panic!("no challenge") };
    (id, challenge)
}

/// What the relay answers to a frame that is the last of a connection.
fn farewell(relay: &mut Relay, id: ConnectionId, frame: &Frame, now: UnixMillis) -> GoodbyeReason {
    relay.received(id, &encode(frame), now);
    let outgoing = relay.flush(now);
    let [Outgoing::Send(_, bytes), Outgoing::Close(closed)] = &outgoing[..] else { panic!("{outgoing:?}") };
    assert_eq!(*closed, id);
    let Ok(Frame::Goodbye(goodbye)) = decode(bytes) else { panic!("no goodbye") };
    goodbye.reason
}

#[test]
fn a_recorded_or_borrowed_proof_is_refused() {
    let mut clinic = Clinic::of_two();
    let (secret, now) = (clinic.devices[0].secret.clone(), clinic.now);
    let relay = &mut clinic.relay;
    let (_, first) = hello(relay, &secret, now);
    let recorded = secret.sign(Purpose::Proof, &[&first.nonce.0, &first.relay.0]);
    let (id, second) = hello(relay, &secret, now);
    assert_ne!(first.nonce, second.nonce);
    let replayed = Frame::Proof(Proof { signature: recorded });
    assert_eq!(farewell(relay, id, &replayed, now), GoodbyeReason::ProofRefused);
    // Made for another purpose.
    let (id, third) = hello(relay, &secret, now);
    let signature = secret.sign(Purpose::Change, &[&third.nonce.0, &third.relay.0]);
    assert_eq!(farewell(relay, id, &Frame::Proof(Proof { signature }), now), GoodbyeReason::ProofRefused);
    // Made with another's key.
    let (id, fourth) = hello(relay, &secret, now);
    let other = SecretKey::from_seed([9; 32]);
    let signature = other.sign(Purpose::Proof, &[&fourth.nonce.0, &fourth.relay.0]);
    assert_eq!(farewell(relay, id, &Frame::Proof(Proof { signature }), now), GoodbyeReason::ProofRefused);
}

#[test]
fn a_code_overheard_does_not_enrol_another_key() {
    let mut clinic = Clinic::of_two();
    let code = clinic.code("dr-a", "north");
    let now = clinic.now;
    let (owner, thief) = (SecretKey::from_seed([8; 32]), SecretKey::from_seed([9; 32]));
    let (id, challenge) = hello(&mut clinic.relay, &thief, now);
    let fields: [&[u8]; 3] = [&challenge.nonce.0, &challenge.relay.0, code.as_bytes()];
    let signature = owner.sign(Purpose::Enrolment, &fields);
    let enroll = Enroll { code: code.clone(), device_name: String::new(), signature };
    assert_eq!(farewell(&mut clinic.relay, id, &Frame::Enroll(enroll), now), GoodbyeReason::ProofRefused);
}

#[test]
fn an_unknown_device_is_turned_away() {
    let mut clinic = Clinic::of_two();
    let stranger = clinic.device("dr-a", "north");
    clinic.sync(stranger);
    assert_eq!(reason(&clinic, stranger).unwrap().0, GoodbyeReason::UnknownDevice);
    assert_eq!(clinic.devices[stranger].connection, None);
}

#[test]
fn a_revoked_device_is_disconnected_and_not_let_in_again() {
    let mut clinic = Clinic::of_two();
    let id = DeviceId::of_key(&clinic.devices[0].secret.public());
    clinic.admin(|relay, now| relay.revoke_device(&id, now)).unwrap();
    assert_eq!(reason(&clinic, 0).unwrap().0, GoodbyeReason::Revoked);
    let before = clinic.devices[0].seen.len();
    clinic.write(1, &core("north", "p1"), "penicillin");
    assert_eq!(clinic.devices[0].seen.len(), before);
    clinic.sync(0);
    assert_eq!(reason(&clinic, 0).unwrap().0, GoodbyeReason::Revoked);
}

#[test]
fn a_certificate_that_runs_out_ends_the_connection_and_lets_nobody_in() {
    let mut clinic = Clinic::of_two();
    clinic.wait(365 * DAY);
    assert!(clinic.devices[0].connection.is_some(), "valid up to its last moment");
    clinic.wait(1);
    assert_eq!(reason(&clinic, 0).unwrap().0, GoodbyeReason::Revoked);
    clinic.sync(0);
    assert_eq!(reason(&clinic, 0).unwrap().0, GoodbyeReason::Revoked);
}

#[test]
fn a_connection_that_names_no_device_is_ended() {
    let mut clinic = Clinic::of_two();
    let id = clinic.relay.connected();
    clinic.wait(1_000);
    let now = clinic.now.plus(20_000);
    clinic.relay.tick(now.plus(-1));
    assert_eq!(clinic.relay.flush(now), Vec::new());
    clinic.relay.tick(now);
    assert_eq!(clinic.relay.flush(now).last(), Some(&Outgoing::Close(id)));
    assert!(clinic.devices[0].connection.is_some());
    assert_eq!(clinic.metrics.connections.get(), 3);
}

#[test]
fn an_older_connection_of_the_same_device_is_superseded_and_what_it_acknowledged_counts() {
    let mut clinic = Clinic::of_two();
    clinic.write(1, &core("north", "p1"), "penicillin");
    let older = clinic.devices[0].connection.unwrap();
    let resume = clinic.devices[0].resume();
    clinic.connect(0, Intent::Sync(resume));
    assert_ne!(clinic.devices[0].connection, Some(older));
    let outgoing = clinic.relay.flush(clinic.now);
    clinic.hand_out(outgoing);
    clinic.run();
    assert!(clinic.devices[0].connection.is_some() && clinic.devices[0].closed.is_none());
    assert!(clinic.devices[0].agrees());
    assert_eq!(clinic.devices[0].deliveries, Vec::new());
    assert_eq!(clinic.metrics.connections.get(), 3);
}

#[test]
fn a_peer_that_says_what_it_may_not_say_now_is_told_goodbye() {
    let mut clinic = Clinic::of_two();
    clinic.send_raw(
        0,
        &encode(&Frame::Hello(Hello {
            device_key: clinic.devices[0].secret.public(),
            software: String::new(),
            dictionaries: Vec::new(),
        })),
    );
    assert_eq!(reason(&clinic, 0).unwrap().0, GoodbyeReason::ProtocolViolation);
    clinic.send_raw(1, b"\xff\xff");
    assert_eq!(reason(&clinic, 1).unwrap().0, GoodbyeReason::Malformed);
    let inventory = sync_protocol::frame::Inventory { documents: Vec::new(), more: false };
    clinic.send_raw(2, &encode(&Frame::Inventory(inventory)));
    assert_eq!(reason(&clinic, 2).unwrap(), (GoodbyeReason::ProtocolViolation, "an inventory was not asked for"));
}
