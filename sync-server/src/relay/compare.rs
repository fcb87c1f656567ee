//! Comparing what a device holds with the log, when a cursor cannot be trusted: a restored backup on either side.

use sync_protocol::frame::{GoodbyeReason, InventoryEntry, Resumed};
use sync_protocol::{DocumentId, UnixMillis};

use super::connection::Comparison;
use super::resume::Start;
use super::{ConnectionId, Relay, Stage};
use crate::store::StoreError;

/// Documents in one inventory, at most; a device with more is not one of ours.
const MAX_INVENTORY: usize = 2_000_000;
/// Document ids in one frame, at most: 17 bytes each, far below the largest frame.
pub(super) const IDS_PER_FRAME: usize = 50_000;

impl Relay {
    /// Asks the device what it holds.
    pub(super) fn begin_comparison(&mut self, id: ConnectionId, now: UnixMillis) -> Result<(), StoreError> {
        self.metrics.comparisons.inc();
        let since = self.head;
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let event = connection.session.resumed(Resumed { documents: 0, compare: true });
        if let Some(peer) = &mut connection.peer {
            peer.stage = Stage::Comparing(Comparison { since, ..Comparison::default() });
        }
        self.carry_out(id, vec![event], now);
        Ok(())
    }

    pub(super) fn inventory(
        &mut self,
        id: ConnectionId,
        documents: &[InventoryEntry],
        more: bool,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(Stage::Comparing(comparison)) = self.peer_mut(id).map(|peer| &mut peer.stage) else {
            self.close(id, GoodbyeReason::ProtocolViolation, "an inventory was not asked for");
            return Ok(());
        };
        let mut comparison = std::mem::take(comparison);
        comparison.entries += documents.len();
        if comparison.entries > MAX_INVENTORY {
            self.close(id, GoodbyeReason::ProtocolViolation, "the inventory is too long");
            return Ok(());
        }
        let wanted = self.compare(id, &mut comparison, documents)?;
        self.want(id, &wanted, now);
        if more {
            if let Some(peer) = self.peer_mut(id) {
                peer.stage = Stage::Comparing(comparison);
            }
            return Ok(());
        }
        self.begin_delivery(id, Start::compared(comparison), now)
    }

    /// Adds entries to a comparison; gives the documents that are to be asked for.
    fn compare(
        &self,
        id: ConnectionId,
        comparison: &mut Comparison,
        entries: &[InventoryEntry],
    ) -> Result<Vec<DocumentId>, StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(Vec::new()) };
        let mut wanted = Vec::new();
        for entry in entries {
            let known = self.store.document(&entry.document)?.map(|document| document.number);
            comparison.claimed.extend(known);
            let same = |number: &u32| self.fingerprints.get(*number as usize) == Some(&entry.fingerprint);
            match known.filter(same).filter(|number| peer.reach.documents().contains(*number)) {
                Some(number) => _ = comparison.equal.insert(number),
                // Wanted alike whether it differs, is absent or may not be read: the answer tells nothing of which.
                None => wanted.push(entry.document),
            }
        }
        Ok(wanted)
    }

    fn want(&mut self, id: ConnectionId, wanted: &[DocumentId], now: UnixMillis) {
        let Some(connection) = self.connections.get(&id) else { return };
        let events = wanted.chunks(IDS_PER_FRAME).map(|chunk| connection.session.want(chunk.to_vec())).collect();
        self.carry_out(id, events, now);
    }
}
