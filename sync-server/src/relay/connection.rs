//! What the relay keeps of one connection.

use std::collections::{HashMap, HashSet, VecDeque};

use roaring::RoaringBitmap;
use sync_protocol::identity::Certificate;
use sync_protocol::session::RelaySession;
use sync_protocol::{AuthorId, DeviceId, OrganizationId, UnixMillis};

use super::staging::LaidReady;
use crate::access::{Reach, Subject};
use crate::accounts::Origin;
use crate::store::{Holdings, Position};

/// A connection, in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

pub(super) struct Connection {
    pub session: RelaySession,
    /// Where it comes from.
    pub origin: Origin,
    /// Present once the device is known.
    pub peer: Option<Peer>,
    /// The first tick that found it without a known device.
    pub waiting_since: Option<UnixMillis>,
    /// Its goodbye is said: nothing more is sent.
    pub ending: bool,
}

impl Connection {
    pub fn new(session: RelaySession, origin: Origin) -> Self {
        Self { session, origin, peer: None, waiting_since: None, ending: false }
    }
}

/// The device at the other end, and how far it is served. Memory: sets of document numbers, never documents.
pub(super) struct Peer {
    pub device: DeviceId,
    pub subject: Subject,
    pub certificate: Certificate,
    /// What its practitioner may receive.
    pub reach: Reach,
    /// What it was given and what it acknowledged.
    pub holdings: Holdings,
    /// `holdings` have changed since they were stored.
    pub holdings_are_newer: bool,
    /// What it holds and what is on its way.
    pub sent: RoaringBitmap,
    /// Of every document in `sent`, everything up to here was sent.
    pub cursor: Position,
    /// Documents that were sent further than `cursor`.
    pub ahead: HashMap<u32, Position>,
    /// Documents to send whole, in order.
    pub gained: VecDeque<u32>,
    /// A document of which a part was sent.
    pub partial: Option<Partial>,
    /// Batches on their way.
    pub unacked: VecDeque<Unacked>,
    pub stage: Stage,
    /// Authors whose certificates went over this connection.
    pub certified: HashSet<AuthorId>,
    /// Organizations whose keys went over this connection.
    pub keyed: HashSet<OrganizationId>,
    pub laid_ready: LaidReady,
}

/// A batch on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unacked {
    pub batch: u64,
    /// Documents that are complete with it.
    pub documents: Vec<u32>,
    /// Its row in the audit trail.
    pub row: u64,
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
    Comparing(Comparison),
    /// Is sent what it lacks.
    CatchingUp,
    /// Has everything; is sent what is new.
    Live,
    /// Is to erase itself: accounts for itself, and is given nothing.
    Erasing,
}

/// What an inventory has told so far. Memory: sets of numbers, however long the inventory.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Comparison {
    /// Where the log ended when it began: what came later is sent, whatever the inventory says of it.
    pub since: Position,
    /// Documents that the device holds exactly as the log does.
    pub equal: RoaringBitmap,
    /// Documents of the log that the device says to hold.
    pub claimed: RoaringBitmap,
    /// Entries so far.
    pub entries: usize,
}

/// Documents, of those that a device holds, that it was given under another mark of emergency access than they are open by
/// now: it would remove them too early, or too late.
pub(super) fn marked_otherwise(held: &RoaringBitmap, holdings: &Holdings, reach: &Reach) -> RoaringBitmap {
    let given: RoaringBitmap = holdings.marked.keys().copied().collect();
    let differs = |number: &u32| reach.break_glass_until(*number) != holdings.marked.get(number).copied();
    let marked = (given | reach.only_by_break_glass()) & held & reach.documents();
    marked.into_iter().filter(differs).collect()
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
            holdings: Holdings::default(),
            holdings_are_newer: false,
            sent: RoaringBitmap::new(),
            cursor: Position::default(),
            ahead: HashMap::new(),
            gained: VecDeque::new(),
            partial: None,
            unacked: VecDeque::new(),
            stage: Stage::Greeted,
            certified: HashSet::new(),
            keyed: HashSet::new(),
            laid_ready: LaidReady::default(),
        }
    }

    /// Whether it is being sent documents.
    pub fn is_served(&self) -> bool {
        matches!(self.stage, Stage::CatchingUp | Stage::Live)
    }

    /// Takes an ack: what is complete with these batches is held from now on. Gives the batches' rows in the audit trail.
    pub fn acked(&mut self, batch: u64) -> Vec<u64> {
        let mut rows = Vec::new();
        while let Some(acked) = self.unacked.pop_front_if(|unacked| unacked.batch <= batch) {
            for document in acked.documents {
                self.holdings_are_newer |= self.holdings.held.insert(document);
            }
            rows.push(acked.row);
        }
        rows
    }

    /// Takes note that something of a document goes to the device.
    pub fn give(&mut self, document: u32) {
        self.holdings_are_newer |= self.holdings.give(document);
    }

    /// Has documents sent once more, whole, as the device does not have them as it should.
    pub fn send_again(&mut self, documents: &RoaringBitmap) {
        self.holdings.held -= documents;
        self.holdings_are_newer |= !documents.is_empty();
        self.forget_sent(documents);
    }

    /// An ack of a batch that is still on its way does not count for these documents.
    fn forget_sent(&mut self, documents: &RoaringBitmap) {
        self.sent -= documents;
        self.ahead.retain(|number, _| !documents.contains(*number));
        for unacked in &mut self.unacked {
            unacked.documents.retain(|number| !documents.contains(*number));
        }
    }

    /// Forgets documents that the device is told to remove. An ack of a batch that is still on its way brings none back.
    pub fn withdraw(&mut self, lost: &RoaringBitmap) {
        self.holdings.withdraw(lost);
        self.holdings_are_newer = true;
        self.forget_sent(lost);
        self.partial = self.partial.filter(|partial| !lost.contains(partial.document));
    }
}
