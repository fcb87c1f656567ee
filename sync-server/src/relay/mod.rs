//! The relay's core: connections, uploads and deliveries over a store. No sockets, no clock, no threads.
//!
//! Inputs are taken as they come; [`Relay::flush`] then commits everything they caused in one transaction and only
//! afterwards gives out what is to be sent. Many uploads thus share one sync to disk, and nothing is acknowledged or
//! disclosed before it is recorded.

mod administration;
mod arrival;
mod change_check;
mod compare;
mod connection;
mod cursor;
mod delivery;
mod upload;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sync_protocol::frame::GoodbyeReason;
use sync_protocol::limits::Limits;
use sync_protocol::session::{RelayEvent, RelaySession};
use sync_protocol::{Checksum, EpochId, Nonce, RelayId, UnixMillis};

pub use administration::NewEnrolmentCode;
pub use connection::ConnectionId;
use connection::{Connection, Peer, Stage};
use cursor::CursorSeal;

use crate::access::Gate;
use crate::metrics::Metrics;
use crate::store::{NewAuditRow, Position, Store, StoreError};

/// Fills a buffer with random bytes: the system's generator in a relay, a seeded one in a simulation.
pub type Randomness = Box<dyn FnMut(&mut [u8]) + Send>;

/// What the relay wants done with its connections, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// Send one binary message.
    Send(ConnectionId, Vec<u8>),
    /// Close the connection; nothing more comes for it.
    Close(ConnectionId),
}

/// What an administrator may set.
#[derive(Clone, Copy, Debug)]
pub struct RelaySettings {
    /// Bounds told to devices.
    pub limits: Limits,
    /// How long a device may be used without reaching the relay, in milliseconds.
    pub lease_ms: u64,
    /// How long a device certificate is valid, in milliseconds.
    pub certificate_ms: i64,
}

/// The relay.
pub struct Relay {
    store: Box<dyn Store>,
    gate: Gate,
    settings: RelaySettings,
    metrics: Arc<Metrics>,
    randomness: Randomness,
    id: RelayId,
    epoch: EpochId,
    seal: CursorSeal,
    head: Position,
    /// By document number.
    fingerprints: Vec<Checksum>,
    connections: HashMap<ConnectionId, Connection>,
    last_connection: u64,
    /// Connections that may have something to be sent.
    ready: BTreeSet<ConnectionId>,
    outgoing: Vec<Outgoing>,
    in_transaction: bool,
    /// The first error since the last flush; everything since then is rolled back.
    failure: Option<StoreError>,
}

impl Relay {
    /// A relay over `store`. On first use it makes its id, its epoch and its keys.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read or written.
    pub fn open(
        store: Box<dyn Store>,
        settings: RelaySettings,
        metrics: Arc<Metrics>,
        randomness: Randomness,
    ) -> Result<Self, StoreError> {
        let mut relay = Self {
            store,
            gate: Gate::default(),
            settings,
            metrics,
            randomness,
            id: RelayId([0; 16]),
            epoch: EpochId([0; 16]),
            seal: CursorSeal::new(&[0; 32]),
            head: Position::default(),
            fingerprints: Vec::new(),
            connections: HashMap::new(),
            last_connection: 0,
            ready: BTreeSet::new(),
            outgoing: Vec::new(),
            in_transaction: false,
            failure: None,
        };
        relay.id = RelayId(relay.random_setting("relay-id")?);
        relay.epoch = EpochId(relay.random_setting("epoch")?);
        relay.seal = CursorSeal::new(&relay.random_setting("cursor-key")?);
        relay.load()?;
        Ok(relay)
    }

    fn random_setting<const N: usize>(&mut self, name: &'static str) -> Result<[u8; N], StoreError> {
        if let Some(value) = self.store.setting(name)? {
            return value.try_into().map_err(|_| StoreError::Damaged(name));
        }
        let value = self.random();
        self.store.set_setting(name, &value)?;
        Ok(value)
    }

    /// Reads what is kept in memory from the store.
    fn load(&mut self) -> Result<(), StoreError> {
        self.gate.set_facts(self.store.facts()?);
        self.gate.clear_documents();
        let (gate, fingerprints) = (&mut self.gate, &mut self.fingerprints);
        fingerprints.clear();
        self.store.visit_documents(&mut |number, descriptor, fingerprint| {
            gate.document_added(&descriptor, number);
            set_fingerprint(fingerprints, number, fingerprint);
        })?;
        self.head = self.store.head()?;
        Ok(())
    }

    /// This relay's id.
    #[must_use]
    pub fn id(&self) -> RelayId {
        self.id
    }

    /// A connection was accepted.
    pub fn connected(&mut self) -> ConnectionId {
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        let nonce = Nonce(self.random());
        let session = RelaySession::new(self.id, nonce, self.settings.limits);
        self.connections.insert(id, Connection { session, peer: None });
        self.metrics.connections.inc();
        id
    }

    /// A binary message came in.
    pub fn received(&mut self, id: ConnectionId, bytes: &[u8], now: UnixMillis) {
        self.metrics.bytes_received.inc_by(bytes.len() as u64);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let events = connection.session.received(bytes);
        self.carry_out(id, events, now);
    }

    /// A connection is gone.
    pub fn disconnected(&mut self, id: ConnectionId) {
        if self.connections.remove(&id).is_some() {
            self.metrics.connections.dec();
        }
        self.ready.remove(&id);
    }

    /// Time has passed: what has run out takes effect. Call it about once a second.
    pub fn tick(&mut self, now: UnixMillis) {
        for (id, connection) in &self.connections {
            if connection.peer.as_ref().is_some_and(|peer| peer.is_served() && !self.gate.holds(&peer.reach, now)) {
                self.ready.insert(*id);
            }
        }
    }

    /// Ends every connection, as the relay is going down.
    pub fn shut_down(&mut self) {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            self.close(id, GoodbyeReason::ShuttingDown, "the relay is shutting down");
        }
    }

    /// Does something for an administrator in a transaction of its own: committed when it returns `Ok`.
    ///
    /// # Errors
    /// What `act` returned, or what the commit ran into; nothing of it was kept then.
    pub fn administer<T>(
        &mut self,
        now: UnixMillis,
        act: impl FnOnce(&mut Self, UnixMillis) -> Result<T, StoreError>,
    ) -> (Result<T, StoreError>, Vec<Outgoing>) {
        let mut outgoing = self.flush(now);
        let done = self.begin().and_then(|()| act(self, now)).and_then(|value| {
            self.store.commit()?;
            Ok(value)
        });
        self.in_transaction = false;
        if done.is_err() {
            self.store.rollback();
        }
        outgoing.extend(self.flush(now));
        (done, outgoing)
    }

    /// Commits everything that the inputs since the last flush caused, and gives out what may now be sent.
    pub fn flush(&mut self, now: UnixMillis) -> Vec<Outgoing> {
        self.deliver(now);
        self.store_held();
        let committed = match self.failure.take() {
            None if self.in_transaction => self.store.commit(),
            None => Ok(()),
            Some(error) => Err(error),
        };
        if let Err(error) = committed {
            self.recover(&error);
        }
        self.in_transaction = false;
        self.reap();
        let sent = self.outgoing.iter().map(|out| if let Outgoing::Send(_, bytes) = out { bytes.len() } else { 0 });
        self.metrics.bytes_sent.inc_by(sent.sum::<usize>() as u64);
        std::mem::take(&mut self.outgoing)
    }

    /// Nothing since the last flush happened: those concerned are told to come back.
    fn recover(&mut self, error: &StoreError) {
        tracing::error!(%error, "rolled back; the connections concerned are closed");
        self.metrics.rollbacks.inc();
        self.store.rollback();
        let heard = std::mem::take(&mut self.outgoing).into_iter().map(|out| match out {
            Outgoing::Send(id, _) | Outgoing::Close(id) => id,
        });
        // Every served connection, too: its place in the log may lie beyond where the log now ends.
        let served = self.connections.iter().filter(|(_, c)| c.peer.is_some()).map(|(id, _)| *id);
        let concerned: BTreeSet<_> = heard.chain(served).chain(std::mem::take(&mut self.ready)).collect();
        for id in concerned {
            self.close(id, GoodbyeReason::Unavailable, "the relay could not store this; nothing of it was kept");
        }
        if let Err(error) = self.load() {
            tracing::error!(%error, "reading the store again failed");
        }
    }

    /// Forgets connections that were closed from this side.
    fn reap(&mut self) {
        for out in &self.outgoing {
            if let Outgoing::Close(id) = out
                && self.connections.remove(id).is_some()
            {
                self.ready.remove(id);
                self.metrics.connections.dec();
            }
        }
    }

    fn carry_out(&mut self, id: ConnectionId, events: Vec<RelayEvent>, now: UnixMillis) {
        for event in events {
            let done = match event {
                RelayEvent::Send(bytes) => {
                    self.outgoing.push(Outgoing::Send(id, bytes));
                    Ok(())
                }
                RelayEvent::Authenticate(key) => self.authenticate(id, &key, now),
                RelayEvent::Enroll { device_key, code, device_name } => {
                    self.enroll(id, device_key, &code, &device_name, now)
                }
                RelayEvent::Resume(resume) => self.resume(id, &resume, now),
                RelayEvent::Inventory { documents, more } => self.inventory(id, documents, more, now),
                RelayEvent::Append { push, body } => self.append(id, push, &body, now),
                RelayEvent::Acked { batch } => {
                    self.acked(id, batch);
                    Ok(())
                }
                RelayEvent::Closed { reason, detail, by } => {
                    tracing::debug!(connection = id.0, ?by, ?reason, detail, "connection ends");
                    self.outgoing.push(Outgoing::Close(id));
                    Ok(())
                }
            };
            if let Err(error) = done {
                self.fail(id, error);
            }
        }
    }

    fn acked(&mut self, id: ConnectionId, batch: u64) {
        if let Some(peer) = self.connections.get_mut(&id).and_then(|c| c.peer.as_mut()) {
            peer.acked(batch);
            self.ready.insert(id);
        }
    }

    fn close(&mut self, id: ConnectionId, reason: GoodbyeReason, detail: &str) {
        if let Some(connection) = self.connections.get_mut(&id) {
            for event in connection.session.close(reason, detail) {
                self.outgoing.push(match event {
                    RelayEvent::Send(bytes) => Outgoing::Send(id, bytes),
                    _ => Outgoing::Close(id),
                });
            }
        }
    }

    fn fail(&mut self, id: ConnectionId, error: StoreError) {
        self.ready.insert(id);
        self.failure.get_or_insert(error);
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if !self.in_transaction {
            self.store.begin()?;
            self.in_transaction = true;
        }
        Ok(())
    }

    fn audit(&mut self, row: &NewAuditRow) -> Result<(), StoreError> {
        self.begin()?;
        self.store.append_audit(row)
    }

    fn peer(&self, id: ConnectionId) -> Option<&Peer> {
        self.connections.get(&id)?.peer.as_ref()
    }

    fn peer_mut(&mut self, id: ConnectionId) -> Option<&mut Peer> {
        self.connections.get_mut(&id)?.peer.as_mut()
    }

    /// Every connection that is being served may have something new to send.
    fn wake_all(&mut self) {
        let served = |connection: &Connection| connection.peer.as_ref().is_some_and(Peer::is_served);
        self.ready.extend(self.connections.iter().filter(|(_, c)| served(c)).map(|(id, _)| *id));
    }

    fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.randomness)(&mut bytes);
        bytes
    }
}

fn set_fingerprint(fingerprints: &mut Vec<Checksum>, number: u32, fingerprint: Checksum) {
    let at = number as usize;
    if fingerprints.len() <= at {
        fingerprints.resize(at + 1, Checksum::default());
    }
    fingerprints[at] = fingerprint;
}
