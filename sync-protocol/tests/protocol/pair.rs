//! A device's and a relay's session with the bytes between them in the test's hands.

use std::collections::VecDeque;

use sync_protocol::frame::{Cursor, GoodbyeReason, Resume, Resumed, Welcome};
use sync_protocol::limits::Limits;
use sync_protocol::session::{ClientEvent, ClientSession, EndedBy, Intent, RelayEvent, RelaySession};
use sync_protocol::{Frame, decode, encode};

use crate::samples::{NONCE, RELAY, device_secret, first_resume, welcome};

/// Both ends. What they send waits in a queue until [`Pair::run`] hands it over.
pub struct Pair {
    pub client: ClientSession,
    pub relay: RelaySession,
    pub to_relay: VecDeque<Vec<u8>>,
    pub to_client: VecDeque<Vec<u8>>,
    /// What the device was told to do, sends apart.
    pub client_events: Vec<ClientEvent>,
    /// What the relay was told to do, sends apart.
    pub relay_events: Vec<RelayEvent>,
}

impl Pair {
    /// Two fresh ends; the device's hello is on its way.
    pub fn new(intent: Intent) -> Self {
        let (client, hello) = ClientSession::open(device_secret(), intent, "test 1");
        let mut pair = Self {
            client,
            relay: RelaySession::new(RELAY, NONCE, Limits::default()),
            to_relay: VecDeque::new(),
            to_client: VecDeque::new(),
            client_events: Vec::new(),
            relay_events: Vec::new(),
        };
        pair.client_does([hello]);
        pair
    }

    /// Two ends that have come as far as sync on an empty cursor.
    pub fn active() -> Self {
        Self::welcomed_with(welcome())
    }

    /// As [`Self::active`], after this welcome.
    pub fn welcomed_with(welcome: Welcome) -> Self {
        let mut pair = Self::new(Intent::Sync(first_resume()));
        pair.run();
        let events = pair.relay.welcome(welcome);
        pair.relay_does(events);
        let resumed = pair.relay.resumed(Resumed { documents: 0, compare: false });
        pair.relay_does([resumed]);
        pair.run();
        assert!(pair.client.may_push() && pair.relay.may_deliver());
        pair.client_events.clear();
        pair.relay_events.clear();
        pair
    }

    /// Two ends of which the device has been told to erase itself.
    pub fn erasing() -> Self {
        let mut pair = Self::new(Intent::Sync(first_resume()));
        pair.run();
        let events = pair.relay.welcome(Welcome { wipe: true, ..welcome() });
        pair.relay_does(events);
        pair.relay_events.clear();
        pair.run();
        assert!(matches!(&pair.client_events[..], [ClientEvent::Welcomed { welcome, .. }] if welcome.wipe));
        pair.client_events.clear();
        pair
    }

    /// Hands messages over until both queues are empty.
    pub fn run(&mut self) {
        loop {
            if let Some(bytes) = self.to_relay.pop_front() {
                let events = self.relay.received(&bytes);
                self.relay_does(events);
            } else if let Some(bytes) = self.to_client.pop_front() {
                let events = self.client.received(&bytes);
                self.client_does(events);
            } else {
                return;
            }
        }
    }

    pub fn client_does(&mut self, events: impl IntoIterator<Item = ClientEvent>) {
        for event in events {
            match event {
                ClientEvent::Send(bytes) => self.to_relay.push_back(bytes),
                event => self.client_events.push(event),
            }
        }
    }

    pub fn relay_does(&mut self, events: impl IntoIterator<Item = RelayEvent>) {
        for event in events {
            match event {
                RelayEvent::Send(bytes) => self.to_client.push_back(bytes),
                event => self.relay_events.push(event),
            }
        }
    }

    /// Puts a frame of the test's own on the way to the relay, and runs.
    pub fn inject_to_relay(&mut self, frame: &Frame) {
        self.to_relay.push_back(encode(frame));
        self.run();
    }

    /// Puts a frame of the test's own on the way to the device, and runs.
    pub fn inject_to_client(&mut self, frame: &Frame) {
        self.to_client.push_back(encode(frame));
        self.run();
    }

    /// The frames on their way to the relay.
    pub fn frames_to_relay(&self) -> Vec<Frame> {
        self.to_relay.iter().map(|bytes| decode(bytes).unwrap()).collect()
    }

    /// Reason and origin of the end that the device saw, if the connection is over for it.
    pub fn client_end(&self) -> Option<(EndedBy, GoodbyeReason)> {
        self.client_events.iter().find_map(|event| match event {
            ClientEvent::Closed { by, reason, .. } => Some((*by, *reason)),
            _ => None,
        })
    }

    /// The same for the relay.
    pub fn relay_end(&self) -> Option<(EndedBy, GoodbyeReason)> {
        self.relay_events.iter().find_map(|event| match event {
            RelayEvent::Closed { by, reason, .. } => Some((*by, *reason)),
            _ => None,
        })
    }

    /// Checks that the relay ended the connection for `reason` and that the device learned it.
    pub fn assert_ended_by_relay(&self, reason: GoodbyeReason) {
        assert_eq!(self.relay_end(), Some((EndedBy::Us, reason)));
        assert_eq!(self.client_end(), Some((EndedBy::Them, reason)));
    }

    /// Checks that the device ended the connection for `reason` and that the relay learned it.
    pub fn assert_ended_by_client(&self, reason: GoodbyeReason) {
        assert_eq!(self.client_end(), Some((EndedBy::Us, reason)));
        assert_eq!(self.relay_end(), Some((EndedBy::Them, reason)));
    }
}

/// Any cursor.
pub fn cursor() -> Cursor {
    Cursor(vec![1, 2, 3].into())
}

/// A resume from [`cursor`].
pub fn later_resume() -> Resume {
    Resume { cursor: Some(cursor()), epoch: Some(crate::samples::EPOCH), compare: false }
}
