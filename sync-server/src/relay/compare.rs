//! Comparing what a device holds with the log, when a cursor cannot be trusted: a restored backup on either side.

use roaring::RoaringBitmap;
use sync_protocol::frame::{GoodbyeReason, InventoryEntry};
use sync_protocol::{DocumentId, UnixMillis};

use super::{ConnectionId, Relay, Stage};
use crate::store::StoreError;

/// Documents in one inventory, at most; a device with more is not one of ours.
const MAX_INVENTORY: usize = 2_000_000;

impl Relay {
    pub(super) fn inventory(
        &mut self,
        id: ConnectionId,
        documents: Vec<InventoryEntry>,
        more: bool,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(Stage::Comparing(entries)) = self.peer_mut(id).map(|peer| &mut peer.stage) else {
            self.close(id, GoodbyeReason::ProtocolViolation, "an inventory was not asked for");
            return Ok(());
        };
        entries.extend(documents);
        if entries.len() > MAX_INVENTORY {
            self.close(id, GoodbyeReason::ProtocolViolation, "the inventory is too long");
            return Ok(());
        }
        if more {
            return Ok(());
        }
        let entries = std::mem::take(entries);
        self.compare(id, &entries, now)
    }

    fn compare(&mut self, id: ConnectionId, entries: &[InventoryEntry], now: UnixMillis) -> Result<(), StoreError> {
        let mut equal = RoaringBitmap::new();
        let mut wanted: Vec<DocumentId> = Vec::new();
        for entry in entries {
            match self.equal_document(id, entry)? {
                Some(number) => {
                    equal.insert(number);
                }
                // Wanted alike whether it differs, is absent or may not be read: the answer tells nothing of which.
                None => wanted.push(entry.document),
            }
        }
        if let Some(connection) = self.connections.get(&id)
            && !wanted.is_empty()
        {
            let event = connection.session.want(wanted);
            self.carry_out(id, vec![event], now);
        }
        self.begin_delivery(id, equal, self.head, now)
    }

    /// The document's number, if the device may have it and holds exactly what the log does.
    fn equal_document(&self, id: ConnectionId, entry: &InventoryEntry) -> Result<Option<u32>, StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(None) };
        let Some(known) = self.store.document(&entry.document)? else { return Ok(None) };
        let same = self.fingerprints.get(known.number as usize) == Some(&entry.fingerprint);
        Ok((same && peer.reach.documents().contains(known.number)).then_some(known.number))
    }
}
