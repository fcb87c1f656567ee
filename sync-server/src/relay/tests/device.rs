//! A device as the relay sees one: a real session, real changes, a disk that can be copied and set back. It checks every
//! delivery as devices do.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use automerge::transaction::Transactable;
use automerge::{ActorId, Change, ROOT, ReadDoc};
use sync_protocol::frame::{
    Answer, BatchBody, BreakGlassAnswer, CaughtUp, ChangeName, Cursor, Decision, DeliveredDocument, Enrolled,
    GoodbyeReason, Inventory, InventoryEntry, PushBody, PushedDocument, ReferAnswer, Resume, Resumed, SealedDocument,
    Welcome,
};
use sync_protocol::identity::{Certificate, ChangeLink, ChangeSignature, SecretKey, uncovered};
use sync_protocol::session::{ClientEvent, ClientSession, EndedBy, Intent};
use sync_protocol::{
    AuthorId, ChangeHash, Checksum, DocumentDescriptor, DocumentId, EpochId, OrganizationId, PractitionerId, PublicKey,
    UnixMillis,
};

use super::super::ConnectionId;
use super::held::{Held, hash_of, link};

/// What a device keeps.
#[derive(Clone, Default)]
pub struct Disk {
    pub cursor: Option<Cursor>,
    pub epoch: Option<EpochId>,
    pub documents: BTreeMap<DocumentId, Held>,
    /// Parts of documents that go on in the next batch.
    pub staged: BTreeMap<DocumentId, DeliveredDocument>,
    /// Documents that lie ready.
    pub sealed: BTreeMap<DocumentId, SealedDocument>,
    pub certificates: HashMap<AuthorId, Certificate>,
    pub keys: HashMap<OrganizationId, PublicKey>,
}

/// One document in one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub batch: u64,
    pub document: DocumentId,
    pub changes: usize,
    pub whole: bool,
    pub more: bool,
}

pub struct Device {
    pub secret: SecretKey,
    pub author: AuthorId,
    pub practitioner: PractitionerId,
    pub organization: OrganizationId,
    pub incarnation: u32,
    pub disk: Disk,
    pub enrolled: bool,
    pub session: Option<ClientSession>,
    pub connection: Option<ConnectionId>,
    /// Whether it acknowledges what it stores.
    pub acks: bool,
    /// Whether it answers `compare` with its inventory.
    pub tells: bool,
    /// Every byte it was ever sent, bodies unpacked, with the time it came.
    pub seen: Vec<(UnixMillis, Vec<u8>)>,
    pub answers: BTreeMap<u64, Vec<Answer>>,
    pub resumed: Vec<Resumed>,
    pub caught_up: Vec<CaughtUp>,
    /// How many sealed documents came at each time, and whether others were to follow.
    pub stages: Vec<(usize, bool)>,
    /// Whether its sum was the relay's when the relay last said that all was sent.
    pub agreed: Option<bool>,
    pub deliveries: Vec<Delivery>,
    pub withdrawn: Vec<DocumentId>,
    /// Deliveries that built on what it does not have.
    pub lacked: usize,
    pub wanted: Vec<DocumentId>,
    pub closed: Option<(EndedBy, GoodbyeReason, String)>,
    /// Whether it confirms what it removes.
    pub receipts: bool,
    /// Number of its last receipt.
    pub receipt: u64,
    pub receipts_kept: Vec<u64>,
    pub trail_kept: Vec<u64>,
    /// Whether it acts on decisions, and says so.
    pub heeds: bool,
    pub decided: Vec<Decision>,
    pub opened: Vec<BreakGlassAnswer>,
    pub referred: Vec<ReferAnswer>,
    pub welcome: Option<Welcome>,
    /// Every change that it ever made.
    pub made: BTreeSet<ChangeHash>,
    /// Documents that came as open by emergency access only, and until when.
    pub by_break_glass: BTreeMap<DocumentId, UnixMillis>,
    pushed: HashMap<u64, Vec<(DocumentId, ChangeHash)>>,
    epoch: Option<EpochId>,
}

impl Device {
    pub fn new(secret: SecretKey, practitioner: PractitionerId, organization: OrganizationId) -> Self {
        let author = AuthorId::of(&secret.public(), &practitioner);
        Self {
            secret,
            author,
            practitioner,
            organization,
            incarnation: 0,
            disk: Disk::default(),
            enrolled: false,
            session: None,
            connection: None,
            acks: true,
            tells: true,
            seen: Vec::new(),
            answers: BTreeMap::new(),
            resumed: Vec::new(),
            stages: Vec::new(),
            caught_up: Vec::new(),
            agreed: None,
            deliveries: Vec::new(),
            withdrawn: Vec::new(),
            lacked: 0,
            wanted: Vec::new(),
            closed: None,
            receipts: true,
            receipt: 0,
            receipts_kept: Vec::new(),
            trail_kept: Vec::new(),
            heeds: true,
            decided: Vec::new(),
            opened: Vec::new(),
            referred: Vec::new(),
            welcome: None,
            made: BTreeSet::new(),
            by_break_glass: BTreeMap::new(),
            pushed: HashMap::new(),
            epoch: None,
        }
    }

    pub fn open(&mut self, id: ConnectionId, intent: Intent) -> Vec<u8> {
        let (session, hello) = ClientSession::open(self.secret.clone(), intent, "test");
        (self.session, self.connection, self.closed) = (Some(session), Some(id), None);
        self.pushed.clear();
        self.answers.clear();
        self.deliveries.clear();
        self.disk.staged.clear();
        let ClientEvent::Send(bytes) = hello else { panic!("a session opens by sending") };
        bytes
    }

    pub fn resume(&self) -> Resume {
        Resume { cursor: self.disk.cursor.clone(), epoch: self.disk.epoch, compare: false }
    }

    pub fn text(&self, descriptor: &DocumentDescriptor) -> BTreeSet<String> {
        let Some(held) = self.disk.documents.get(&descriptor.id()) else { return BTreeSet::new() };
        held.content.keys(ROOT).collect()
    }

    /// Changes of a document that it shares with the relay.
    pub fn hashes(&self, descriptor: &DocumentDescriptor) -> BTreeSet<ChangeHash> {
        self.disk.documents.get(&descriptor.id()).map(|held| held.shared.clone()).unwrap_or_default()
    }

    pub fn heads(&self, descriptor: &DocumentDescriptor) -> Vec<automerge::ChangeHash> {
        let held = self.disk.documents.get(&descriptor.id());
        held.map(|held| held.content.clone().get_heads()).unwrap_or_default()
    }

    pub fn holds(&self, descriptor: &DocumentDescriptor) -> bool {
        self.disk.documents.contains_key(&descriptor.id())
    }

    /// Writes a text into a document: one change.
    pub fn edit(&mut self, descriptor: &DocumentDescriptor, text: &str) -> ChangeHash {
        let actor = ActorId::from(self.author.actor(self.incarnation).as_slice());
        let held = self.disk.documents.entry(descriptor.id()).or_insert_with(|| Held::new(descriptor));
        held.content.set_actor(actor);
        held.content.put(ROOT, text, text).unwrap();
        held.content.commit();
        let change = held.content.get_last_local_change().unwrap();
        let hash = ChangeHash(change.hash().0);
        held.unsent.push((hash, change.raw_bytes().to_vec()));
        self.made.insert(hash);
        held.sign(&self.secret, self.author, hash);
        hash
    }

    /// All unsent changes as one push, each document signed at its newest.
    pub fn unsent(&self) -> PushBody {
        let unsent = self.disk.documents.values().filter(|held| !held.unsent.is_empty());
        PushBody { certificates: Vec::new(), documents: unsent.map(|held| held.push_unsent()).collect() }
    }

    /// A document with everything known of it, whoever wrote it.
    pub fn whole(&self, documents: &[DocumentId]) -> PushBody {
        let held = documents.iter().filter_map(|id| self.disk.documents.get(id));
        PushBody {
            certificates: self.disk.certificates.values().cloned().collect(),
            documents: held.map(Held::push_whole).collect(),
        }
    }

    pub fn push(&mut self, body: &PushBody) -> Option<(u64, Vec<u8>)> {
        let (number, event) = self.session.as_mut()?.push(body)?;
        let of = |d: &PushedDocument| d.changes.iter().map(|c| (d.descriptor.id(), hash_of(c))).collect::<Vec<_>>();
        self.pushed.insert(number, body.documents.iter().flat_map(of).collect());
        let ClientEvent::Send(bytes) = event else { panic!("a push is sent") };
        Some((number, bytes))
    }

    pub fn sum(&self) -> Checksum {
        self.disk.documents.iter().fold(Checksum::default(), |sum, (id, held)| sum.plus(held.fingerprint(id)))
    }

    /// Whether it and the relay agreed when the relay last said that all was sent.
    pub fn agrees(&self) -> bool {
        self.caught_up.last().is_some_and(|caught_up| caught_up.checksum == self.sum())
    }

    /// Takes a message; gives what it sends back.
    pub fn received(&mut self, bytes: &[u8], now: UnixMillis) -> Vec<Vec<u8>> {
        self.seen.push((now, bytes.to_vec()));
        let Some(session) = &mut self.session else { return Vec::new() };
        let events = session.received(bytes);
        let mut sent = Vec::new();
        for event in events {
            self.carry_out(event, now, &mut sent);
        }
        sent
    }

    fn carry_out(&mut self, event: ClientEvent, now: UnixMillis, sent: &mut Vec<Vec<u8>>) {
        match event {
            ClientEvent::Send(bytes) => sent.push(bytes),
            ClientEvent::Enrolled(enrolled) => self.take_certificate(&enrolled),
            ClientEvent::Welcomed { welcome, .. } => {
                self.epoch = Some(welcome.epoch);
                self.welcome = Some(*welcome);
            }
            ClientEvent::Resumed(resumed) => {
                if resumed.compare && self.tells {
                    sent.extend(self.tell_inventory());
                }
                self.resumed.push(resumed);
            }
            ClientEvent::Deliver { batch, cursor, body } => {
                self.see(&body, now);
                self.store(batch, cursor, body);
                if self.acks {
                    sent.extend(self.session.as_mut().map(|session| bytes_of(session.stored(batch))));
                }
            }
            ClientEvent::CaughtUp(caught_up) => {
                (self.disk.cursor, self.disk.epoch) = (Some(caught_up.cursor.clone()), self.epoch);
                self.agreed = Some(caught_up.checksum == self.sum());
                self.caught_up.push(caught_up);
            }
            ClientEvent::Answered { push, answers } => self.answered(push, answers),
            ClientEvent::Wanted(documents) => self.wanted.extend(documents),
            ClientEvent::Withdrawn(documents) => {
                for id in &documents {
                    self.disk.documents.remove(id);
                    self.disk.staged.remove(id);
                    self.disk.sealed.remove(id);
                }
                if self.receipts {
                    sent.push(self.confirm(documents.clone(), false, now));
                }
                self.withdrawn.extend(documents);
            }
            ClientEvent::ReceiptKept(receipt) => self.receipts_kept.push(receipt),
            ClientEvent::TrailKept(through) => self.trail_kept.push(through),
            ClientEvent::Decided(decisions) => sent.extend(self.take_decisions(decisions)),
            ClientEvent::BreakGlassAnswered(answer) => self.opened.push(answer),
            ClientEvent::ReferAnswered(answer) => self.referred.push(answer),
            ClientEvent::Stage { stage, documents, more } => {
                self.stages.push((documents.len(), more));
                self.disk.sealed.extend(documents.into_iter().map(|sealed| (sealed.document, sealed)));
                sent.extend(self.session.as_mut().map(|session| bytes_of(session.staged(stage))));
            }
            ClientEvent::Closed { by, reason, detail } => self.closed = Some((by, reason, detail)),
        }
    }

    /// A receipt for what was removed.
    pub fn confirm(&mut self, documents: Vec<DocumentId>, wiped: bool, now: UnixMillis) -> Vec<u8> {
        self.receipt += 1;
        let session = self.session.as_ref().expect("a session");
        bytes_of(
            session.receipt(self.receipt, documents, wiped, now).expect("a receipt is sent once the relay is known"),
        )
    }

    fn take_decisions(&mut self, decisions: Vec<Decision>) -> Option<Vec<u8>> {
        self.decided.extend(decisions.iter().cloned());
        if !self.heeds {
            return None;
        }
        for decision in &decisions {
            let ChangeName { document, hash } = decision.change;
            let Some(held) = self.disk.documents.get_mut(&document) else { continue };
            if decision.accepted {
                held.shared.insert(hash);
            } else if held.take_out(&hash) {
                self.incarnation += 1;
                held.sign_newest_of(&self.secret, self.author);
            }
        }
        let names = decisions.into_iter().map(|decision| decision.change).collect();
        Some(bytes_of(self.session.as_ref()?.decisions_known(names)))
    }

    fn take_certificate(&mut self, enrolled: &Enrolled) {
        self.enrolled = true;
        self.disk.certificates.insert(self.author, enrolled.certificate.clone());
        self.disk.keys.insert(self.organization.clone(), enrolled.organization_key);
    }

    /// Tells what is held, a few documents a frame.
    fn tell_inventory(&mut self) -> Vec<Vec<u8>> {
        let known = self.disk.documents.iter().filter(|(_, held)| !held.shared.is_empty());
        let entries: Vec<_> =
            known.map(|(id, held)| InventoryEntry { document: *id, fingerprint: held.fingerprint(id) }).collect();
        let mut frames: Vec<_> = entries.chunks(3).map(|c| Inventory { documents: c.to_vec(), more: true }).collect();
        frames.push(Inventory { documents: Vec::new(), more: false });
        let Some(session) = &mut self.session else { return Vec::new() };
        frames.into_iter().map(|inventory| bytes_of(session.inventory(inventory))).collect()
    }

    /// Remembers a body unpacked: what is compressed cannot be searched.
    fn see(&mut self, body: &BatchBody, now: UnixMillis) {
        for delivered in &body.documents {
            let mut bytes = delivered.document.0.to_vec();
            bytes.extend(format!("{:?}", delivered.descriptor).bytes());
            delivered.changes.iter().for_each(|change| bytes.extend(change.iter()));
            self.seen.push((now, bytes));
        }
    }

    fn store(&mut self, batch: u64, cursor: Option<Cursor>, body: BatchBody) {
        for shown in body.organization_keys {
            self.disk.keys.insert(shown.organization, shown.key);
        }
        for certificate in body.certificates {
            let key = self.disk.keys.get(&certificate.body.organization).expect("key comes before its certificates");
            certificate.verify(key).expect("certificates verify");
            self.disk.certificates.insert(certificate.author(), certificate);
        }
        for delivered in body.documents {
            let DeliveredDocument { document, more, break_glass_until, .. } = delivered;
            match break_glass_until {
                Some(until) => self.by_break_glass.insert(document, until),
                None => self.by_break_glass.remove(&document),
            };
            let (changes, whole) = (delivered.changes.len(), delivered.descriptor.is_some());
            self.deliveries.push(Delivery { batch, document, changes, whole, more });
            match self.disk.staged.get_mut(&document) {
                Some(staged) => {
                    staged.changes.extend(delivered.changes);
                    staged.signatures = delivered.signatures;
                }
                None => _ = self.disk.staged.insert(document, delivered),
            }
            if !more {
                let complete = self.disk.staged.remove(&document).unwrap();
                self.apply(complete);
            }
        }
        if let Some(cursor) = cursor {
            (self.disk.cursor, self.disk.epoch) = (Some(cursor), self.epoch);
        }
    }

    /// Checks a delivery as a device does, and takes it.
    fn apply(&mut self, delivered: DeliveredDocument) {
        let id = delivered.document;
        let changes: Vec<Change> = delivered.changes.iter().map(|c| Change::try_from(&c[..]).unwrap()).collect();
        let links: Vec<ChangeLink> = changes.iter().map(link).collect();
        let verifies = |s: &ChangeSignature| {
            let certificate = self.disk.certificates.get(&s.author).expect("certificates come with signatures");
            s.verify(certificate, &id).is_ok()
        };
        assert!(delivered.signatures.iter().all(verifies), "a signature does not verify");
        let tips: Vec<_> = delivered.signatures.iter().map(|s| (s.author, s.tip)).collect();
        assert_eq!(uncovered(&links, &tips), Vec::new(), "every delivered change is vouched for");
        if let Some(descriptor) = &delivered.descriptor {
            assert_eq!(descriptor.id(), id);
            self.disk.documents.entry(id).or_insert_with(|| Held::new(descriptor));
        }
        // A device that was set back may lack what changes build on: it puts them aside, and finds by its sum that it must
        // compare.
        let Some(held) = self.disk.documents.get_mut(&id) else { return };
        let there = |hash: &ChangeHash| held.shared.contains(hash) || links.iter().any(|link| link.hash == *hash);
        if !links.iter().flat_map(|link| &link.deps).all(there) {
            self.lacked += 1;
            return;
        }
        held.content.apply_changes(changes).unwrap();
        held.shared.extend(links.iter().map(|link| link.hash));
        held.signatures.extend(delivered.signatures);
    }

    fn answered(&mut self, push: u64, answers: Vec<Answer>) {
        for ((id, hash), answer) in self.pushed.remove(&push).unwrap_or_default().into_iter().zip(&answers) {
            let Some(held) = self.disk.documents.get_mut(&id) else { continue };
            if matches!(answer, Answer::Accepted | Answer::AlreadyHad) {
                held.shared.insert(hash);
            }
            if !matches!(answer, Answer::Needs(_)) {
                held.unsent.retain(|(unsent, _)| *unsent != hash);
            }
        }
        self.answers.insert(push, answers);
    }
}

pub fn bytes_of(event: ClientEvent) -> Vec<u8> {
    let ClientEvent::Send(bytes) = event else { panic!("not to be sent: {event:?}") };
    bytes
}
