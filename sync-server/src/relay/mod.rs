//! The relay's core: connections, uploads and deliveries over a store. No sockets, no clock; threads only to share out
//! the checking of a large upload.
//!
//! Inputs are taken as they come; [`Relay::flush`] then commits everything they caused in one transaction and only
//! afterwards gives out what is to be sent. Many uploads thus share one sync to disk, and nothing is acknowledged or
//! disclosed before it is recorded.

mod accounts;
mod administration;
mod arrival;
mod batch;
mod break_glass;
mod change_check;
mod change_size;
mod commit;
mod compaction;
mod compare;
mod connection;
mod cursor;
mod custody;
mod delivery;
mod facts;
mod gateway;
mod ledger;
mod policies;
mod referral;
mod resume;
mod round;
mod staging;
mod upload;
mod urgency;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sync_protocol::frame::GoodbyeReason;
use sync_protocol::limits::Limits;
use sync_protocol::session::{RelayEvent, RelaySession};
use sync_protocol::{Checksum, DeviceId, EpochId, Nonce, RelayId, UnixMillis};

pub use accounts::{Administrator, Admission, LOCKED};
pub use administration::NewEnrolmentCode;
use arrival::{EnrolmentTries, Refusals};
pub use break_glass::EmergencyRequest;
pub use connection::ConnectionId;
use connection::{Connection, Peer, Stage};
use cursor::CursorSeal;
pub use custody::{CustodyMaterial, Decided, MAX_REASON_BYTES};
use gateway::Gateway;
pub use gateway::{
    FhirAct, FhirAdmission, GatewayDocument, GatewayRefusal, Interaction, NewFhirClient, Sight, WrittenDocument,
};
use ledger::Asked;
pub use ledger::{
    AccountedDisclosure, AccountedRead, AuditCheckpoint, AuditFault, AuditVerifier, ChartDisclosures, DocumentOnDevice,
    LedgerSettings, LostDevice, OwingDevice, RemovedDocument, SealedOnDevice, ShownVersion,
};
pub use policies::{PoliciesInForce, Why};
use upload::Appended;

use crate::access::{Gate, Policies};
use crate::accounts::Origin;
use crate::metrics::Metrics;
use crate::store::{NewAuditRow, Position, Store, StoreError};

/// How long a connection may take to say which device it is, in milliseconds.
const KNOWN_WITHIN_MS: i64 = 20_000;

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
    /// Custody, receipts, emergency access.
    pub ledger: LedgerSettings,
}

/// The relay.
pub struct Relay {
    store: Box<dyn Store>,
    gate: Gate,
    /// The policies that were in force before those of a transaction that is not committed yet.
    policies_before: Option<Arc<Policies>>,
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
    /// The log has grown since the last flush: every connection may have something to be sent.
    news: bool,
    outgoing: Vec<Outgoing>,
    in_transaction: bool,
    /// The first error since the last flush; everything since then is rolled back.
    failure: Option<StoreError>,
    /// What is kept in memory may differ from the store, which could not be read: nobody is served until it can.
    must_load: bool,
    refusals: Refusals,
    refused_sign_ins: Refusals,
    enrolment_tries: EnrolmentTries,
    /// In whose name the administrative action that is running is done.
    acting: Option<Administrator>,
    /// Devices that may have a decision to hear of.
    to_tell: BTreeSet<DeviceId>,
    /// Batches that were acknowledged, by their audit rows: written with the next commit, or with the next tick.
    acknowledgements: Vec<(u64, UnixMillis)>,
    /// The first of these are written in the transaction that is open; if it is rolled back they are not.
    acknowledgements_written: usize,
    /// Alerts were raised or seen since they were last counted.
    alerts_changed: bool,
    overdue_looked_at: UnixMillis,
    /// How often devices asked for emergency access.
    asked: Asked,
    /// How often they referred a patient.
    referrals: Asked,
    /// Under which devices clients of the FHIR API act in this run, by client.
    gateways: HashMap<String, Gateway>,
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
            policies_before: None,
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
            news: false,
            outgoing: Vec::new(),
            in_transaction: false,
            failure: None,
            must_load: true,
            refusals: Refusals::default(),
            refused_sign_ins: Refusals::default(),
            enrolment_tries: EnrolmentTries::default(),
            acting: None,
            to_tell: BTreeSet::new(),
            acknowledgements: Vec::new(),
            acknowledgements_written: 0,
            alerts_changed: true,
            overdue_looked_at: UnixMillis::default(),
            asked: Asked::default(),
            referrals: Asked::default(),
            gateways: HashMap::new(),
        };
        relay.id = RelayId(relay.random_setting("relay-id")?);
        relay.epoch = EpochId(relay.random_setting("epoch")?);
        relay.seal = CursorSeal::new(&relay.random_setting("cursor-key")?);
        // Made here, so that asking for it later changes nothing.
        relay.audit_key()?;
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
        self.must_load = false;
        Ok(())
    }

    /// This relay's id.
    #[must_use]
    pub fn id(&self) -> RelayId {
        self.id
    }

    /// A connection was accepted from somewhere unknown, as in a simulation.
    pub fn connected(&mut self) -> ConnectionId {
        self.connected_from(Origin::Unknown)
    }

    /// A connection was accepted.
    pub fn connected_from(&mut self, origin: Origin) -> ConnectionId {
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        let nonce = Nonce(self.random());
        let session = RelaySession::new(self.id, nonce, self.settings.limits);
        self.connections.insert(id, Connection::new(session, origin));
        self.metrics.connections.inc();
        id
    }

    /// A binary message came in.
    pub fn received(&mut self, id: ConnectionId, bytes: &[u8], now: UnixMillis) {
        self.metrics.bytes_received.inc_by(bytes.len() as u64);
        if self.must_load
            && let Err(error) = self.load()
        {
            self.fail(id, error);
        }
        if self.failure.is_some() {
            // Nothing more is kept in this round, and the device is told so.
            self.ready.insert(id);
            return;
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let events = connection.session.received(bytes);
        self.carry_out(id, events, now);
    }

    /// A connection is gone.
    pub fn disconnected(&mut self, id: ConnectionId) {
        // Often the last thing a device does is to acknowledge.
        if let Err(error) = self.store_holdings_of(id) {
            self.fail(id, error);
        }
        if self.connections.remove(&id).is_some() {
            self.metrics.connections.dec();
        }
        self.ready.remove(&id);
    }

    /// Time has passed: what has run out takes effect. Call it about once a second.
    pub fn tick(&mut self, now: UnixMillis) {
        let (mut silent, mut expired) = (Vec::new(), Vec::new());
        for (id, connection) in &mut self.connections {
            let Some(peer) = &connection.peer else {
                let since = *connection.waiting_since.get_or_insert(now);
                silent.extend((now >= since.plus(KNOWN_WITHIN_MS)).then_some(*id));
                continue;
            };
            let runs_out = peer.stage != Stage::Erasing && peer.certificate.check_time(now).is_err();
            expired.extend(runs_out.then_some(*id));
            if peer.is_served() && (!self.gate.holds(&peer.reach, now) || peer.laid_ready.is_due(now)) {
                self.ready.insert(*id);
            }
        }
        for id in silent {
            self.close(id, GoodbyeReason::ProtocolViolation, "no device was named in time");
        }
        for id in expired {
            self.close(id, GoodbyeReason::Revoked, arrival::CERTIFICATE_EXPIRED);
        }
        if let Err(error) = self.write_acknowledgements().and_then(|()| self.look_for_overdue(now)) {
            self.failure.get_or_insert(error);
        }
    }

    /// Records which batches are on their devices' disks.
    fn write_acknowledgements(&mut self) -> Result<(), StoreError> {
        if self.acknowledgements.len() == self.acknowledgements_written {
            return Ok(());
        }
        self.begin()?;
        for (row, at) in &self.acknowledgements[self.acknowledgements_written..] {
            self.store.acknowledged(*row, *at)?;
        }
        self.acknowledgements_written = self.acknowledgements.len();
        Ok(())
    }

    /// Ends every connection, as the relay is going down.
    pub fn shut_down(&mut self) {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            self.close(id, GoodbyeReason::ShuttingDown, "the relay is shutting down");
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
                RelayEvent::Inventory { documents, more } => self.inventory(id, &documents, more, now),
                RelayEvent::Append { push, body } => self.append(id, push, &body, now),
                RelayEvent::Acked { batch } => {
                    self.acked(id, batch, now);
                    Ok(())
                }
                RelayEvent::Receipt(receipt) => self.receipt(id, &receipt, now),
                RelayEvent::Trail { trail, body } => self.trail(id, &trail, &body, now),
                RelayEvent::DecisionsKnown(changes) => self.decisions_known(id, &changes, now),
                RelayEvent::BreakGlass(asked) => self.emergency(id, &asked, now),
                RelayEvent::Refer(asked) => self.referred(id, &asked, now),
                RelayEvent::Sealing(key) => self.sealing(id, &key),
                RelayEvent::Staged => self.staged(id),
                RelayEvent::Closed { reason, by, .. } => {
                    // Not the detail: the other side could put anything into it.
                    tracing::debug!(connection = id.0, ?by, ?reason, "connection ends");
                    self.ended(id);
                    Ok(())
                }
            };
            if let Err(error) = done {
                self.fail(id, error);
            }
        }
    }

    fn acked(&mut self, id: ConnectionId, batch: u64, now: UnixMillis) {
        if let Some(peer) = self.connections.get_mut(&id).and_then(|c| c.peer.as_mut()) {
            self.acknowledgements.extend(peer.acked(batch).into_iter().map(|row| (row, now)));
            self.ready.insert(id);
        }
    }

    fn close(&mut self, id: ConnectionId, reason: GoodbyeReason, detail: &str) {
        if let Some(connection) = self.connections.get_mut(&id) {
            for event in connection.session.close(reason, detail) {
                match event {
                    RelayEvent::Send(bytes) => self.outgoing.push(Outgoing::Send(id, bytes)),
                    _ => self.ended(id),
                }
            }
        }
    }

    fn ended(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.ending = true;
        }
        self.outgoing.push(Outgoing::Close(id));
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
