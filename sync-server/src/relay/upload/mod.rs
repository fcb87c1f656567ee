//! Uploads: each change is checked on its own, appended or answered with why not. One bad change blocks no other.

mod gateway;
mod plan;
mod read;

use std::collections::{HashMap, HashSet};

use serde_json::json;
use sync_protocol::frame::{Answer, ChangeName, CustodyReason, GoodbyeReason, PushBody, PushedDocument, RefusalReason};
use sync_protocol::identity::{Certificate, ChangeSignature};
use sync_protocol::limits::MAX_CHANGES_PER_PUSH;
use sync_protocol::{AuthorId, ChangeHash, DeviceId, DocumentDescriptor, UnixMillis};

use super::change_check::CheckedChange;
use super::custody::{Came, Intake, Room};
use super::{ConnectionId, Peer, Relay, Stage, set_fingerprint};
use crate::access::{Action, AppendPermit, Subject};
use crate::store::{CustodyMark, CustodyState, NewAuditRow, NewChange, NewDecision, StoreError, StoredSignature};
pub(in crate::relay) use plan::{Pushed, Verdict, plan};
use read::{ReadDocument, read_all};

/// Who sends, and the certificates that came along.
struct Sender {
    device: DeviceId,
    /// Under which it writes itself.
    author: AuthorId,
    subject: Subject,
    certificates: HashMap<AuthorId, Certificate>,
    /// Authors whose devices are revoked.
    revoked: HashSet<AuthorId>,
    /// The device itself is revoked and to be erased: all that it sends goes to custody.
    erasing: bool,
}

/// What of a push was read of one document, and what custody knows of it.
struct Part<'a> {
    descriptor: &'a DocumentDescriptor,
    tips: &'a [ChangeSignature],
    /// The same, by the change that was signed.
    signed: &'a HashMap<ChangeHash, ChangeSignature>,
    marks: &'a HashMap<ChangeHash, CustodyMark>,
}

/// A change to append, with what vouches for it.
pub(in crate::relay) struct Appended<'a> {
    pub change: &'a CheckedChange,
    pub bytes: &'a [u8],
    pub tips: &'a [ChangeSignature],
    /// Of its author.
    pub certificate: &'a Certificate,
    pub origin: DeviceId,
}

impl Relay {
    pub(super) fn append(
        &mut self,
        id: ConnectionId,
        push: u64,
        body: &PushBody,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        if body.documents.iter().map(|d| d.changes.len()).sum::<usize>() > MAX_CHANGES_PER_PUSH {
            self.close(id, GoodbyeReason::ProtocolViolation, "too many changes in one push");
            return Ok(());
        }
        let sender = self.sender(peer, body, now)?;
        self.begin()?;
        let (mut answers, mut room) = (Vec::new(), Room::default());
        for (document, read) in body.documents.iter().zip(read_all(&body.documents, &sender.certificates)) {
            let appended = self.append_document(id, &sender, document, read, &mut room, now)?;
            answers.extend(appended);
        }
        self.audit_push(&sender, body, &answers, now)?;
        self.alert_of_custody(sender.device, &sender.subject, room, now)?;
        self.count(&answers);
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let event = connection.session.pushed(push, answers);
        self.carry_out(id, vec![event], now);
        Ok(())
    }

    /// The sender's own certificate, and those of others that verify and that a signature needs.
    fn sender(&self, peer: &Peer, body: &PushBody, now: UnixMillis) -> Result<Sender, StoreError> {
        let (mut known, mut revoked) = (HashMap::new(), HashSet::new());
        let erasing = peer.stage == Stage::Erasing;
        // What a device leaves behind is kept even if its certificate has run out.
        if erasing || peer.certificate.check_time(now).is_ok() {
            known.insert(peer.certificate.author(), peer.certificate.clone());
        }
        if !body.certificates.is_empty() {
            let signers: HashSet<AuthorId> =
                body.documents.iter().flat_map(|d| d.signatures.iter().map(|s| s.author)).collect();
            for certificate in body.certificates.iter().filter(|c| signers.contains(&c.author())) {
                let issuer = self.store.organization_key(&certificate.body.organization)?;
                if issuer.is_some_and(|key| certificate.verify(&key).is_ok()) {
                    let device = self.store.device_by_key(&certificate.body.device_key)?;
                    if device.is_some_and(|device| device.revoked_at.is_some()) {
                        revoked.insert(certificate.author());
                    }
                    known.insert(certificate.author(), certificate.clone());
                }
            }
        }
        let (device, author) = (peer.device, peer.certificate.author());
        Ok(Sender { device, author, subject: peer.subject.clone(), certificates: known, revoked, erasing })
    }

    fn append_document(
        &mut self,
        id: ConnectionId,
        sender: &Sender,
        pushed: &PushedDocument,
        read: Option<ReadDocument>,
        room: &mut Room,
        now: UnixMillis,
    ) -> Result<Vec<Answer>, StoreError> {
        let Some(ReadDocument { id: document, checked, tips }) = read else {
            return Ok(vec![Answer::Refused(RefusalReason::BadDescriptor); pushed.changes.len()]);
        };
        let before = self.store.document(&document)?.map(|entry| entry.number);
        let may_begin = before.is_some() || self.gate.has_room_for(&pushed.descriptor);
        let sender_may_write = !sender.erasing && may_begin && self.may(&sender.subject, &pushed.descriptor, now);
        let marks = self.custody_marks(&pushed.descriptor, now)?;
        let to_plan = Pushed {
            number: before,
            changes: &checked,
            tips: tips.iter().map(|tip| (tip.author, tip.tip)).collect(),
            may_learn: sender_may_write || !sender.erasing && self.may_read(&sender.subject, &pushed.descriptor, now),
            sender: Some(sender.author),
            authors: self.authors(sender, sender_may_write, &pushed.descriptor, now),
            custody: &marks,
        };
        let verdicts = plan(self.store.as_ref(), &to_plan)?;
        let signed = tips.iter().map(|tip| (tip.tip, *tip)).collect();
        let part = Part { descriptor: &pushed.descriptor, tips: &tips, signed: &signed, marks: &marks };
        let mut answers = Vec::with_capacity(verdicts.len());
        let (mut after, mut came) = (before, Came::default());
        for ((bytes, change), verdict) in pushed.changes.iter().zip(&checked).zip(verdicts) {
            let Ok(change) = change else {
                answers.extend(answer_only(verdict));
                continue;
            };
            answers.push(match verdict {
                Verdict::Custody(reason) => {
                    self.keep_back(sender, &part, before, change, bytes, reason, room, &mut came, now)?
                }
                Verdict::Append => {
                    after = Some(self.append_change(sender, &part, change, bytes, now)?);
                    Answer::Accepted
                }
                Verdict::Answer(answer) => answer,
            });
        }
        self.keep_signatures(&document, &tips, &came)?;
        match (before, after) {
            (None, Some(number)) => self.document_begun(Some(id), &pushed.descriptor, number, now),
            (Some(number), Some(_)) if answers.contains(&Answer::Accepted) => {
                // Whoever writes to a document has it, or will: it is told if that ends.
                self.peer_mut(id).into_iter().for_each(|peer| peer.give(number));
            }
            _ => {}
        }
        Ok(answers)
    }

    /// What custody knows of a document. Accepted by somebody who may no longer decide counts as not decided.
    fn custody_marks(
        &self,
        descriptor: &DocumentDescriptor,
        now: UnixMillis,
    ) -> Result<HashMap<ChangeHash, CustodyMark>, StoreError> {
        let mut marks: HashMap<_, _> = self.store.custody_states(&descriptor.id())?.into_iter().collect();
        for mark in marks.values_mut().filter(|mark| mark.state == CustodyState::WaitsForSignature) {
            if !self.still_accepted(descriptor, mark.officer.as_ref(), now) {
                mark.state = CustodyState::Undecided;
            }
        }
        Ok(marks)
    }

    /// Authors whose certificates are at hand, and why they may not write to the document, if so. The author's right
    /// decides, whoever brings the change; a device that brings others' changes must have the right itself too.
    fn authors(
        &self,
        sender: &Sender,
        sender_may_write: bool,
        descriptor: &DocumentDescriptor,
        now: UnixMillis,
    ) -> HashMap<AuthorId, Option<CustodyReason>> {
        let decide = |author: &AuthorId, certificate: &Certificate| {
            if sender.erasing {
                Some(CustodyReason::DeviceRevoked)
            } else if !sender_may_write {
                Some(CustodyReason::NotPermitted)
            } else if sender.revoked.contains(author) {
                // When it was made cannot be told: by a thief after the loss, perhaps.
                Some(CustodyReason::DeviceRevoked)
            } else {
                (!self.may(&subject_of(certificate), descriptor, now)).then_some(CustodyReason::NotPermitted)
            }
        };
        sender.certificates.iter().map(|(author, certificate)| (*author, decide(author, certificate))).collect()
    }

    fn may(&self, subject: &Subject, descriptor: &DocumentDescriptor, now: UnixMillis) -> bool {
        self.gate.append_permit(subject, descriptor, now).is_some()
    }

    fn may_read(&self, subject: &Subject, descriptor: &DocumentDescriptor, now: UnixMillis) -> bool {
        self.gate.decide(subject, descriptor, Action::Read, now)
    }

    fn append_change(
        &mut self,
        sender: &Sender,
        part: &Part<'_>,
        change: &CheckedChange,
        bytes: &[u8],
        now: UnixMillis,
    ) -> Result<u32, StoreError> {
        let certificate = sender.certificates.get(&change.link.author).ok_or(StoreError::NotPermitted)?;
        let mark = part.marks.get(&change.link.hash);
        let permit = match mark.filter(|mark| mark.state == CustodyState::WaitsForSignature) {
            Some(mark) => {
                let (practitioner, organization) = mark.officer.clone().ok_or(StoreError::NotPermitted)?;
                let officer = Subject { practitioner, organization };
                self.gate.custody_append_permit(&officer, part.descriptor, now)
            }
            None => self.gate.append_permit(&subject_of(certificate), part.descriptor, now),
        };
        let permit = permit.ok_or(StoreError::NotPermitted)?;
        let appended = Appended { change, bytes, tips: part.tips, certificate, origin: sender.device };
        let number = self.append_permitted(&permit, &appended, now)?;
        if let Some(mark) = mark {
            let name = ChangeName { document: part.descriptor.id(), hash: change.link.hash };
            self.out_of_custody(&name, mark, now)?;
            for device in self.store.devices_to_tell(&name)? {
                // The sender hears it as the answer to its push. Others than its author have no business to hear that it came.
                if device == sender.device || device != certificate.device() {
                    self.store.notice_known(&device, &name)?;
                }
            }
        }
        Ok(number)
    }

    /// A change that was in custody went into the log: as accepted, or because its author may write now.
    fn out_of_custody(&mut self, name: &ChangeName, mark: &CustodyMark, now: UnixMillis) -> Result<(), StoreError> {
        if mark.state != CustodyState::WaitsForSignature {
            let decision = NewDecision { accepted: true, officer: None, reason: String::new(), at: now };
            self.store.decide_custody(name, &decision)?;
        }
        self.store.custody_in_log(name)?;
        self.tell_of(name)
    }

    pub(in crate::relay) fn append_permitted(
        &mut self,
        permit: &AppendPermit<'_>,
        appended: &Appended<'_>,
        now: UnixMillis,
    ) -> Result<u32, StoreError> {
        let Appended { change, bytes, tips, certificate, origin } = *appended;
        let new = NewChange {
            hash: change.link.hash,
            actor: &change.actor,
            seq: change.seq,
            max_op: change.max_op,
            origin,
            received_at: now,
            payload: bytes,
        };
        let (number, position) = self.store.append(permit, &new)?;
        let signs = |tip: &&ChangeSignature| tip.tip == change.link.hash && tip.author == change.link.author;
        if let Some(tip) = tips.iter().find(signs) {
            let stored = StoredSignature { actor: change.actor.clone(), seq: change.seq, signature: *tip };
            self.store.put_signature(permit, number, &stored)?;
            self.store.put_certificate(certificate)?;
        }
        let before = self.fingerprints.get(number as usize).copied().unwrap_or_default();
        let document = permit.descriptor().id();
        set_fingerprint(&mut self.fingerprints, number, before.with(&document, &change.link.hash));
        self.head = position;
        self.news = true;
        Ok(number)
    }

    /// A document is new: everyone's reach may grow by it, and its sender, if a device brought it, holds it already.
    pub(in crate::relay) fn document_begun(
        &mut self,
        sender: Option<ConnectionId>,
        descriptor: &DocumentDescriptor,
        number: u32,
        now: UnixMillis,
    ) {
        self.gate.document_added(descriptor, number);
        for (id, connection) in &mut self.connections {
            let Some(peer) = &mut connection.peer else { continue };
            self.gate.extend(&mut peer.reach, descriptor, number, now);
            if !peer.is_served() || !peer.reach.documents().contains(number) {
                continue;
            }
            if Some(*id) == sender {
                peer.sent.insert(number);
                peer.holdings.held.insert(number);
                peer.give(number);
            } else {
                peer.gained.push_back(number);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a change in custody is made of just these")]
    fn keep_back(
        &mut self,
        sender: &Sender,
        part: &Part<'_>,
        number: Option<u32>,
        change: &CheckedChange,
        bytes: &[u8],
        reason: CustodyReason,
        room: &mut Room,
        came: &mut Came,
        now: UnixMillis,
    ) -> Result<Answer, StoreError> {
        // It may not learn so, but what is in the log needs no decision.
        if let Some(number) = number
            && self.store.change(number, &change.link.hash)?.is_some()
        {
            return Ok(Answer::Custody(reason));
        }
        let certificate = sender.certificates.get(&change.link.author).ok_or(StoreError::NotPermitted)?;
        let intake = Intake {
            device: sender.device,
            erasing: sender.erasing,
            descriptor: part.descriptor,
            certificate,
            signature: part.signed.get(&change.link.hash).copied().filter(|s| s.author == change.link.author),
            change,
            bytes,
            reason,
            marks: part.marks,
        };
        self.take_custody(&intake, room, came, now)
    }

    fn audit_push(
        &mut self,
        sender: &Sender,
        body: &PushBody,
        answers: &[Answer],
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let mut rest = answers;
        let mut documents = Vec::with_capacity(body.documents.len());
        for document in &body.documents {
            let (of_document, others) = rest.split_at(document.changes.len());
            rest = others;
            let count = |wanted: fn(&Answer) -> bool| of_document.iter().filter(|a| wanted(a)).count();
            documents.push(json!([
                document.descriptor.id(),
                count(|a| matches!(a, Answer::Accepted)),
                count(|a| matches!(a, Answer::Custody(_))),
                count(|a| matches!(a, Answer::Refused(_))),
            ]));
        }
        self.audit(&NewAuditRow {
            at: now,
            action: "write",
            device: Some(sender.device),
            practitioner: Some(sender.subject.practitioner.clone()),
            organization: Some(sender.subject.organization.clone()),
            detail: json!({ "documents-accepted-custody-refused": documents }),
        })
    }

    fn count(&self, answers: &[Answer]) {
        for answer in answers {
            match answer {
                Answer::Accepted => self.metrics.changes_accepted.inc(),
                Answer::AlreadyHad => self.metrics.changes_repeated.inc(),
                Answer::Custody(_) => self.metrics.changes_in_custody.inc(),
                Answer::Needs(_) | Answer::Refused(_) => self.metrics.changes_refused.inc(),
            }
        }
    }
}

fn answer_only(verdict: Verdict) -> Option<Answer> {
    if let Verdict::Answer(answer) = verdict { Some(answer) } else { None }
}

fn subject_of(certificate: &Certificate) -> Subject {
    let body = &certificate.body;
    Subject { practitioner: body.practitioner.clone(), organization: body.organization.clone() }
}
