//! Deliveries: what each connected device lacks, in batches, as far as its window allows.

use std::collections::HashSet;

use serde_json::json;
use sync_protocol::frame::{BatchBody, CaughtUp, OrganizationKey};
use sync_protocol::{AuthorId, Checksum, OrganizationId, UnixMillis};

use super::batch::{Draft, next_batch};
use super::connection::{Connection, Unacked, marked_otherwise};
use super::cursor::Place;
use super::round::Round;
use super::{ConnectionId, Peer, Relay, Stage};
use crate::store::{Disclosed, NewAuditRow, Store, StoreError};

impl Relay {
    /// Sends to every connection that may have something to be sent.
    pub(super) fn deliver(&mut self, now: UnixMillis) {
        if std::mem::take(&mut self.news) {
            self.wake_all();
        }
        if self.failure.is_none()
            && let Err(error) = self.tell_decisions(now)
        {
            self.failure.get_or_insert(error);
        }
        let mut round = Round::default();
        // After a failure `ready` holds whom it concerns; they are told so instead.
        while self.failure.is_none()
            && let Some(id) = self.ready.pop_first()
        {
            if let Err(error) = self.deliver_to(id, &mut round, now) {
                self.fail(id, error);
            }
        }
        self.metrics.bodies.inc_by(round.encoded);
    }

    fn deliver_to(&mut self, id: ConnectionId, round: &mut Round, now: UnixMillis) -> Result<(), StoreError> {
        let served = |c: &Connection| !c.ending && c.peer.as_ref().is_some_and(Peer::is_served);
        if !self.connections.get(&id).is_some_and(served) {
            return Ok(());
        }
        self.refresh_reach(id, now)?;
        loop {
            let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
            let Some(peer) = &mut connection.peer else { return Ok(()) };
            if !connection.session.may_deliver() {
                return Ok(());
            }
            let draft = next_batch(peer, &self.gate, self.store.as_ref(), round, self.head, now)?;
            if draft.body.documents.is_empty() {
                return self.settle(id, now);
            }
            self.send_batch(id, draft, round, now)?;
        }
    }

    fn send_batch(
        &mut self,
        id: ConnectionId,
        mut draft: Draft,
        round: &mut Round,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let nonce = self.random();
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let Some(peer) = &mut connection.peer else { return Ok(()) };
        let mut told = Told { authors: &mut peer.certified, organizations: &mut peer.keyed };
        certify(&mut told, self.store.as_ref(), &mut draft.body)?;
        let cursor = (!draft.unfinished).then(|| self.seal.seal(&peer.device, place(peer), nonce));
        let body = round.pack(std::mem::take(&mut draft.body), connection.session.dictionary());
        let (number, event) = connection.session.deliver(cursor, body);
        let documents = draft.complete.iter().map(|(document, _)| *document).collect();
        let disclosed = disclosed(peer, &draft);
        let (device, row) = (peer.device, disclosure(peer, &disclosed, now));
        self.metrics.batches.inc();
        self.metrics.changes_delivered.inc_by(draft.changes);
        self.carry_out(id, vec![event], now);
        // In the same transaction as everything else of this flush, and so before the batch leaves.
        self.begin()?;
        let row = self.store.append_audit_row(&row)?;
        self.store.add_disclosures(&device, row, &disclosed)?;
        if let Some(peer) = self.peer_mut(id) {
            peer.unacked.push_back(Unacked { batch: number, documents, row });
        }
        Ok(())
    }

    /// Nothing is left to send: says so, once.
    fn settle(&mut self, id: ConnectionId, now: UnixMillis) -> Result<(), StoreError> {
        let nonce = self.random();
        let stage = self.has_to_lay_ready(id, now)?;
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let Some(peer) = &mut connection.peer else { return Ok(()) };
        if peer.stage == Stage::CatchingUp && peer.cursor == self.head {
            peer.stage = Stage::Live;
            peer.laid_ready.promised |= stage;
            let checksum = peer.sent.iter().fold(Checksum::default(), |sum, number| {
                sum.plus(self.fingerprints.get(number as usize).copied().unwrap_or_default())
            });
            let cursor = self.seal.seal(&peer.device, place(peer), nonce);
            let event = connection.session.caught_up(CaughtUp { cursor, checksum, stage });
            self.carry_out(id, vec![event], now);
        }
        self.lay_ready(id, now)
    }

    /// Works the reach out anew where it no longer says what the rules say. Whether it did.
    pub(super) fn renew_reach(&mut self, id: ConnectionId, now: UnixMillis) -> Result<bool, StoreError> {
        let Some(peer) = self.connections.get_mut(&id).and_then(|c| c.peer.as_mut()) else { return Ok(false) };
        if self.gate.holds(&peer.reach, now) {
            return Ok(false);
        }
        peer.reach = self.gate.reach(&peer.subject, now);
        Ok(true)
    }

    /// Withdraws what was lost with a new reach, and queues what was gained.
    fn refresh_reach(&mut self, id: ConnectionId, now: UnixMillis) -> Result<(), StoreError> {
        if !self.renew_reach(id, now)? {
            return Ok(());
        }
        let Some(peer) = self.connections.get_mut(&id).and_then(|c| c.peer.as_mut()) else { return Ok(()) };
        peer.send_again(&marked_otherwise(&peer.sent, &peer.holdings, &peer.reach));
        let (organization, lost) =
            (peer.subject.organization.clone(), peer.holdings.present() - peer.reach.documents());
        let mut gained = peer.reach.documents() - &peer.sent;
        if let Some(partial) = peer.partial {
            gained.remove(partial.document);
        }
        if !gained.is_empty() {
            peer.stage = Stage::CatchingUp;
        }
        let gained = self.in_order_of_urgency(&gained, &organization)?;
        self.peer_mut(id).into_iter().for_each(|peer| peer.gained = gained.iter().copied().collect());
        self.withdraw(id, &lost, now)
    }

    /// Records what devices were given, where that has changed.
    pub(super) fn store_holdings(&mut self) {
        let newer = |connection: &Connection| connection.peer.as_ref().is_some_and(|peer| peer.holdings_are_newer);
        let due: Vec<_> = self.connections.iter().filter(|(_, c)| newer(c)).map(|(id, _)| *id).collect();
        for id in due {
            if let Err(error) = self.store_holdings_of(id) {
                return self.fail(id, error);
            }
        }
    }

    pub(super) fn store_holdings_of(&mut self, id: ConnectionId) -> Result<(), StoreError> {
        if !self.peer(id).is_some_and(|peer| peer.holdings_are_newer) {
            return Ok(());
        }
        self.begin()?;
        if let Some(peer) = self.connections.get_mut(&id).and_then(|c| c.peer.as_mut()) {
            self.store.set_holdings(&peer.device, &peer.holdings)?;
            peer.holdings_are_newer = false;
        }
        Ok(())
    }
}

fn place(peer: &Peer) -> Place {
    Place { position: peer.cursor, withdrawals: peer.holdings.withdrawals }
}

/// Whose certificates and keys the device has.
pub(super) struct Told<'a> {
    pub authors: &'a mut HashSet<AuthorId>,
    pub organizations: &'a mut HashSet<OrganizationId>,
}

/// Adds the certificates and keys that the device needs to check this body and was not told yet.
pub(super) fn certify(told: &mut Told<'_>, store: &dyn Store, body: &mut BatchBody) -> Result<(), StoreError> {
    let authors: Vec<_> = body.documents.iter().flat_map(|d| d.signatures.iter().map(|s| s.author)).collect();
    for author in authors {
        if !told.authors.insert(author) {
            continue;
        }
        let Some(certificate) = store.certificate(&author)? else { continue };
        let organization = &certificate.body.organization;
        if told.organizations.insert(organization.clone())
            && let Some(key) = store.organization_key(organization)?
        {
            body.organization_keys.push(OrganizationKey { organization: organization.clone(), key });
        }
        body.certificates.push(certificate);
    }
    Ok(())
}

/// Which documents a batch gives to a device, up to which version.
fn disclosed(peer: &Peer, draft: &Draft) -> Vec<Disclosed> {
    let partial = peer.partial.map(|partial| (partial.document, partial.after));
    let documents = draft.complete.iter().copied().chain(partial);
    let by_glass = |document| peer.reach.break_glass_until(document).is_some();
    documents
        .map(|(document, upto)| Disclosed { document, upto, break_glass: by_glass(document), sealed: false })
        .collect()
}

/// The audit row for a batch: which documents, up to which version, went to whom.
fn disclosure(peer: &Peer, disclosed: &[Disclosed], now: UnixMillis) -> NewAuditRow {
    let documents: Vec<_> = disclosed.iter().map(|one| json!([one.document, one.upto.0])).collect();
    let mut detail = json!({ "documents-upto": documents });
    let by_glass: Vec<_> = disclosed.iter().filter(|one| one.break_glass).map(|one| one.document).collect();
    if !by_glass.is_empty() {
        detail["break-glass"] = json!(by_glass);
    }
    NewAuditRow {
        at: now,
        action: "disclose",
        device: Some(peer.device),
        practitioner: Some(peer.subject.practitioner.clone()),
        organization: Some(peer.subject.organization.clone()),
        detail,
    }
}
