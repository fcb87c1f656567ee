//! Deliveries: what each connected device lacks, in batches, as far as its window allows.

use serde_json::json;
use sync_protocol::frame::{BatchBody, CaughtUp, DeliveredDocument, OrganizationKey};
use sync_protocol::limits::TARGET_UNPACKED_BYTES;
use sync_protocol::{Checksum, UnixMillis};

use super::connection::{Connection, Partial};
use super::cursor::Place;
use super::{ConnectionId, Peer, Relay, Stage};
use crate::access::{Gate, ReadPermit};
use crate::store::{DocumentEntry, NewAuditRow, Position, Store, StoreError, StoredChange};

/// Log rows that one batch looks at, at most.
const LOG_ROWS: usize = 4_096;

/// Bytes of a batch that a change takes besides its payload, at most.
const CHANGE_OVERHEAD: usize = 8;
/// Bytes that a document takes besides its changes and signatures, at most: mostly its descriptor.
const DOCUMENT_OVERHEAD: usize = 384;
/// Bytes that a signature takes, at most, with a certificate and an organization's key that may come with it.
const SIGNATURE_OVERHEAD: usize = 640;

/// A batch in the making.
#[derive(Default)]
struct Draft {
    body: BatchBody,
    bytes: usize,
    changes: u64,
    /// Documents that are complete with this batch, and up to where.
    complete: Vec<(u32, Position)>,
    /// The last document goes on in the next batch.
    unfinished: bool,
}

impl Draft {
    fn is_full(&self) -> bool {
        self.unfinished || self.bytes >= TARGET_UNPACKED_BYTES
    }
}

impl Relay {
    /// Sends to every connection that may have something to be sent.
    pub(super) fn deliver(&mut self, now: UnixMillis) {
        if std::mem::take(&mut self.news) {
            self.wake_all();
        }
        // After a failure `ready` holds whom it concerns; they are told so instead.
        while self.failure.is_none()
            && let Some(id) = self.ready.pop_first()
        {
            if let Err(error) = self.deliver_to(id, now) {
                self.fail(id, error);
            }
        }
    }

    fn deliver_to(&mut self, id: ConnectionId, now: UnixMillis) -> Result<(), StoreError> {
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
            let draft = next_batch(peer, &self.gate, self.store.as_ref(), self.head, now)?;
            if draft.body.documents.is_empty() {
                return self.settle(id, now);
            }
            self.send_batch(id, draft, now)?;
        }
    }

    fn send_batch(&mut self, id: ConnectionId, mut draft: Draft, now: UnixMillis) -> Result<(), StoreError> {
        let nonce = self.random();
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let Some(peer) = &mut connection.peer else { return Ok(()) };
        certify(peer, self.store.as_ref(), &mut draft.body)?;
        let cursor = (!draft.unfinished).then(|| self.seal.seal(&peer.device, place(peer), nonce));
        let (number, event) = connection.session.deliver(cursor, &draft.body);
        peer.unacked.push_back((number, draft.complete.iter().map(|(document, _)| *document).collect()));
        let row = disclosure(peer, &draft, now);
        self.metrics.batches.inc();
        self.metrics.changes_delivered.inc_by(draft.changes);
        self.carry_out(id, vec![event], now);
        // In the same transaction as everything else of this flush, and so before the batch leaves.
        self.audit(&row)
    }

    /// Nothing is left to send: says so, once.
    fn settle(&mut self, id: ConnectionId, now: UnixMillis) -> Result<(), StoreError> {
        let nonce = self.random();
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let Some(peer) = &mut connection.peer else { return Ok(()) };
        if peer.stage == Stage::CatchingUp && peer.cursor == self.head {
            peer.stage = Stage::Live;
            let checksum = peer.sent.iter().fold(Checksum::default(), |sum, number| {
                sum.plus(self.fingerprints.get(number as usize).copied().unwrap_or_default())
            });
            let cursor = self.seal.seal(&peer.device, place(peer), nonce);
            let event = connection.session.caught_up(CaughtUp { cursor, checksum });
            self.carry_out(id, vec![event], now);
        }
        Ok(())
    }

    /// Works the reach out anew where it no longer says what the rules say. Whether it did.
    pub(super) fn renew_reach(&mut self, id: ConnectionId, now: UnixMillis) -> Result<bool, StoreError> {
        let Some(peer) = self.connections.get_mut(&id).and_then(|c| c.peer.as_mut()) else { return Ok(false) };
        if self.gate.holds(&peer.reach, now) {
            return Ok(false);
        }
        peer.reach = self.gate.reach(&peer.subject, self.store.as_ref(), now)?;
        Ok(true)
    }

    /// Withdraws what was lost with a new reach, and queues what was gained.
    fn refresh_reach(&mut self, id: ConnectionId, now: UnixMillis) -> Result<(), StoreError> {
        if !self.renew_reach(id, now)? {
            return Ok(());
        }
        let Some(peer) = self.connections.get_mut(&id).and_then(|c| c.peer.as_mut()) else { return Ok(()) };
        let lost = peer.holdings.present() - peer.reach.documents();
        let mut gained = peer.reach.documents() - &peer.sent;
        if let Some(partial) = peer.partial {
            gained.remove(partial.document);
        }
        if !gained.is_empty() {
            peer.stage = Stage::CatchingUp;
        }
        peer.gained = self.gate.in_order_of_urgency(&gained).into();
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

/// Puts the next batch together. Empty when nothing is left to send.
fn next_batch(
    peer: &mut Peer,
    gate: &Gate,
    store: &dyn Store,
    head: Position,
    now: UnixMillis,
) -> Result<Draft, StoreError> {
    // Borrowed apart from the rest of the peer: the permit lives while places are moved on.
    let reach = peer.reach.clone();
    let mut draft = Draft::default();
    let Some(permit) = gate.read_permit(&reach, peer.device, now) else { return Ok(draft) };
    if let Some(partial) = peer.partial.take() {
        add_document(peer, store, &permit, &mut draft, partial.document, partial.after, Kind::Rest)?;
    }
    if !draft.is_full() {
        add_changed(peer, store, &permit, head, &mut draft)?;
    }
    while !draft.is_full() && peer.cursor == head {
        let Some(number) = peer.gained.pop_front() else { break };
        if !peer.sent.contains(number) && permit.covers(number) {
            add_document(peer, store, &permit, &mut draft, number, Position::default(), Kind::Whole)?;
        }
    }
    Ok(draft)
}

/// Adds what changed after the peer's cursor in documents that it was sent, in commit order, and moves the cursor on.
fn add_changed(
    peer: &mut Peer,
    store: &dyn Store,
    permit: &ReadPermit<'_>,
    head: Position,
    draft: &mut Draft,
) -> Result<(), StoreError> {
    while peer.cursor < head {
        let rows = store.log_after(peer.cursor, LOG_ROWS)?;
        if rows.is_empty() {
            return Err(StoreError::Damaged("end of the log"));
        }
        let base = peer.cursor;
        for (position, number, origin) in rows {
            if draft.is_full() {
                return Ok(());
            }
            let known = peer.ahead.get(&number).is_some_and(|sent_to| *sent_to >= position);
            // A device's own changes come back to it only along with others' of the same document.
            if !known && origin != peer.device && peer.sent.contains(number) && permit.covers(number) {
                let after = peer.ahead.get(&number).copied().unwrap_or_default().max(base);
                add_document(peer, store, permit, draft, number, after, Kind::Changed)?;
            }
            peer.cursor = position;
        }
    }
    peer.ahead.clear();
    Ok(())
}

/// Adds a document's changes after a position: all of them, or as many as fit, to be gone on with.
fn add_document(
    peer: &mut Peer,
    store: &dyn Store,
    permit: &ReadPermit<'_>,
    draft: &mut Draft,
    number: u32,
    after: Position,
    kind: Kind,
) -> Result<(), StoreError> {
    let room = TARGET_UNPACKED_BYTES.saturating_sub(draft.bytes).max(1);
    let changes = store.changes(permit, number, after, room)?;
    let Some(last) = changes.last().map(|change| change.position) else { return Ok(()) };
    let entry = store.document_by_number(number)?;
    let size: usize = changes.iter().map(|change| change.payload.len()).sum();
    draft.bytes += size + changes.len() * CHANGE_OVERHEAD + DOCUMENT_OVERHEAD;
    draft.changes += changes.len() as u64;
    // Reading stopped for want of room: there may be more.
    let more = size >= room && !store.changes(permit, number, last, 1)?.is_empty();
    let delivered = document(store, permit, &entry, changes, kind, more)?;
    draft.bytes += delivered.signatures.len() * SIGNATURE_OVERHEAD;
    peer.give(number);
    draft.body.documents.push(delivered);
    if more {
        draft.unfinished = true;
        peer.partial = Some(Partial { document: number, after: last });
    } else {
        peer.sent.insert(number);
        peer.ahead.insert(number, last);
        draft.complete.push((number, last));
    }
    Ok(())
}

/// What of a document a batch carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// All of it, to a device that does not have it.
    Whole,
    /// What is new.
    Changed,
    /// What the batch before left over.
    Rest,
}

fn document(
    store: &dyn Store,
    permit: &ReadPermit<'_>,
    entry: &DocumentEntry,
    changes: Vec<StoredChange>,
    kind: Kind,
    more: bool,
) -> Result<DeliveredDocument, StoreError> {
    let mut signatures = Vec::new();
    if !more {
        // Of a document in parts, every author's: which of them wrote in the earlier parts is not kept.
        signatures = store.signatures(permit, entry.number)?;
        signatures.retain(|s| kind == Kind::Rest || changes.iter().any(|change| change.actor == s.actor));
    }
    Ok(DeliveredDocument {
        document: entry.id,
        descriptor: (kind == Kind::Whole).then(|| entry.descriptor.clone()),
        changes: changes.into_iter().map(|change| change.payload.into()).collect(),
        signatures: signatures.into_iter().map(|stored| stored.signature).collect(),
        more,
    })
}

/// Adds the certificates and keys that the device needs to check this batch and was not given on this connection.
fn certify(peer: &mut Peer, store: &dyn Store, body: &mut BatchBody) -> Result<(), StoreError> {
    let authors: Vec<_> = body.documents.iter().flat_map(|d| d.signatures.iter().map(|s| s.author)).collect();
    for author in authors {
        if !peer.certified.insert(author) {
            continue;
        }
        let Some(certificate) = store.certificate(&author)? else { continue };
        let organization = &certificate.body.organization;
        if peer.keyed.insert(organization.clone())
            && let Some(record) = store.organizations()?.into_iter().find(|o| o.id == *organization)
        {
            body.organization_keys.push(OrganizationKey { organization: record.id, key: record.key.public() });
        }
        body.certificates.push(certificate);
    }
    Ok(())
}

/// The audit row for a batch: which documents, up to which version, went to whom.
fn disclosure(peer: &Peer, draft: &Draft, now: UnixMillis) -> NewAuditRow {
    let mut documents: Vec<_> = draft.complete.iter().map(|(number, upto)| json!([number, upto.0])).collect();
    if let Some(partial) = peer.partial {
        documents.push(json!([partial.document, partial.after.0]));
    }
    NewAuditRow {
        at: now,
        action: "disclose",
        device: Some(peer.device),
        practitioner: Some(peer.subject.practitioner.clone()),
        organization: Some(peer.subject.organization.clone()),
        detail: json!({ "documents-upto": documents }),
    }
}
