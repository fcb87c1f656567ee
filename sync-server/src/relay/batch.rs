//! One batch: what comes next for a device, as much as fits.

use std::rc::Rc;

use sync_protocol::UnixMillis;
use sync_protocol::frame::{BatchBody, DeliveredDocument};
use sync_protocol::limits::TARGET_UNPACKED_BYTES;

use super::Peer;
use super::connection::Partial;
use super::round::Round;
use crate::access::{Gate, ReadPermit};
use crate::store::{Position, Store, StoreError};

/// Bytes of a batch that a change takes besides its payload, at most.
const CHANGE_OVERHEAD: usize = 8;
/// Bytes that a document takes besides its changes and signatures, at most: mostly its descriptor.
const DOCUMENT_OVERHEAD: usize = 384;
/// Bytes that a signature takes, at most, with a certificate and an organization's key that may come with it.
const SIGNATURE_OVERHEAD: usize = 640;

/// A batch in the making.
#[derive(Default)]
pub(super) struct Draft {
    pub body: BatchBody,
    pub bytes: usize,
    pub changes: u64,
    /// Documents that are complete with this batch, and up to where.
    pub complete: Vec<(u32, Position)>,
    /// The last document goes on in the next batch.
    pub unfinished: bool,
}

impl Draft {
    fn is_full(&self) -> bool {
        self.unfinished || self.bytes >= TARGET_UNPACKED_BYTES
    }
}

/// Puts the next batch together. Empty when nothing is left to send.
pub(super) fn next_batch(
    peer: &mut Peer,
    gate: &Gate,
    store: &dyn Store,
    round: &mut Round,
    head: Position,
    now: UnixMillis,
) -> Result<Draft, StoreError> {
    // Apart from the rest of the peer, which moves on while the permit lives. Copies no set.
    let reach = peer.reach.clone();
    let mut draft = Draft::default();
    let Some(permit) = gate.read_permit(&reach, peer.device, now) else { return Ok(draft) };
    if let Some(partial) = peer.partial.take() {
        let Partial { document, after } = partial;
        add_document(peer, store, round, &permit, &mut draft, Wanted { document, after, kind: Kind::Rest })?;
    }
    if !draft.is_full() {
        add_changed(peer, store, round, &permit, head, &mut draft)?;
    }
    while !draft.is_full() && peer.cursor == head {
        let Some(number) = peer.gained.pop_front() else { break };
        if !peer.sent.contains(number) && permit.covers(number) {
            let wanted = Wanted { document: number, after: Position::default(), kind: Kind::Whole };
            add_document(peer, store, round, &permit, &mut draft, wanted)?;
        }
    }
    Ok(draft)
}

/// Adds what changed after the peer's cursor in documents that it was sent, in commit order, and moves the cursor on.
fn add_changed(
    peer: &mut Peer,
    store: &dyn Store,
    round: &mut Round,
    permit: &ReadPermit<'_>,
    head: Position,
    draft: &mut Draft,
) -> Result<(), StoreError> {
    while peer.cursor < head {
        let rows = round.rows(store, peer.cursor)?;
        if rows.is_empty() {
            return Err(StoreError::Damaged("end of the log"));
        }
        let base = peer.cursor;
        for (position, number, origin) in rows.iter().copied() {
            if draft.is_full() {
                return Ok(());
            }
            let known = peer.ahead.get(&number).is_some_and(|sent_to| *sent_to >= position);
            // A device's own changes come back to it only along with others' of the same document.
            if !known && origin != peer.device && peer.sent.contains(number) && permit.covers(number) {
                let after = peer.ahead.get(&number).copied().unwrap_or_default().max(base);
                add_document(
                    peer,
                    store,
                    round,
                    permit,
                    draft,
                    Wanted { document: number, after, kind: Kind::Changed },
                )?;
            }
            peer.cursor = position;
        }
    }
    peer.ahead.clear();
    Ok(())
}

/// Adds a document's changes after a position. What is damaged in the store keeps its own document back and nothing else.
fn add_document(
    peer: &mut Peer,
    store: &dyn Store,
    round: &mut Round,
    permit: &ReadPermit<'_>,
    draft: &mut Draft,
    wanted: Wanted,
) -> Result<(), StoreError> {
    let room = TARGET_UNPACKED_BYTES.saturating_sub(draft.bytes).max(1);
    match round.read(store, permit, wanted, room) {
        Ok(None) => Ok(()),
        Ok(Some(part)) => {
            add_part(peer, draft, wanted.document, part);
            Ok(())
        }
        Err(error) if error.is_damage() => {
            tracing::error!(document = wanted.document, %error, "a damaged document is not delivered");
            peer.sent.remove(wanted.document);
            peer.holdings_are_newer |= peer.holdings.held.remove(wanted.document);
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn add_part(peer: &mut Peer, draft: &mut Draft, number: u32, part: Rc<Part>) {
    // Nobody else has what was read for a first sync.
    let Part { mut delivered, last, .. } = Rc::unwrap_or_clone(part);
    delivered.break_glass_until = peer.reach.break_glass_until(number);
    let size: usize = delivered.changes.iter().map(|change| change.len() + CHANGE_OVERHEAD).sum();
    draft.bytes += size + delivered.signatures.len() * SIGNATURE_OVERHEAD + DOCUMENT_OVERHEAD;
    draft.changes += delivered.changes.len() as u64;
    peer.give(number);
    peer.holdings_are_newer |= peer.holdings.mark(number, delivered.break_glass_until);
    if delivered.more {
        draft.unfinished = true;
        peer.partial = Some(Partial { document: number, after: last });
    } else {
        peer.sent.insert(number);
        peer.ahead.insert(number, last);
        draft.complete.push((number, last));
    }
    draft.body.documents.push(delivered);
}

/// Which document, after which position, and what of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub document: u32,
    pub after: Position,
    pub kind: Kind,
}

/// What a batch carries of a document, and up to where.
#[derive(Clone)]
pub(super) struct Part {
    pub delivered: DeliveredDocument,
    pub last: Position,
    /// That its changes come to.
    pub bytes: usize,
}

/// What of a document a batch carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// All of it, to a device that does not have it.
    Whole,
    /// What is new.
    Changed,
    /// What the batch before left over.
    Rest,
}

/// All that is wanted of a document, or as much as there is room for, to be gone on with; none if there is nothing.
pub(super) fn read_document(
    store: &dyn Store,
    permit: &ReadPermit<'_>,
    wanted: Wanted,
    room: usize,
) -> Result<Option<Part>, StoreError> {
    let Wanted { document: number, after, kind } = wanted;
    let changes = store.changes(permit, number, after, room)?;
    let Some(last) = changes.last().map(|change| change.position) else { return Ok(None) };
    let entry = store.document_by_number(number)?;
    let size: usize = changes.iter().map(|change| change.payload.len()).sum();
    // Reading stopped for want of room: there may be more.
    let more = size >= room && !store.changes(permit, number, last, 1)?.is_empty();
    let mut signatures = Vec::new();
    if !more {
        // Of a document in parts, every author's: which of them wrote in the earlier parts is not kept.
        signatures = store.signatures(permit, number)?;
        signatures.retain(|s| kind == Kind::Rest || changes.iter().any(|change| change.actor == s.actor));
    }
    let delivered = DeliveredDocument {
        document: entry.id,
        descriptor: (kind == Kind::Whole).then_some(entry.descriptor),
        changes: changes.into_iter().map(|change| change.payload.into()).collect(),
        signatures: signatures.into_iter().map(|stored| stored.signature).collect(),
        more,
        break_glass_until: None,
    };
    Ok(Some(Part { delivered, last, bytes: size }))
}
