//! What the relay keeps of one connection.

use std::collections::{HashMap, HashSet, VecDeque};

use roaring::RoaringBitmap;
use sync_protocol::frame::InventoryEntry;
use sync_protocol::identity::Certificate;
use sync_protocol::session::RelaySession;
use sync_protocol::{AuthorId, DeviceId, OrganizationId};

use crate::access::{Reach, Subject};
use crate::store::Position;

/// A connection, in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

pub(super) struct Connection {
    pub session: RelaySession,
    /// Present once the device is known.
    pub peer: Option<Peer>,
}

/// The device at the other end, and how far it is served. Memory: sets of document numbers, never documents.
pub(super) struct Peer {
    pub device: DeviceId,
    pub subject: Subject,
    pub certificate: Certificate,
    /// What its practitioner may receive.
    pub reach: Reach,
    /// What it acknowledged.
    pub held: RoaringBitmap,
    /// `held` has changed since it was stored.
    pub held_is_newer: bool,
    /// `held` and what is on its way.
    pub sent: RoaringBitmap,
    /// Of every document in `sent`, everything up to here was sent.
    pub cursor: Position,
    /// Documents that were sent further than `cursor`.
    pub ahead: HashMap<u32, Position>,
    /// Documents to send whole, in order.
    pub gained: VecDeque<u32>,
    /// A document of which a part was sent.
    pub partial: Option<Partial>,
    /// Batches on their way: number, and the documents that are complete with it.
    pub unacked: VecDeque<(u64, Vec<u32>)>,
    pub stage: Stage,
    /// Authors whose certificates went over this connection.
    pub certified: HashSet<AuthorId>,
    /// Organizations whose keys went over this connection.
    pub keyed: HashSet<OrganizationId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partial {
    pub document: u32,
    /// The last position that was sent.
    pub after: Position,
}

#[derive(Debug, PartialEq)]
pub(super) enum Stage {
    /// Welcomed; has not said where to go on.
    Greeted,
    /// Tells what it holds.
    Comparing(Vec<InventoryEntry>),
    /// Is sent what it lacks.
    CatchingUp,
    /// Has everything; is sent what is new.
    Live,
}

impl Peer {
    pub fn new(device: DeviceId, certificate: Certificate, reach: Reach) -> Self {
        let body = &certificate.body;
        let subject = Subject { practitioner: body.practitioner.clone(), organization: body.organization.clone() };
        Self {
            device,
            subject,
            certificate,
            reach,
            held: RoaringBitmap::new(),
            held_is_newer: false,
            sent: RoaringBitmap::new(),
            cursor: Position::default(),
            ahead: HashMap::new(),
            gained: VecDeque::new(),
            partial: None,
            unacked: VecDeque::new(),
            stage: Stage::Greeted,
            certified: HashSet::new(),
            keyed: HashSet::new(),
        }
    }

    /// Whether it is being sent documents.
    pub fn is_served(&self) -> bool {
        matches!(self.stage, Stage::CatchingUp | Stage::Live)
    }

    /// Takes an ack: what is complete with these batches is held from now on.
    pub fn acked(&mut self, batch: u64) {
        while let Some((number, documents)) = self.unacked.pop_front_if(|(number, _)| *number <= batch) {
            debug_assert!(number <= batch, "acks are cumulative");
            for document in documents {
                self.held_is_newer |= self.held.insert(document);
            }
        }
    }
}
