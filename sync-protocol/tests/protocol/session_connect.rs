//! Connecting: proof of the key, welcome and resume.

use sync_protocol::frame::{Challenge, DictionaryId, GoodbyeReason, Hello, Proof, PushBody, Resumed, Welcome};
use sync_protocol::identity::{Purpose, SecretKey};
use sync_protocol::limits::Limits;
use sync_protocol::session::{ClientEvent, ClientSession, Intent, RelayEvent, RelaySession};
use sync_protocol::{Frame, Nonce, RelayId, decode, encode};

use crate::pair::{Pair, later_resume};
use crate::samples::{NONCE, RELAY, device_secret, first_resume, push_body, welcome};

#[test]
fn a_device_that_proves_its_key_is_welcomed_and_resumes() {
    let mut pair = Pair::new(Intent::Sync(later_resume()));
    pair.run();
    assert_eq!(pair.relay_events, [RelayEvent::Authenticate(device_secret().public())]);

    let events = pair.relay.welcome(welcome());
    pair.relay_does(events);
    assert_eq!(pair.relay_events[1..], [RelayEvent::Resume(later_resume())]);

    let resumed = Resumed { documents: 3, compare: false };
    let answer = pair.relay.resumed(resumed.clone());
    pair.relay_does([answer]);
    pair.run();
    let said = Welcome { dictionary: Some(DictionaryId::CLINICAL_1), ..welcome() };
    let welcomed = ClientEvent::Welcomed { relay: RELAY, welcome: Box::new(said) };
    assert_eq!(pair.client_events, [welcomed, ClientEvent::Resumed(resumed)]);
}

#[test]
fn a_dictionary_is_used_only_between_two_that_have_it() {
    for (offered, agreed) in [(vec![], None), (vec![7, 1], Some(1)), (vec![7], None)] {
        let mut relay = RelaySession::new(RELAY, NONCE, Limits::default());
        let dictionaries = offered.iter().copied().map(DictionaryId).collect();
        let device_key = device_secret().public();
        relay.received(&encode(&Frame::Hello(Hello { device_key, software: String::new(), dictionaries })));
        relay.received(&proof(&device_secret(), NONCE, RELAY));
        let events = relay.welcome(welcome());
        let [RelayEvent::Send(bytes)] = &events[..] else { panic!("{events:?}") };
        let Ok(Frame::Welcome(said)) = decode(bytes) else { panic!("not a welcome") };
        assert_eq!((said.dictionary, relay.dictionary()), (agreed.map(DictionaryId), agreed.map(DictionaryId)));
    }
}

#[test]
fn a_device_packs_its_work_with_the_dictionary_that_the_relay_named_and_that_it_has() {
    for (said, used) in [(None, None), (Some(1), Some(1)), (Some(7), None)] {
        let mut pair = Pair::new(Intent::Sync(first_resume()));
        pair.run();
        for frame in [
            Frame::Welcome(Welcome { dictionary: said.map(DictionaryId), ..welcome() }),
            Frame::Resumed(Resumed { documents: 0, compare: false }),
        ] {
            pair.inject_to_client(&frame);
        }
        let body = PushBody { documents: vec![push_body().documents.remove(0); 3], ..PushBody::default() };
        let Some((_, ClientEvent::Send(bytes))) = pair.client.push(&body) else { panic!("no push") };
        let Ok(Frame::Push(push)) = decode(&bytes) else { panic!("not a push") };
        assert_eq!(push.body.dictionary, used.map(DictionaryId));
        assert_eq!(push.body.unpack::<PushBody>(), Ok(body));
    }
}

#[test]
fn resume_travels_with_the_proof_and_waits_for_the_welcome() {
    let mut pair = Pair::new(Intent::Sync(later_resume()));
    let hello = pair.to_relay.pop_front().unwrap();
    let challenge = pair.relay.received(&hello);
    pair.relay_does(challenge);
    let challenge = pair.to_client.pop_front().unwrap();
    let answer = pair.client.received(&challenge);
    pair.client_does(answer);
    assert!(matches!(pair.frames_to_relay()[..], [Frame::Proof(_), Frame::Resume(_)]));
    pair.run();
    assert_eq!(pair.relay_events, [RelayEvent::Authenticate(device_secret().public())]);
}

#[test]
fn a_resume_after_the_welcome_is_taken_as_well() {
    let mut relay = RelaySession::new(RELAY, NONCE, Limits::default());
    relay.received(&hello(&device_secret()));
    relay.received(&proof(&device_secret(), NONCE, RELAY));
    assert!(matches!(relay.welcome(welcome())[..], [RelayEvent::Send(_)]));
    let events = relay.received(&encode(&Frame::Resume(first_resume())));
    assert_eq!(events, [RelayEvent::Resume(first_resume())]);
}

#[test]
fn a_proof_by_another_key_is_refused() {
    let events = relay_sees(&proof(&SecretKey::from_seed([9; 32]), NONCE, RELAY));
    assert_refused(&events, GoodbyeReason::ProofRefused);
}

#[test]
fn a_proof_of_an_earlier_connection_is_refused() {
    let events = relay_sees(&proof(&device_secret(), Nonce([0; 32]), RELAY));
    assert_refused(&events, GoodbyeReason::ProofRefused);
}

#[test]
fn a_proof_meant_for_another_relay_is_refused() {
    let events = relay_sees(&proof(&device_secret(), NONCE, RelayId([0; 16])));
    assert_refused(&events, GoodbyeReason::ProofRefused);
}

#[test]
fn a_signature_for_another_purpose_is_no_proof() {
    let signature = device_secret().sign(Purpose::Change, &[&NONCE.0, &RELAY.0]);
    let events = relay_sees(&encode(&Frame::Proof(Proof { signature })));
    assert_refused(&events, GoodbyeReason::ProofRefused);
}

#[test]
fn nothing_but_a_proof_authenticates() {
    for frame in [
        Frame::Resume(first_resume()),
        Frame::Hello(Hello { device_key: device_secret().public(), software: String::new(), dictionaries: Vec::new() }),
    ] {
        let events = relay_sees(&encode(&frame));
        assert_refused(&events, GoodbyeReason::ProtocolViolation);
    }
}

#[test]
fn a_second_resume_ends_the_connection() {
    for active in [false, true] {
        let mut relay = RelaySession::new(RELAY, NONCE, Limits::default());
        relay.received(&hello(&device_secret()));
        relay.received(&proof(&device_secret(), NONCE, RELAY));
        relay.received(&encode(&Frame::Resume(first_resume())));
        if active {
            relay.welcome(welcome());
        }
        let events = relay.received(&encode(&Frame::Resume(first_resume())));
        assert_refused(&events, GoodbyeReason::ProtocolViolation);
    }
}

#[test]
fn a_device_that_is_turned_away_learns_why() {
    let mut pair = Pair::new(Intent::Sync(first_resume()));
    pair.run();
    let events = pair.relay.close(GoodbyeReason::UnknownDevice, "not enrolled");
    pair.relay_does(events);
    pair.run();
    pair.assert_ended_by_relay(GoodbyeReason::UnknownDevice);
}

#[test]
fn a_welcome_for_a_device_that_left_says_nothing() {
    let mut pair = Pair::new(Intent::Sync(first_resume()));
    pair.run();
    let events = pair.client.close(GoodbyeReason::Done, "");
    pair.client_does(events);
    pair.run();
    assert_eq!(pair.relay.welcome(welcome()), []);
    assert!(!pair.relay.may_deliver());
}

#[test]
fn a_device_signs_one_challenge_only() {
    let (mut client, _) = ClientSession::open(device_secret(), Intent::Sync(first_resume()), "test 1");
    let challenge = encode(&Frame::Challenge(Challenge { nonce: NONCE, relay: RELAY }));
    assert_eq!(client.received(&challenge).len(), 2);
    let events = client.received(&challenge);
    assert!(matches!(&events[1], ClientEvent::Closed { reason: GoodbyeReason::ProtocolViolation, .. }));
}

/// What the relay makes of `bytes` in the place of a proof.
fn relay_sees(bytes: &[u8]) -> Vec<RelayEvent> {
    let mut relay = RelaySession::new(RELAY, NONCE, Limits::default());
    let challenge = relay.received(&hello(&device_secret()));
    let expected = Frame::Challenge(Challenge { nonce: NONCE, relay: RELAY });
    assert!(matches!(&challenge[..], [RelayEvent::Send(bytes)] if decode(bytes) == Ok(expected)));
    relay.received(bytes)
}

fn assert_refused(events: &[RelayEvent], expected: GoodbyeReason) {
    let [RelayEvent::Send(bytes), RelayEvent::Closed { reason, .. }] = events else { panic!("{events:?}") };
    assert_eq!(*reason, expected);
    assert!(matches!(decode(bytes), Ok(Frame::Goodbye(goodbye)) if goodbye.reason == expected));
}

fn hello(secret: &SecretKey) -> Vec<u8> {
    encode(&Frame::Hello(Hello { device_key: secret.public(), software: String::new(), dictionaries: Vec::new() }))
}

fn proof(secret: &SecretKey, nonce: Nonce, relay: RelayId) -> Vec<u8> {
    let signature = secret.sign(Purpose::Proof, &[&nonce.0, &relay.0]);
    encode(&Frame::Proof(Proof { signature }))
}
