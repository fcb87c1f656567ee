//! What devices are told of decisions, until they say that they know; and what they are asked to sign.

use sync_protocol::frame::ChangeName;
use sync_protocol::{DeviceId, UnixMillis};

use crate::relay::{ConnectionId, Relay, Stage};
use crate::store::StoreError;

/// Decisions in one frame, at most: with the longest reasons far below the largest frame.
const DECISIONS_PER_FRAME: usize = 256;

impl Relay {
    /// Has every device that a decision concerns told of it, once it is committed.
    pub(in crate::relay) fn tell_of(&mut self, change: &ChangeName) -> Result<(), StoreError> {
        self.to_tell.extend(self.store.devices_to_tell(change)?);
        Ok(())
    }

    /// Tells devices that are connected what was decided since they were last told.
    pub(in crate::relay) fn tell_decisions(&mut self, now: UnixMillis) -> Result<(), StoreError> {
        let devices = std::mem::take(&mut self.to_tell);
        if devices.is_empty() {
            return Ok(());
        }
        let of = |device: &DeviceId| devices.contains(device);
        let concerned: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, c)| !c.ending && c.peer.as_ref().is_some_and(|peer| of(&peer.device)))
            .map(|(id, _)| *id)
            .collect();
        for id in concerned {
            self.tell_decisions_to(id, now)?;
            self.ask_for_signatures(id, now)?;
        }
        Ok(())
    }

    /// Tells a device what it does not know yet. What is left over follows once it says that it knows these.
    pub(in crate::relay) fn tell_decisions_to(&mut self, id: ConnectionId, now: UnixMillis) -> Result<(), StoreError> {
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let Some(peer) = &connection.peer else { return Ok(()) };
        let decisions = self.store.notices(&peer.device, DECISIONS_PER_FRAME)?;
        if !decisions.is_empty() {
            let event = connection.session.decided(decisions);
            self.carry_out(id, vec![event], now);
        }
        Ok(())
    }

    pub(in crate::relay) fn decisions_known(
        &mut self,
        id: ConnectionId,
        changes: &[ChangeName],
        _now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(device) = self.peer(id).map(|peer| peer.device) else { return Ok(()) };
        self.begin()?;
        for change in changes {
            self.store.notice_known(&device, change)?;
        }
        if !changes.is_empty() {
            // More may wait; and without what was returned, it may sign what was accepted.
            self.to_tell.insert(device);
        }
        Ok(())
    }

    /// Asks a device for documents in which something was accepted that no signature covers by itself: sent whole, they come
    /// with one that does, as soon as the device has taken out what was returned.
    pub(in crate::relay) fn ask_for_signatures(&mut self, id: ConnectionId, now: UnixMillis) -> Result<(), StoreError> {
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let Some(peer) = &connection.peer else { return Ok(()) };
        if !peer.is_served() && peer.stage != Stage::Erasing {
            return Ok(());
        }
        let documents = self.store.waiting_for_signature(&peer.device)?;
        if !documents.is_empty() {
            let event = connection.session.want(documents);
            self.carry_out(id, vec![event], now);
        }
        Ok(())
    }
}
