//! A relay in memory: accepts what is signed, gives everything to everybody, and can be told to misbehave.

use std::collections::{BTreeMap, BTreeSet};

use client_core::{ChangeHash, DocumentId, OrganizationId, PractitionerId, UnixMillis};
use serde_bytes::ByteBuf;
use sync_protocol::frame::{
    Answer, BatchBody, CaughtUp, Cursor, DeliveredDocument, Enrolled, GoodbyeReason, InventoryEntry, OrganizationKey,
    Packed, PushBody, RefusalReason, Resumed, Welcome,
};
use sync_protocol::identity::{Certificate, CertificateBody, ChangeSignature, SecretKey};
use sync_protocol::limits::Limits;
use sync_protocol::session::{RelayEvent, RelaySession};
use sync_protocol::{Checksum, DocumentDescriptor, EpochId, Nonce, PublicKey, RelayId};

use crate::ledger::Accounts;

pub const DAY_MS: u64 = 86_400_000;

#[derive(Clone, Default)]
pub struct Held {
    pub descriptor: Option<DocumentDescriptor>,
    pub changes: Vec<(ChangeHash, ByteBuf)>,
    pub signatures: Vec<ChangeSignature>,
}

/// How the relay misbehaves, or decides.
#[derive(Clone, Default)]
pub struct Conduct {
    /// Answers every new change so.
    pub answer: Option<Answer>,
    /// Adds to every checksum that it says.
    pub checksum_off: u128,
    /// Ends every connection with this after the proof.
    pub goodbye: Option<GoodbyeReason>,
    /// Keeps these certificates to itself.
    pub hide_certificates: bool,
    /// Cuts documents into parts of one change.
    pub one_change_a_batch: bool,
    /// Takes no larger frame; none for the usual bound.
    pub frame_bytes: Option<u32>,
    /// Has each change that waits for a decision signed by itself.
    pub asks_for_signatures: bool,
    /// Says these in every welcome.
    pub withdraw: Vec<DocumentId>,
    /// Announces sealed documents when it says that all was sent.
    pub stages: bool,
    /// Announces more with each sealed documents.
    pub stages_more: bool,
}

pub struct Relay {
    pub id: RelayId,
    pub epoch: EpochId,
    pub documents: BTreeMap<DocumentId, Held>,
    pub certificates: Vec<Certificate>,
    pub organizations: BTreeMap<OrganizationId, SecretKey>,
    pub conduct: Conduct,
    pub now: UnixMillis,
    /// Connections that came as far as a resume, and whether each compared.
    pub resumes: Vec<bool>,
    pub accounts: Accounts,
    log: Vec<(DocumentId, ChangeHash)>,
}

/// One connection of a device.
pub struct Connection {
    pub session: RelaySession,
    pub key: Option<PublicKey>,
    comparing: bool,
    inventory: Vec<InventoryEntry>,
}

impl Relay {
    pub fn new() -> Self {
        Self {
            id: RelayId([1; 16]),
            epoch: EpochId([1; 16]),
            documents: BTreeMap::new(),
            certificates: Vec::new(),
            organizations: BTreeMap::new(),
            conduct: Conduct::default(),
            now: UnixMillis(1_000_000),
            resumes: Vec::new(),
            accounts: Accounts::default(),
            log: Vec::new(),
        }
    }

    pub fn enroll(&mut self, device_key: PublicKey, organization: &str, practitioner: &str) -> Enrolled {
        let organization = OrganizationId::new(organization).unwrap();
        let fresh = SecretKey::from_seed([0x40 + self.organizations.len() as u8; 32]);
        let key = self.organizations.entry(organization.clone()).or_insert(fresh);
        let body = CertificateBody {
            device_key,
            practitioner: PractitionerId::new(practitioner).unwrap(),
            organization,
            not_before: UnixMillis(0),
            not_after: UnixMillis(i64::MAX),
        };
        let certificate = Certificate::issue(key, body);
        self.certificates.push(certificate.clone());
        Enrolled {
            relay: self.id,
            device: certificate.device(),
            organization_key: key.public(),
            certificate,
            organization_name: "Organization".into(),
            practitioner_name: "Practitioner".into(),
            lease_ms: 7 * DAY_MS,
        }
    }

    fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits { frame_bytes: self.conduct.frame_bytes.unwrap_or(usual.frame_bytes), ..usual }
    }

    pub fn connect(&self) -> Connection {
        let session = RelaySession::new(self.id, Nonce([9; 32]), self.limits());
        Connection { session, key: None, comparing: false, inventory: Vec::new() }
    }

    /// Takes one message; gives those to send back, and whether the connection is over.
    pub fn received(&mut self, connection: &mut Connection, bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let mut events = connection.session.received(bytes);
        let (mut out, mut over) = (Vec::new(), false);
        while !events.is_empty() {
            let mut next = Vec::new();
            for event in events {
                match event {
                    RelayEvent::Send(bytes) => out.push(bytes),
                    RelayEvent::Closed { .. } => over = true,
                    event => next.extend(self.answer(connection, event)),
                }
            }
            events = next;
        }
        (out, over)
    }

    fn answer(&mut self, connection: &mut Connection, event: RelayEvent) -> Vec<RelayEvent> {
        match event {
            RelayEvent::Authenticate(key) => {
                connection.key = Some(key);
                self.greet(connection, &key)
            }
            RelayEvent::Resume(resume) => {
                connection.comparing = resume.compare || resume.epoch.is_some_and(|epoch| epoch != self.epoch);
                self.resumes.push(connection.comparing);
                if connection.comparing {
                    return vec![connection.session.resumed(Resumed { documents: 0, compare: true })];
                }
                let from = resume.cursor.map_or(0, |c| usize::from_be_bytes(c.0.as_slice().try_into().unwrap()));
                let mut events = self.tell_decisions(connection);
                events.extend(self.ask_for_signatures(connection));
                let wanted: BTreeSet<_> = self.log[from.min(self.log.len())..].iter().copied().collect();
                events.extend(self.deliver(connection, |document, hash| wanted.contains(&(*document, *hash))));
                events
            }
            RelayEvent::Inventory { documents, more } => {
                connection.inventory.extend(documents);
                if more { Vec::new() } else { self.compare(connection) }
            }
            RelayEvent::Append { push, body } => {
                self.accounts.order.push("push");
                let answers = self.append(connection, body);
                vec![connection.session.pushed(push, answers)]
            }
            event => self.account(connection, event),
        }
    }

    fn greet(&self, connection: &mut Connection, key: &PublicKey) -> Vec<RelayEvent> {
        if let Some(reason) = self.conduct.goodbye {
            return connection.session.close(reason, "told to");
        }
        assert!(self.certificates.iter().any(|c| c.body.device_key == *key), "the device is not enrolled");
        let welcome = Welcome {
            epoch: self.epoch,
            limits: self.limits(),
            lease_ms: 7 * DAY_MS,
            now: self.now,
            wipe: self.accounts.wipe.contains(key),
            sealing: self.accounts.sealed_only.contains(key) && !self.accounts.sealing_keys.contains_key(key),
            dictionary: None,
        };
        connection.session.welcome(welcome)
    }

    fn compare(&mut self, connection: &mut Connection) -> Vec<RelayEvent> {
        let theirs: BTreeMap<_, _> = connection.inventory.iter().map(|e| (e.document, e.fingerprint)).collect();
        let differs = |id: &DocumentId| theirs.get(id) != self.documents.get(id).map(|d| sum(id, d)).as_ref();
        let wanted: Vec<DocumentId> = theirs.keys().filter(|id| differs(id)).copied().collect();
        let different: BTreeSet<DocumentId> = self.documents.keys().filter(|id| differs(id)).copied().collect();
        let mut events = vec![connection.session.want(wanted)];
        events.extend(self.deliver(connection, |document, _| different.contains(document)));
        events
    }

    fn deliver(
        &mut self,
        connection: &mut Connection,
        wanted: impl Fn(&DocumentId, &ChangeHash) -> bool,
    ) -> Vec<RelayEvent> {
        let sealed_only = connection.key.is_some_and(|key| self.accounts.sealed_only.contains(&key));
        let mut parts = Vec::new();
        for (id, held) in self.documents.iter().filter(|_| !sealed_only) {
            let changes: Vec<_> = held.changes.iter().filter(|(hash, _)| wanted(id, hash)).collect();
            if changes.is_empty() {
                continue;
            }
            let size = if self.conduct.one_change_a_batch { 1 } else { changes.len() };
            let count = changes.len().div_ceil(size);
            for (at, part) in changes.chunks(size).enumerate() {
                let last = at + 1 == count;
                parts.push(DeliveredDocument {
                    document: *id,
                    descriptor: if at == 0 { held.descriptor.clone() } else { None },
                    changes: part.iter().map(|(_, payload)| payload.clone()).collect(),
                    signatures: if last { held.signatures.clone() } else { Vec::new() },
                    more: !last,
                    break_glass_until: self.accounts.emergency_until.get(id).copied(),
                });
            }
        }
        let mut events = vec![connection.session.resumed(Resumed { documents: parts.len() as u64, compare: false })];
        if !self.conduct.withdraw.is_empty() {
            events.push(connection.session.withdraw(self.conduct.withdraw.clone()));
        }
        // Far below the size of a frame.
        let batch = if self.conduct.one_change_a_batch { 1 } else { 100 };
        // Without documents too: keys and certificates come with a batch.
        let batches: Vec<&[DeliveredDocument]> =
            if parts.is_empty() { vec![&[]] } else { parts.chunks(batch).collect() };
        for documents in batches {
            let body = BatchBody {
                organization_keys: self.organization_keys(),
                certificates: if self.conduct.hide_certificates { Vec::new() } else { self.certificates.clone() },
                documents: documents.to_vec(),
            };
            events.push(connection.session.deliver(None, Packed::pack(&body)).1);
        }
        let checksum = if sealed_only { Checksum::default() } else { self.checksum() };
        events.push(connection.session.caught_up(CaughtUp {
            cursor: self.cursor(),
            checksum,
            stage: self.conduct.stages,
        }));
        events.extend(self.lay_ready(connection));
        events
    }

    /// The keys of all organizations.
    pub fn organization_keys(&self) -> Vec<OrganizationKey> {
        let key = |(organization, key): (&OrganizationId, &SecretKey)| OrganizationKey {
            organization: organization.clone(),
            key: key.public(),
        };
        self.organizations.iter().map(key).collect()
    }

    fn cursor(&self) -> Cursor {
        Cursor(ByteBuf::from(self.log.len().to_be_bytes().to_vec()))
    }

    fn checksum(&self) -> Checksum {
        let withdrawn = |id: &DocumentId| self.conduct.withdraw.contains(id);
        let held = self.documents.iter().filter(|(id, _)| !withdrawn(id));
        let sum = held.fold(Checksum::default(), |total, (id, held)| total.plus(sum(id, held)));
        sum.plus(Checksum(self.conduct.checksum_off))
    }

    fn append(&mut self, connection: &Connection, body: PushBody) -> Vec<Answer> {
        let mut answers = Vec::new();
        for pushed in body.documents {
            let id = pushed.descriptor.id();
            for payload in pushed.changes {
                let custody = self.custody_of(connection.key.unwrap(), id, &pushed.descriptor, &payload);
                let is_known = self.has(&id, &ChangeHash(clinical_record::inspect_change(&payload).unwrap().hash));
                let answer = match custody.filter(|_| !is_known) {
                    Some(answer) => answer,
                    None => self.append_one(id, &pushed.descriptor, payload),
                };
                answers.push(answer);
            }
            self.accounts.custody_signatures.extend(pushed.signatures.iter().map(|signature| (id, *signature)));
            self.sign(&id, &pushed.signatures);
        }
        self.documents.retain(|_, held| !held.changes.is_empty());
        answers
    }

    /// Keeps signatures whose change is in the log.
    pub fn sign(&mut self, id: &DocumentId, signatures: &[ChangeSignature]) {
        if let Some(held) = self.documents.get_mut(id) {
            for signature in signatures.iter().copied() {
                if held.changes.iter().any(|(hash, _)| *hash == signature.tip) && !held.signatures.contains(&signature)
                {
                    held.signatures.push(signature);
                }
            }
        }
    }

    pub fn has(&self, id: &DocumentId, hash: &ChangeHash) -> bool {
        self.documents.get(id).is_some_and(|held| held.changes.iter().any(|(known, _)| known == hash))
    }

    /// Puts a change into the log.
    pub fn put(&mut self, id: DocumentId, descriptor: &DocumentDescriptor, hash: ChangeHash, payload: ByteBuf) {
        let held = self.documents.entry(id).or_default();
        held.descriptor = Some(descriptor.clone());
        held.changes.push((hash, payload));
        self.log.push((id, hash));
    }

    fn append_one(&mut self, id: DocumentId, descriptor: &DocumentDescriptor, payload: ByteBuf) -> Answer {
        let meta = clinical_record::inspect_change(&payload).unwrap();
        let hash = ChangeHash(meta.hash);
        let held = self.documents.entry(id).or_default();
        let has = |hash: &ChangeHash| held.changes.iter().any(|(known, _)| known == hash);
        if has(&hash) {
            return Answer::AlreadyHad;
        }
        if let Some(answer) = &self.conduct.answer {
            return answer.clone();
        }
        let missing: Vec<ChangeHash> = meta.deps.iter().map(|d| ChangeHash(*d)).filter(|d| !has(d)).collect();
        if !missing.is_empty() {
            return Answer::Needs(missing);
        }
        let same_place = |(_, known): &(ChangeHash, ByteBuf)| {
            let known = clinical_record::inspect_change(known).unwrap();
            known.actor == meta.actor && known.seq == meta.seq
        };
        if held.changes.iter().any(same_place) {
            return Answer::Refused(RefusalReason::SequenceReused);
        }
        self.put(id, descriptor, hash, payload);
        Answer::Accepted
    }

    /// Forgets the newest `count` changes, as a restored backup would.
    pub fn set_back(&mut self, count: usize) {
        for (id, hash) in self.log.split_off(self.log.len() - count) {
            let held = self.documents.get_mut(&id).unwrap();
            held.changes.retain(|(known, _)| *known != hash);
            held.signatures.retain(|signature| signature.tip != hash);
        }
        self.documents.retain(|_, held| !held.changes.is_empty());
        self.epoch = EpochId([self.epoch.0[0] + 1; 16]);
    }

    pub fn changes(&self) -> usize {
        self.documents.values().map(|held| held.changes.len()).sum()
    }
}

fn sum(id: &DocumentId, held: &Held) -> Checksum {
    held.changes.iter().fold(Checksum::default(), |sum, (hash, _)| sum.with(id, hash))
}
