//! Frames in any order, and hosts that answer at any time: no panic, and silence after the end.

use proptest::prelude::*;
use sync_protocol::frame::{BatchBody, GoodbyeReason, Packed, PushBody};
use sync_protocol::limits::Limits;
use sync_protocol::session::{ClientEvent, ClientSession, Intent, RelayEvent, RelaySession};
use sync_protocol::{Frame, encode};

use crate::pair::{Pair, later_resume};
use crate::samples::{NONCE, RELAY, device_secret, enrolled, first_resume, welcome};
use crate::strategies;

/// One thing that happens to a session.
#[derive(Clone, Debug)]
enum Step {
    Frame(Box<Frame>),
    Bytes(Vec<u8>),
    /// The host does its part, whether asked or not.
    Host(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => strategies::frame().prop_map(|frame| Step::Frame(Box::new(frame))),
        1 => prop::collection::vec(any::<u8>(), 0..30).prop_map(Step::Bytes),
        3 => any::<u8>().prop_map(Step::Host),
    ];
    prop::collection::vec(step, 0..25)
}

proptest! {
    #[test]
    fn a_relay_never_panics_and_is_silent_after_the_end(steps in steps(), authenticated in any::<bool>()) {
        let mut relay = if authenticated {
            Pair::active().relay
        } else {
            RelaySession::new(RELAY, NONCE, Limits::default())
        };
        let mut over = false;
        for step in &steps {
            let events = relay_step(&mut relay, step);
            prop_assert!(!over || events.is_empty(), "after the end: {events:?}");
            let end = events.iter().position(|event| matches!(event, RelayEvent::Closed { .. }));
            prop_assert!(end.is_none_or(|at| at + 1 == events.len()), "the end comes last");
            over |= end.is_some();
        }
    }

    #[test]
    fn a_device_never_panics_and_is_silent_after_the_end(
        steps in steps(), authenticated in any::<bool>(), enrolling in any::<bool>(),
    ) {
        let mut client = if authenticated { Pair::active().client } else { fresh_client(enrolling) };
        let mut over = false;
        for step in &steps {
            let events = client_step(&mut client, step);
            prop_assert!(!over || events.is_empty(), "after the end: {events:?}");
            let end = events.iter().position(|event| matches!(event, ClientEvent::Closed { .. }));
            prop_assert!(end.is_none_or(|at| at + 1 == events.len()), "the end comes last");
            over |= end.is_some();
        }
    }

    #[test]
    fn a_device_that_proved_nothing_gets_nothing_done(frames in prop::collection::vec(strategies::frame(), 0..25)) {
        let mut relay = RelaySession::new(RELAY, NONCE, Limits::default());
        for frame in &frames {
            for event in relay.received(&encode(frame)) {
                prop_assert!(matches!(event, RelayEvent::Send(_) | RelayEvent::Closed { .. }), "{event:?}");
            }
        }
    }
}

fn fresh_client(enrolling: bool) -> ClientSession {
    let intent = if enrolling {
        Intent::Enroll { code: "ABCD".into(), device_name: "x".into() }
    } else {
        Intent::Sync(later_resume())
    };
    ClientSession::open(device_secret(), intent, "test 1").0
}

fn relay_step(relay: &mut RelaySession, step: &Step) -> Vec<RelayEvent> {
    match step {
        Step::Frame(frame) => relay.received(&encode(frame)),
        Step::Bytes(bytes) => relay.received(bytes),
        Step::Host(n) => match n % 5 {
            0 => relay.welcome(welcome()),
            1 => relay.enrolled(enrolled()),
            2 if relay.may_deliver() => vec![relay.deliver(None, Packed::pack(&BatchBody::default())).1],
            3 if n % 16 == 3 => relay.close(GoodbyeReason::ShuttingDown, ""),
            _ => relay.received(&encode(&Frame::Resume(first_resume()))),
        },
    }
}

fn client_step(client: &mut ClientSession, step: &Step) -> Vec<ClientEvent> {
    match step {
        Step::Frame(frame) => client.received(&encode(frame)),
        Step::Bytes(bytes) => client.received(bytes),
        Step::Host(n) => match n % 3 {
            0 => client.push(&PushBody::default()).map(|(_, event)| event).into_iter().collect(),
            1 if n % 16 == 1 => client.close(GoodbyeReason::Done, ""),
            _ => client.received(&encode(&Frame::Welcome(welcome()))),
        },
    }
}
