//! Where a sync goes on: what the device holds, up to where, and what it has to be told to remove.

use roaring::RoaringBitmap;
use serde_json::json;
use sync_protocol::frame::{Resume, Resumed};
use sync_protocol::{DeviceId, UnixMillis};

use super::compare::IDS_PER_FRAME;
use super::connection::{Comparison, marked_otherwise};
use super::{ConnectionId, Relay, Stage};
use crate::store::{Holdings, NewAuditRow, Position, StoreError};

/// Rows of the log that are looked at in one query.
const LOG_CHUNK: usize = 10_000;

/// From where a device is served.
pub(super) struct Start {
    /// What it holds, each complete up to `cursor`.
    held: RoaringBitmap,
    cursor: Position,
    knows: Knows,
}

/// What the device is known to have heard of earlier withdrawals.
enum Knows {
    /// Up to this one.
    Withdrawals(u64),
    /// It says what it holds, so what it does not hold needs no withdrawal.
    Claims(RoaringBitmap),
}

impl Start {
    /// After an inventory.
    pub fn compared(comparison: Comparison) -> Self {
        Self { held: comparison.equal, cursor: comparison.since, knows: Knows::Claims(comparison.claimed) }
    }

    /// Documents to withdraw. It was given all of them, so their ids are no news to it.
    fn lost(&self, holdings: &Holdings, reach: &RoaringBitmap) -> RoaringBitmap {
        let again = match &self.knows {
            Knows::Withdrawals(told) if *told == holdings.withdrawals => RoaringBitmap::new(),
            // The connection may have ended before the last withdrawal came through.
            Knows::Withdrawals(_) => holdings.gone.clone(),
            // A device that was set back may hold again what it removed.
            Knows::Claims(claimed) => &holdings.given & claimed,
        };
        (holdings.present() | again) - reach
    }
}

impl Relay {
    pub(super) fn resume(&mut self, id: ConnectionId, resume: &Resume, now: UnixMillis) -> Result<(), StoreError> {
        // Before any sum is told: what was accepted counts from then on.
        self.tell_decisions_to(id, now)?;
        let Some(peer) = self.peer(id) else { return Ok(()) };
        if resume.compare {
            return self.begin_comparison(id, now);
        }
        let device = peer.device;
        let Some(cursor) = &resume.cursor else {
            // A first sync: nothing is held, so everything held is complete as of now.
            let knows = Knows::Withdrawals(0);
            return self.begin_delivery(id, Start { held: RoaringBitmap::new(), cursor: self.head, knows }, now);
        };
        let trusted = |position: Position| position <= self.head && resume.epoch == Some(self.epoch);
        match self.seal.open(&device, cursor).filter(|place| trusted(place.position)) {
            Some(place) => {
                let held = self.store.holdings(&device)?.held;
                let knows = Knows::Withdrawals(place.withdrawals);
                self.begin_delivery(id, Start { held, cursor: place.position, knows }, now)
            }
            None => self.begin_comparison(id, now),
        }
    }

    /// Begins to send what the device lacks.
    pub(super) fn begin_delivery(&mut self, id: ConnectionId, start: Start, now: UnixMillis) -> Result<(), StoreError> {
        self.renew_reach(id, now)?;
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let changed = self.changed_since(start.cursor, peer.device)?;
        let holdings = self.store.holdings(&peer.device)?;
        let lost = start.lost(&holdings, peer.reach.documents());
        let held = start.held & peer.reach.documents();
        let held = &held - marked_otherwise(&held, &holdings, &peer.reach);
        let lacking = peer.reach.documents() - &held;
        let gained = self.in_order_of_urgency(&lacking, &peer.subject.organization)?;
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let Some(peer) = &mut connection.peer else { return Ok(()) };
        let documents = changed.intersection_len(&held) + gained.len() as u64;
        peer.sent = held.clone();
        peer.holdings = Holdings { held, ..holdings };
        peer.holdings_are_newer = true;
        peer.cursor = start.cursor;
        peer.gained = gained.into();
        peer.ahead.clear();
        peer.stage = Stage::CatchingUp;
        let events = vec![connection.session.resumed(Resumed { documents, compare: false })];
        self.carry_out(id, events, now);
        self.ready.insert(id);
        self.ask_for_signatures(id, now)?;
        self.withdraw(id, &lost, now)
    }

    /// Documents that others than the device have changed.
    fn changed_since(&self, cursor: Position, device: DeviceId) -> Result<RoaringBitmap, StoreError> {
        let mut changed = RoaringBitmap::new();
        let mut after = cursor;
        loop {
            let rows = self.store.log_after(after, LOG_CHUNK)?;
            let Some((last, _, _)) = rows.last() else { return Ok(changed) };
            after = *last;
            changed.extend(rows.iter().filter(|(_, _, origin)| *origin != device).map(|(_, document, _)| *document));
        }
    }

    /// Tells a device which documents it may no longer have.
    pub(super) fn withdraw(
        &mut self,
        id: ConnectionId,
        lost: &RoaringBitmap,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        if lost.is_empty() {
            return Ok(());
        }
        let documents: Result<Vec<_>, _> =
            lost.iter().map(|number| self.store.document_by_number(number).map(|entry| entry.id)).collect();
        let documents = documents?;
        self.owe(id, lost, now)?;
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let Some(peer) = &mut connection.peer else { return Ok(()) };
        peer.withdraw(lost);
        // The cursor that follows says that the device has heard of it.
        peer.stage = Stage::CatchingUp;
        let row = NewAuditRow {
            at: now,
            action: "withdraw",
            device: Some(peer.device),
            practitioner: Some(peer.subject.practitioner.clone()),
            organization: Some(peer.subject.organization.clone()),
            detail: json!({ "documents": lost.iter().collect::<Vec<_>>() }),
        };
        let events = documents.chunks(IDS_PER_FRAME).map(|chunk| connection.session.withdraw(chunk.to_vec())).collect();
        self.carry_out(id, events, now);
        self.audit(&row)
    }
}
