//! A connection that speaks frames by hand, as a hostile or broken device would.

use sync_protocol::frame::{Hello, Proof, Resume};
use sync_protocol::identity::{Purpose, SecretKey};
use sync_protocol::{Frame, decode, encode};
use sync_server::relay::{ConnectionId, Outgoing};

use super::World;
use crate::Recording;

/// See the module. What the relay answers comes back at once.
#[derive(Debug)]
pub struct RawPeer {
    connection: ConnectionId,
    closed: bool,
    /// Everything the relay sent to it.
    pub heard: Recording,
}

impl World {
    /// Connects by hand.
    pub fn raw_peer(&mut self) -> RawPeer {
        RawPeer { connection: self.relay().connected(), closed: false, heard: Recording::default() }
    }
}

impl RawPeer {
    /// Sends a frame; gives what came back.
    pub fn send(&mut self, world: &mut World, frame: &Frame) -> Vec<Frame> {
        let heard = self.send_bytes(world, &encode(frame));
        heard.iter().map(|bytes| decode(bytes).unwrap()).collect()
    }

    /// Sends bytes; gives what came back.
    pub fn send_bytes(&mut self, world: &mut World, bytes: &[u8]) -> Vec<Vec<u8>> {
        let now = world.now();
        world.relay().received(self.connection, bytes, now);
        self.hear(world)
    }

    /// What came without being asked for.
    pub fn hear(&mut self, world: &mut World) -> Vec<Vec<u8>> {
        let now = world.now();
        let outgoing = world.relay().flush(now);
        let (own, others) = outgoing.into_iter().partition(|out| match out {
            Outgoing::Send(connection, _) | Outgoing::Close(connection) => *connection == self.connection,
        });
        world.post(others);
        let own: Vec<Outgoing> = own;
        let mut heard = Vec::new();
        for out in own {
            match out {
                Outgoing::Send(_, bytes) => {
                    self.heard.add(&bytes);
                    heard.push(bytes);
                }
                Outgoing::Close(_) => self.closed = true,
            }
        }
        heard
    }

    /// Greets and proves the key; asks for everything. Gives what came back.
    pub fn sign_in(&mut self, world: &mut World, secret: &SecretKey) -> Vec<Frame> {
        let challenge = self.challenge(world, secret);
        let mut heard = self.send(world, &Frame::Proof(prove(secret, &challenge)));
        heard.extend(self.send(world, &Frame::Resume(Resume { cursor: None, epoch: None, compare: false })));
        heard
    }

    /// Greets; gives the challenge.
    ///
    /// # Panics
    /// If none comes.
    pub fn challenge(&mut self, world: &mut World, secret: &SecretKey) -> sync_protocol::frame::Challenge {
        let hello =
            Frame::Hello(Hello { device_key: secret.public(), software: "by hand".into(), dictionaries: Vec::new() });
        match self.send(world, &hello).pop() {
            Some(Frame::Challenge(challenge)) => challenge,
            other => panic!("a challenge should come, not {other:?}"),
        }
    }

    /// Whether the relay has ended the connection.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

/// The proof that answers a challenge.
#[must_use]
pub fn prove(secret: &SecretKey, challenge: &sync_protocol::frame::Challenge) -> Proof {
    Proof { signature: secret.sign(Purpose::Proof, &[&challenge.nonce.0, &challenge.relay.0]) }
}
