//! What the relay in memory keeps of devices' accounts: trails, receipts, changes in custody, emergency access.

use std::collections::{BTreeMap, BTreeSet};

use client_core::{ChangeHash, DocumentId};
use serde_bytes::ByteBuf;
use sync_protocol::frame::{
    Answer, BatchBody, BreakGlass, BreakGlassOutcome, BreakGlassRefusal, ChangeName, CustodyReason, Decision,
    DeliveredDocument, PurgeReceipt, Refer, ReferOutcome, SealedDocument, Trail, TrailBody, TrailEntry,
};
use sync_protocol::identity::ChangeSignature;
use sync_protocol::session::RelayEvent;
use sync_protocol::{AuthorId, DocumentDescriptor, PublicKey, SealingKey, TrailHash, UnixMillis};

use crate::relay::{Connection, Relay};

/// A device's trail as the relay has it: entries with their hashes.
#[derive(Default)]
pub struct KeptTrail {
    pub entries: Vec<TrailEntry>,
    pub hashes: Vec<TrailHash>,
    /// Trails that did not continue this one.
    pub alerts: usize,
}

/// A change that waits for a privacy officer.
#[derive(Clone)]
pub struct InCustody {
    pub author: PublicKey,
    pub descriptor: DocumentDescriptor,
    pub payload: ByteBuf,
    pub deps: Vec<ChangeHash>,
}

#[derive(Default)]
pub struct Accounts {
    pub trails: BTreeMap<PublicKey, KeptTrail>,
    pub receipts: Vec<PurgeReceipt>,
    pub custody: BTreeMap<(DocumentId, ChangeHash), InCustody>,
    /// Signatures that came with them.
    pub custody_signatures: Vec<(DocumentId, ChangeSignature)>,
    /// Decisions that a device does not know of yet.
    pub decisions: Vec<(PublicKey, Decision)>,
    pub asked: Vec<BreakGlass>,
    /// What happened, in order: `trail`, `push`, `receipt`.
    pub order: Vec<&'static str>,
    /// Takes no receipt.
    pub loses_receipts: bool,
    /// Answers no trail and no receipt.
    pub is_silent: bool,
    /// What a request for emergency access is answered.
    pub emergency: Option<BreakGlassOutcome>,
    pub referred: Vec<Refer>,
    /// What a referral is answered; none if it is not.
    pub referral: Option<ReferOutcome>,
    /// Documents delivered as open by emergency access only.
    pub emergency_until: BTreeMap<DocumentId, UnixMillis>,
    /// Authors who may not write.
    pub may_not_write: BTreeSet<AuthorId>,
    /// Takes nothing into custody.
    pub refuses_custody: bool,
    /// Devices that are to be erased.
    pub wipe: BTreeSet<PublicKey>,
    /// Devices to which documents are given sealed only.
    pub sealed_only: BTreeSet<PublicKey>,
    /// What documents are sealed to for each device.
    pub sealing_keys: BTreeMap<PublicKey, SealingKey>,
    /// Stages that devices said to have on disk.
    pub staged: usize,
}

impl Relay {
    /// Takes what a device accounts for.
    pub(crate) fn account(&mut self, connection: &mut Connection, event: RelayEvent) -> Vec<RelayEvent> {
        let Some(key) = connection.key else { return Vec::new() };
        match event {
            RelayEvent::Receipt(receipt) => {
                receipt.verify(&key, &self.id).unwrap();
                self.accounts.order.push("receipt");
                let number = receipt.receipt;
                if self.accounts.is_silent || self.accounts.loses_receipts {
                    return Vec::new();
                }
                self.accounts.receipts.push(receipt);
                vec![connection.session.receipt_kept(number)]
            }
            RelayEvent::Trail { trail, body } => {
                trail.verify(&body, &key, &self.id).unwrap();
                self.accounts.order.push("trail");
                if self.accounts.is_silent {
                    return Vec::new();
                }
                let through = self.accounts.trails.entry(key).or_default().take(&trail, body);
                vec![connection.session.trail_kept(through)]
            }
            RelayEvent::Sealing(sealing) => {
                self.accounts.sealing_keys.insert(key, sealing);
                self.lay_ready(connection)
            }
            RelayEvent::Staged => {
                self.accounts.staged += 1;
                Vec::new()
            }
            RelayEvent::DecisionsKnown(known) => {
                self.accounts.decisions.retain(|(whose, decision)| *whose != key || !known.contains(&decision.change));
                Vec::new()
            }
            RelayEvent::BreakGlass(asked) => {
                let request = asked.request;
                self.accounts.asked.push(asked);
                let refused = BreakGlassOutcome::Refused(BreakGlassRefusal::NotPermitted);
                let outcome = self.accounts.emergency.clone().unwrap_or(refused);
                vec![connection.session.break_glass_answer(request, outcome)]
            }
            RelayEvent::Refer(asked) => {
                let referral = asked.referral;
                self.accounts.referred.push(asked);
                let answer = self.accounts.referral.map(|outcome| connection.session.refer_answer(referral, outcome));
                answer.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Sends all documents sealed to a device that is given nothing else.
    pub(crate) fn lay_ready(&mut self, connection: &mut Connection) -> Vec<RelayEvent> {
        let Some(key) = connection.key.filter(|key| self.accounts.sealed_only.contains(key)) else { return Vec::new() };
        let Some(sealing) = self.accounts.sealing_keys.get(&key) else { return Vec::new() };
        let sealed = self.documents.iter().map(|(id, held)| {
            let descriptor = held.descriptor.clone().unwrap();
            let delivered = DeliveredDocument {
                document: *id,
                changes: held.changes.iter().map(|(_, payload)| payload.clone()).collect(),
                signatures: held.signatures.clone(),
                descriptor: Some(descriptor.clone()),
                more: false,
                break_glass_until: None,
            };
            let body = BatchBody {
                organization_keys: self.organization_keys(),
                certificates: self.certificates.clone(),
                documents: vec![delivered],
            };
            let chart = (descriptor.organization, descriptor.patient.unwrap());
            SealedDocument::seal(sealing, chart, *id, 4 * 3_600_000, &body, [7; 32])
        });
        let sealed: Vec<_> = sealed.collect();
        if sealed.is_empty() { Vec::new() } else { vec![connection.session.stage(sealed, self.conduct.stages_more)] }
    }

    /// The decisions that a device does not know of.
    pub(crate) fn tell_decisions(&self, connection: &Connection) -> Vec<RelayEvent> {
        let mine = self.accounts.decisions.iter().filter(|(whose, _)| Some(*whose) == connection.key);
        let decisions: Vec<Decision> = mine.map(|(_, decision)| decision.clone()).collect();
        if decisions.is_empty() { Vec::new() } else { vec![connection.session.decided(decisions)] }
    }

    /// Whether a change goes to custody: none if it may go into the log.
    pub(crate) fn custody_of(
        &mut self,
        key: PublicKey,
        id: DocumentId,
        descriptor: &DocumentDescriptor,
        payload: &ByteBuf,
    ) -> Option<Answer> {
        if self.accounts.refuses_custody {
            return None;
        }
        let meta = clinical_record::inspect_change(payload).unwrap();
        let hash = ChangeHash(meta.hash);
        let author = AuthorId::of_actor(&meta.actor).unwrap();
        let deps: Vec<ChangeHash> = meta.deps.into_iter().map(ChangeHash).collect();
        let builds = deps.iter().any(|dep| self.accounts.custody.contains_key(&(id, *dep)));
        let wiped = self.accounts.wipe.contains(&key);
        let reason = match (wiped, self.accounts.may_not_write.contains(&author), builds) {
            (true, ..) => CustodyReason::DeviceRevoked,
            (_, true, _) => CustodyReason::NotPermitted,
            (_, _, true) => CustodyReason::BuildsOnCustody,
            _ => {
                self.accounts.custody.remove(&(id, hash));
                return None;
            }
        };
        let held = InCustody { author: key, descriptor: descriptor.clone(), payload: payload.clone(), deps };
        self.accounts.custody.insert((id, hash), held);
        Some(Answer::Custody(reason))
    }

    /// A privacy officer decides. Accepting needs what the change builds on to be in the log.
    pub fn decide(&mut self, document: DocumentId, hash: ChangeHash, accepted: bool, reason: &str) {
        let held = self.accounts.custody.remove(&(document, hash)).expect("in custody");
        if accepted {
            assert!(held.deps.iter().all(|dep| self.has(&document, dep)), "what it builds on is not in the log");
            self.put(document, &held.descriptor, hash, held.payload.clone());
            let signatures = self.accounts.custody_signatures.iter().filter(|(of, _)| *of == document);
            let signatures: Vec<_> = signatures.map(|(_, signature)| *signature).collect();
            self.sign(&document, &signatures);
        } else {
            self.drop_what_builds_on(&document, &hash);
        }
        let change = ChangeName { document, hash };
        self.accounts.decisions.push((held.author, Decision { change, accepted, reason: reason.to_owned() }));
    }

    /// Its author takes it out together with the returned change.
    fn drop_what_builds_on(&mut self, document: &DocumentId, hash: &ChangeHash) {
        let mut gone = BTreeSet::from([*hash]);
        loop {
            let builds = |((of, _), held): &(&(DocumentId, ChangeHash), &InCustody)| {
                of == document && held.deps.iter().any(|dep| gone.contains(dep))
            };
            let next: Vec<ChangeHash> =
                self.accounts.custody.iter().filter(builds).map(|((_, hash), _)| *hash).collect();
            if next.is_empty() {
                return;
            }
            for hash in next {
                self.accounts.custody.remove(&(*document, hash));
                gone.insert(hash);
            }
        }
    }

    /// Whether a signature covers a change in custody by itself: without one it may not go into the log by itself.
    pub fn is_signed(&self, (document, hash): &(DocumentId, ChangeHash)) -> bool {
        self.accounts.custody_signatures.iter().any(|(of, signature)| of == document && signature.tip == *hash)
    }

    /// Asks for documents in which a change waits that is not signed by itself: sent whole, it is.
    pub(crate) fn ask_for_signatures(&self, connection: &Connection) -> Vec<RelayEvent> {
        let waiting = self.accounts.custody.iter();
        let unsigned = waiting.filter(|(name, held)| Some(held.author) == connection.key && !self.is_signed(name));
        let documents: BTreeSet<DocumentId> = unsigned.map(|((document, _), _)| *document).collect();
        let asks = self.conduct.asks_for_signatures && !documents.is_empty();
        if asks { vec![connection.session.want(documents.into_iter().collect())] } else { Vec::new() }
    }

    /// What waits for a decision and could be accepted now.
    pub fn decidable(&self) -> Vec<(DocumentId, ChangeHash)> {
        let custody = self.accounts.custody.iter();
        let ready = custody.filter(|((document, _), held)| held.deps.iter().all(|dep| self.has(document, dep)));
        ready.map(|(name, _)| *name).collect()
    }
}

impl KeptTrail {
    /// Takes entries; gives the last one that is kept.
    fn take(&mut self, trail: &Trail, body: TrailBody) -> u64 {
        let have = self.hashes.len() as u64;
        if trail.first > have + 1 {
            return have;
        }
        let chain: Vec<_> = body.chain(trail.first, trail.previous).collect();
        let before = match trail.first {
            1 => TrailHash([0; 32]),
            first => self.hashes[first as usize - 2],
        };
        let continues = trail.previous == before
            && chain.iter().all(|(seq, hash)| self.hashes.get(*seq as usize - 1).is_none_or(|known| known == hash));
        if !continues {
            self.alerts += 1;
            return chain.last().map_or(have, |(seq, _)| *seq);
        }
        for ((seq, hash), entry) in chain.into_iter().zip(body.entries) {
            if seq as usize > self.hashes.len() {
                self.hashes.push(hash);
                self.entries.push(entry);
            }
        }
        self.hashes.len() as u64
    }

    pub fn actions(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.action.as_str()).collect()
    }
}
