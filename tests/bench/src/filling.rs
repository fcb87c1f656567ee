//! A relay's data folder, filled without sockets: what would take hours edit by edit. Every change is signed, checked and
//! appended as any other.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use client_core::driver::system_time;
use clinical_record::EncodedChange;
use sync_protocol::frame::{Answer, GoodbyeReason, PushBody, PushedDocument, Resume};
use sync_protocol::identity::{ChangeSignature, SecretKey};
use sync_protocol::limits::Limits;
use sync_protocol::session::{ClientEvent, ClientSession, Intent};
use sync_protocol::{AuthorId, ChangeHash, DocumentDescriptor, OrganizationId, PractitionerId, UnixMillis};
use sync_server::access::{PractitionerRole, Role};
use sync_server::metrics::Metrics;
use sync_server::relay::{ConnectionId, LedgerSettings, Outgoing, Relay, RelaySettings};
use sync_server::store::{CompactionStore, Packing, PractitionerRecord, SqliteStore, StoreError};

use crate::failure::Failure;

/// The organization of everybody.
pub const ORGANIZATION: &str = "north";
/// Who writes.
pub const WRITER: &str = "dr-a";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Changes of one push.
const PUSHED: usize = 2_000;
/// Documents of one push.
const DOCUMENTS: usize = 1_000;

/// A relay in this process, on a folder that another is started on later.
pub struct Filling {
    relay: Relay,
    database: PathBuf,
    now: UnixMillis,
}

/// What packing came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Packed {
    pub runs: usize,
    pub changes: usize,
    /// Bytes of the changes.
    pub bytes: usize,
    /// Bytes of the runs.
    pub packed: usize,
}

/// The key of the device with this number.
pub fn secret(number: usize) -> SecretKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    SecretKey::from_seed(seed)
}

impl Filling {
    /// A relay with one organization and one physician.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn begin(data: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(data)?;
        let database = data.join("relay.db");
        let store = Box::new(SqliteStore::open(&database)?);
        let mut state = 1u64;
        let random = move |bytes: &mut [u8]| {
            for byte in bytes {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = (state >> 56) as u8;
            }
        };
        let settings = RelaySettings {
            limits: Limits::default(),
            lease_ms: DAY_MS as u64,
            certificate_ms: 365 * DAY_MS,
            ledger: LedgerSettings::default(),
        };
        let relay = Relay::open(store, settings, Arc::new(Metrics::default()), Box::new(random))?;
        let mut filling = Self { relay, database, now: system_time() };
        filling.people()?;
        Ok(filling)
    }

    fn people(&mut self) -> Result<(), Failure> {
        let (organization, practitioner) = (organization()?, writer()?);
        let record = PractitionerRecord {
            id: practitioner.clone(),
            name: WRITER.into(),
            organization: Some(organization.clone()),
        };
        let role = PractitionerRole {
            practitioner,
            organization: organization.clone(),
            role: Role::Physician,
            sensitive: Vec::new(),
            until: None,
        };
        self.administer(|relay, now| {
            relay.add_organization(organization, "North Clinic".into(), now)?;
            relay.add_practitioner(&record, now)?;
            relay.put_role(&role, now)
        })
    }

    fn administer<T>(
        &mut self,
        act: impl FnOnce(&mut Relay, UnixMillis) -> Result<T, StoreError>,
    ) -> Result<T, Failure> {
        Ok(self.relay.administer(self.now, act).0?)
    }

    /// Enrols a device of the physician.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn enroll(&mut self, device: &SecretKey) -> Result<(), Failure> {
        let (organization, practitioner) = (organization()?, writer()?);
        let code =
            self.administer(|relay, now| relay.add_enrolment_code(organization, practitioner, 3_600_000, now))?.code;
        let (mut session, hello) =
            ClientSession::open(device.clone(), Intent::Enroll { code, device_name: "bench".into() }, "bench");
        let id = self.relay.connected();
        self.exchange(&mut session, id, hello)?;
        self.relay.disconnected(id);
        Ok(())
    }

    /// Has a device write documents: each with its changes, in order, made by [`actor_of`] it.
    ///
    /// # Errors
    /// If the relay does not take all of it.
    pub fn write(
        &mut self,
        device: &SecretKey,
        documents: impl IntoIterator<Item = (DocumentDescriptor, Vec<EncodedChange>)>,
    ) -> Result<(), Failure> {
        let resume = Intent::Sync(Resume { cursor: None, epoch: None, compare: false });
        let (mut session, hello) = ClientSession::open(device.clone(), resume, "bench");
        let id = self.relay.connected();
        self.exchange(&mut session, id, hello)?;
        let mut body = PushBody::default();
        for (descriptor, changes) in documents {
            for part in changes.chunks(PUSHED) {
                body.documents.push(signed(device, &descriptor, part)?);
                if part.len() == PUSHED || body.documents.len() == DOCUMENTS {
                    self.push(&mut session, id, &std::mem::take(&mut body))?;
                }
            }
        }
        self.push(&mut session, id, &body)?;
        self.relay.disconnected(id);
        Ok(())
    }

    fn push(&mut self, session: &mut ClientSession, id: ConnectionId, body: &PushBody) -> Result<(), Failure> {
        if body.documents.is_empty() {
            return Ok(());
        }
        let (_, event) = session.push(body).ok_or_else(|| Failure::new("a push is not taken now"))?;
        self.exchange(session, id, event)
    }

    /// Sends, and lets everything that follows happen.
    fn exchange(&mut self, session: &mut ClientSession, id: ConnectionId, first: ClientEvent) -> Result<(), Failure> {
        let mut events = VecDeque::from([first]);
        loop {
            while let Some(event) = events.pop_front() {
                match event {
                    ClientEvent::Send(bytes) => self.relay.received(id, &bytes, self.now),
                    ClientEvent::Deliver { batch, .. } => events.push_back(session.stored(batch)),
                    ClientEvent::Answered { answers, .. } if answers.iter().any(|one| *one != Answer::Accepted) => {
                        return Err(Failure::new("the relay did not take a change"));
                    }
                    ClientEvent::Closed { reason, detail, .. } if reason != GoodbyeReason::Done => {
                        return Err(Failure::new(detail));
                    }
                    _ => {}
                }
            }
            let outgoing = self.relay.flush(self.now);
            if outgoing.is_empty() {
                return Ok(());
            }
            for out in outgoing {
                if let Outgoing::Send(to, bytes) = out
                    && to == id
                {
                    events.extend(session.received(&bytes));
                }
            }
        }
    }

    /// Packs all that the relay would pack in the background.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn pack(&mut self) -> Result<Packed, Failure> {
        let packing = Packing::default();
        let beside = SqliteStore::open_beside(&self.database)?;
        let mut packed = Packed::default();
        for document in beside.crowded(&packing, usize::MAX >> 1)? {
            while let Some(run) = beside.pack(document, &packing)? {
                self.administer(|relay, _| relay.put_run(&run))?;
                let (bytes, in_run) = run.bytes();
                packed.runs += 1;
                packed.changes += run.changes();
                packed.bytes += bytes;
                packed.packed += in_run;
            }
        }
        Ok(packed)
    }

    /// How many bytes the database takes, its free pages not counted.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn database_bytes(&self) -> Result<f64, Failure> {
        let db = rusqlite::Connection::open(&self.database)?;
        let pragma = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok(((pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?) as f64)
    }
}

/// The actor id under which a device writes.
///
/// # Errors
/// Never: the writer's id is sound.
pub fn actor_of(device: &SecretKey) -> Result<Vec<u8>, Failure> {
    Ok(AuthorId::of(&device.public(), &writer()?).actor(0).to_vec())
}

/// Changes of a document with the signature that covers them.
fn signed(
    device: &SecretKey,
    descriptor: &DocumentDescriptor,
    changes: &[EncodedChange],
) -> Result<PushedDocument, Failure> {
    let author = AuthorId::of(&device.public(), &writer()?);
    let tip = changes.last().map(|change| ChangeHash(change.meta.hash));
    let signatures = tip.map(|tip| ChangeSignature::sign(device, author, &descriptor.id(), tip)).into_iter().collect();
    let changes = changes.iter().map(|change| change.bytes.clone().into()).collect();
    Ok(PushedDocument { descriptor: descriptor.clone(), changes, signatures })
}

/// The organization's id.
///
/// # Errors
/// Never: it is sound.
pub fn organization() -> Result<OrganizationId, Failure> {
    Ok(OrganizationId::new(ORGANIZATION)?)
}

fn writer() -> Result<PractitionerId, Failure> {
    Ok(PractitionerId::new(WRITER)?)
}
