//! Uploads: each change is checked on its own, appended or answered with why not. One bad change blocks no other.

mod plan;
mod read;

use std::collections::{HashMap, HashSet};

use serde_json::json;
use sync_protocol::frame::{Answer, CustodyReason, GoodbyeReason, PushBody, PushedDocument, RefusalReason};
use sync_protocol::identity::{Certificate, ChangeSignature};
use sync_protocol::limits::MAX_CHANGES_PER_PUSH;
use sync_protocol::{AuthorId, DeviceId, DocumentDescriptor, UnixMillis};

use super::change_check::CheckedChange;
use super::{ConnectionId, Peer, Relay, set_fingerprint};
use crate::access::Subject;
use crate::store::{CustodyEntry, NewAuditRow, NewChange, StoreError, StoredSignature};
use plan::{Pushed, Verdict, plan};
use read::{ReadDocument, read_all};

/// Who sends, and the certificates that came along.
struct Sender {
    device: DeviceId,
    subject: Subject,
    certificates: HashMap<AuthorId, Certificate>,
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
        let mut answers = Vec::new();
        for (document, read) in body.documents.iter().zip(read_all(&body.documents, &sender.certificates)) {
            let appended = self.append_document(id, &sender, document, read, now)?;
            answers.extend(appended);
        }
        self.audit_push(&sender, body, &answers, now)?;
        self.count(&answers);
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let event = connection.session.pushed(push, answers);
        self.carry_out(id, vec![event], now);
        Ok(())
    }

    /// The sender's own certificate, and those of others that verify and that a signature needs.
    fn sender(&self, peer: &Peer, body: &PushBody, now: UnixMillis) -> Result<Sender, StoreError> {
        let mut known = HashMap::new();
        if peer.certificate.check_time(now).is_ok() {
            known.insert(peer.certificate.author(), peer.certificate.clone());
        }
        if !body.certificates.is_empty() {
            let organizations = self.store.organizations()?;
            let signers: HashSet<AuthorId> =
                body.documents.iter().flat_map(|d| d.signatures.iter().map(|s| s.author)).collect();
            for certificate in body.certificates.iter().filter(|c| signers.contains(&c.author())) {
                let issuer = organizations.iter().find(|o| o.id == certificate.body.organization);
                if issuer.is_some_and(|o| certificate.verify(&o.key.public()).is_ok()) {
                    known.insert(certificate.author(), certificate.clone());
                }
            }
        }
        Ok(Sender { device: peer.device, subject: peer.subject.clone(), certificates: known })
    }

    fn append_document(
        &mut self,
        id: ConnectionId,
        sender: &Sender,
        pushed: &PushedDocument,
        read: Option<ReadDocument>,
        now: UnixMillis,
    ) -> Result<Vec<Answer>, StoreError> {
        let Some(ReadDocument { id: document, checked, tips }) = read else {
            return Ok(vec![Answer::Refused(RefusalReason::BadDescriptor); pushed.changes.len()]);
        };
        let before = self.store.document(&document)?.map(|entry| entry.number);
        let sender_may_write = self.may(&sender.subject, &pushed.descriptor, now);
        let to_plan = Pushed {
            document,
            number: before,
            changes: &checked,
            tips: tips.iter().map(|tip| (tip.author, tip.tip)).collect(),
            sender_may_write,
            authors: self.authors(sender, sender_may_write, &pushed.descriptor, now),
        };
        let verdicts = plan(self.store.as_ref(), &to_plan)?;
        let mut answers = Vec::with_capacity(verdicts.len());
        let mut after = before;
        for ((bytes, change), verdict) in pushed.changes.iter().zip(&checked).zip(verdicts) {
            let (Ok(change), Verdict::Append | Verdict::Custody(_)) = (change, &verdict) else {
                answers.extend(answer_only(verdict));
                continue;
            };
            answers.push(match verdict {
                Verdict::Custody(reason) => {
                    self.take_custody(sender, &pushed.descriptor, &tips, change, bytes, reason, now)?
                }
                _ => {
                    after = Some(self.append_change(sender, &pushed.descriptor, &tips, change, bytes, now)?);
                    Answer::Accepted
                }
            });
        }
        match (before, after) {
            (None, Some(number)) => self.document_begun(id, &pushed.descriptor, number, now),
            (Some(number), Some(_)) if answers.contains(&Answer::Accepted) => {
                // Whoever writes to a document has it, or will: it is told if that ends.
                self.peer_mut(id).into_iter().for_each(|peer| peer.give(number));
            }
            _ => {}
        }
        Ok(answers)
    }

    /// Authors whose certificates are at hand, and whether they may write to the document. The author's right decides,
    /// whoever brings the change; a device that brings others' changes must have the right itself too.
    fn authors(
        &self,
        sender: &Sender,
        sender_may_write: bool,
        descriptor: &DocumentDescriptor,
        now: UnixMillis,
    ) -> HashMap<AuthorId, bool> {
        let decide =
            |certificate: &Certificate| sender_may_write && self.may(&subject_of(certificate), descriptor, now);
        sender.certificates.iter().map(|(author, certificate)| (*author, decide(certificate))).collect()
    }

    fn may(&self, subject: &Subject, descriptor: &DocumentDescriptor, now: UnixMillis) -> bool {
        self.gate.append_permit(subject, descriptor, now).is_some()
    }

    fn append_change(
        &mut self,
        sender: &Sender,
        descriptor: &DocumentDescriptor,
        tips: &[ChangeSignature],
        change: &CheckedChange,
        bytes: &[u8],
        now: UnixMillis,
    ) -> Result<u32, StoreError> {
        let certificate = sender.certificates.get(&change.link.author).ok_or(StoreError::NotPermitted)?;
        let permit = self.gate.append_permit(&subject_of(certificate), descriptor, now);
        let permit = permit.ok_or(StoreError::NotPermitted)?;
        let new = NewChange {
            hash: change.link.hash,
            actor: &change.actor,
            seq: change.seq,
            max_op: change.max_op,
            origin: sender.device,
            received_at: now,
            payload: bytes,
        };
        let (number, position) = self.store.append(&permit, &new)?;
        let signs = |tip: &&ChangeSignature| tip.tip == change.link.hash && tip.author == change.link.author;
        if let Some(tip) = tips.iter().find(signs) {
            let stored = StoredSignature { actor: change.actor.clone(), seq: change.seq, signature: *tip };
            self.store.put_signature(&permit, number, &stored)?;
            self.store.put_certificate(certificate)?;
        }
        let before = self.fingerprints.get(number as usize).copied().unwrap_or_default();
        set_fingerprint(&mut self.fingerprints, number, before.with(&descriptor.id(), &change.link.hash));
        self.head = position;
        self.news = true;
        Ok(number)
    }

    /// A document is new: everyone's reach may grow by it, and its sender holds it already.
    fn document_begun(&mut self, sender: ConnectionId, descriptor: &DocumentDescriptor, number: u32, now: UnixMillis) {
        self.gate.document_added(descriptor, number);
        for (id, connection) in &mut self.connections {
            let Some(peer) = &mut connection.peer else { continue };
            self.gate.extend(&mut peer.reach, &peer.subject, descriptor, number, now);
            if !peer.is_served() || !peer.reach.documents().contains(number) {
                continue;
            }
            if id == &sender {
                peer.sent.insert(number);
                peer.holdings.held.insert(number);
                peer.give(number);
            } else {
                peer.gained.push_back(number);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a custody row is made of just these")]
    fn take_custody(
        &mut self,
        sender: &Sender,
        descriptor: &DocumentDescriptor,
        tips: &[ChangeSignature],
        change: &CheckedChange,
        bytes: &[u8],
        reason: CustodyReason,
        now: UnixMillis,
    ) -> Result<Answer, StoreError> {
        let certificate = sender.certificates.get(&change.link.author).ok_or(StoreError::NotPermitted)?;
        let author = subject_of(certificate);
        self.store.put_custody(&CustodyEntry {
            descriptor: descriptor.clone(),
            hash: change.link.hash,
            payload: bytes.to_vec(),
            signature: tips.iter().find(|tip| tip.author == change.link.author).copied(),
            device: sender.device,
            practitioner: author.practitioner,
            organization: author.organization,
            reason,
            received_at: now,
        })?;
        Ok(Answer::Custody(reason))
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
