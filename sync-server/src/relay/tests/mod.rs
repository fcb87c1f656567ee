//! The relay as its devices see it: real sessions, real changes, a real database, a clock and randomness of our own.

mod access;
mod accounting;
mod accounts;
mod arriving;
mod attacks;
mod audit;
mod compacting;
mod comparing;
mod custody;
mod deciding;
mod decisions;
mod delivering;
mod device;
mod emergency;
mod emergency_marks;
mod enrolling;
mod failing;
mod held;
mod large;
mod metadata;
mod model;
mod opened_offline;
mod policies;
mod receipts;
mod referrals;
mod staging;
mod trails;
mod two_organizations;
mod uploading;
mod wiping;
mod worlds;
mod worlds_facts;

use std::path::PathBuf;
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sync_protocol::frame::{Answer, PushBody};
use sync_protocol::identity::SecretKey;
use sync_protocol::session::Intent;
use sync_protocol::{Compartment, DeviceId, DocumentDescriptor, OrganizationId, PatientId, PractitionerId, UnixMillis};

use super::{ConnectionId, LedgerSettings, Outgoing, Relay, RelaySettings};
use crate::access::{Affiliation, Grant, Grantee, PractitionerRole, Role, Subject};
use crate::metrics::Metrics;
use crate::store::{AlertRecord, AlertsAfter, AuditRow, CompactionStore, Packing, PractitionerRecord, SqliteStore};
use device::Device;

pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;

/// A relay, its administrator and its devices, by number.
pub struct Clinic {
    pub folder: tempfile::TempDir,
    pub relay: Relay,
    pub now: UnixMillis,
    pub devices: Vec<Device>,
    pub metrics: Arc<Metrics>,
    rng: ChaCha8Rng,
    ledger: LedgerSettings,
}

pub fn organization(id: &str) -> OrganizationId {
    OrganizationId::new(id).unwrap()
}

pub fn practitioner(id: &str) -> PractitionerId {
    PractitionerId::new(id).unwrap()
}

pub fn patient(id: &str) -> PatientId {
    PatientId::new(id).unwrap()
}

/// The document of a chart, or of the directory for an empty patient.
pub fn document(at: &str, of: &str, compartment: Compartment, part: &str) -> DocumentDescriptor {
    let patient = (!of.is_empty()).then(|| patient(of));
    DocumentDescriptor { organization: organization(at), patient, compartment, part: part.into() }
}

pub fn core(at: &str, of: &str) -> DocumentDescriptor {
    document(at, of, Compartment::Core, "")
}

/// Memory where there is some: these tests are about what is written, not about the disk.
fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

fn settings() -> RelaySettings {
    RelaySettings {
        limits: Default::default(),
        lease_ms: 14 * DAY as u64,
        certificate_ms: 365 * DAY,
        ledger: Default::default(),
    }
}

impl Clinic {
    pub fn new(seed: u64) -> Self {
        let folder = folder();
        let metrics = Arc::new(Metrics::default());
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let ledger = LedgerSettings::default();
        let relay = open(&folder, &metrics, &mut rng, ledger);
        Self { folder, relay, now: UnixMillis(1_000_000_000_000), devices: Vec::new(), metrics, rng, ledger }
    }

    /// `north` with dr-a and dr-b, `south` with dr-s; each has a device (0, 1, 2), all synced.
    pub fn of_two() -> Self {
        let mut clinic = Self::new(1);
        clinic.organization("north");
        clinic.organization("south");
        for (who, at) in [("dr-a", "north"), ("dr-b", "north"), ("dr-s", "south")] {
            clinic.role(who, at, Role::Physician, &[]);
            let device = clinic.enrolled(who, at);
            clinic.sync(device);
        }
        clinic
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("relay.db")
    }

    /// A second connection to the database, past the relay.
    pub fn sql(&self, sql: &str) {
        rusqlite::Connection::open(self.database()).unwrap().execute_batch(sql).unwrap();
    }

    /// Rows of a table, past the relay.
    pub fn rows(&self, table: &str) -> usize {
        let database = rusqlite::Connection::open(self.database()).unwrap();
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    /// Starts the relay again with other settings.
    pub fn restart_with(&mut self, ledger: LedgerSettings) {
        self.ledger = ledger;
        self.restart();
    }

    /// Ends the relay's process and starts it again on the same folder.
    pub fn restart(&mut self) {
        self.cut_all();
        self.relay = open(&self.folder, &self.metrics, &mut self.rng, self.ledger);
    }

    /// Packs what is to be packed, as the relay does beside its thread. Gives how many runs that made.
    pub fn compact(&mut self, packing: &Packing) -> usize {
        let beside = SqliteStore::open_beside(&self.database()).unwrap();
        let mut runs = 0;
        for document in beside.crowded(packing, 100).unwrap() {
            while let Some(run) = beside.pack(document, packing).unwrap() {
                assert!(self.admin(|relay, _| relay.put_run(&run)).unwrap());
                runs += 1;
            }
        }
        runs
    }

    /// Copies the database as it is now.
    pub fn backup(&self) -> PathBuf {
        let copy = self.folder.path().join(format!("backup-{}.db", self.now.0));
        self.sql(&format!("VACUUM INTO '{}'", copy.display()));
        copy
    }

    /// Starts the relay on an old copy of its database.
    pub fn restore(&mut self, copy: &std::path::Path) {
        self.cut_all();
        self.relay = Relay::open(
            Box::new(SqliteStore::open(std::path::Path::new(":memory:")).unwrap()),
            settings(),
            self.metrics.clone(),
            Box::new(|bytes| bytes.fill(0)),
        )
        .unwrap();
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", self.database().display()));
        }
        std::fs::copy(copy, self.database()).unwrap();
        self.restart();
    }

    pub fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Does something as an administrator, and carries what it causes to the devices.
    pub fn admin<T>(
        &mut self,
        act: impl FnOnce(&mut Relay, UnixMillis) -> Result<T, crate::store::StoreError>,
    ) -> Result<T, crate::store::StoreError> {
        let (done, outgoing) = self.relay.administer(self.now, act);
        self.hand_out(outgoing);
        self.run();
        done
    }

    pub fn device_id(&self, device: usize) -> DeviceId {
        DeviceId::of_key(&self.devices[device].secret.public())
    }

    /// Actions of the audit trail, in order.
    pub fn audited(&self, action: &str) -> Vec<AuditRow> {
        let rows = self.relay.audit_after(0, 100_000).unwrap();
        rows.into_iter().filter(|row| row.action == action).collect()
    }

    pub fn alerts_of(&self, at: &str) -> Vec<AlertRecord> {
        let which = AlertsAfter { limit: 1_000, ..AlertsAfter::default() };
        self.relay.alerts(Some(&[organization(at)]), which).unwrap()
    }

    /// A privacy officer of `at`.
    pub fn officer(&mut self, at: &str) -> Subject {
        let who = format!("officer-{at}");
        self.role(&who, at, Role::PrivacyOfficer, &[]);
        Subject { practitioner: practitioner(&who), organization: organization(at) }
    }

    pub fn organization(&mut self, id: &str) {
        self.admin(|relay, now| relay.add_organization(organization(id), format!("Clinic {id}"), now)).unwrap();
    }

    /// Gives somebody a role, and adds them if they are new.
    pub fn role(&mut self, who: &str, at: &str, role: Role, sensitive: &[&str]) {
        let record = PractitionerRecord { id: practitioner(who), name: who.to_uppercase(), organization: None };
        let _ = self.admin(|relay, now| relay.add_practitioner(&record, now));
        let role = assigned(who, at, role, sensitive);
        self.admin(|relay, now| relay.put_role(&role, now)).unwrap();
    }

    pub fn no_role(&mut self, who: &str, at: &str, role: Role) {
        self.admin(|relay, now| relay.remove_role(&assigned(who, at, role, &[]), now)).unwrap();
    }

    pub fn affiliate(&mut self, at: &str, partner: &str, compartments: &[Compartment], may_write: bool) {
        let (organization, partner) = (organization(at), organization(partner));
        let affiliation = Affiliation {
            organization,
            partner,
            compartments: compartments.to_vec(),
            may_write,
            patients: Default::default(),
        };
        self.admin(|relay, now| relay.put_affiliation(affiliation, now)).unwrap();
    }

    pub fn grant(&mut self, at: &str, of: &str, to: Grantee, compartments: &[Compartment], valid_ms: i64) -> Grant {
        let grant = Grant {
            id: String::new(),
            organization: organization(at),
            patient: patient(of),
            grantee: to,
            compartments: compartments.to_vec(),
            may_write: true,
            expires_at: self.now.plus(valid_ms),
        };
        self.admin(|relay, now| relay.add_grant(grant, now)).unwrap()
    }

    pub fn code(&mut self, who: &str, at: &str) -> String {
        let made = self.admin(|relay, now| relay.add_enrolment_code(organization(at), practitioner(who), HOUR, now));
        made.unwrap().code
    }

    /// A new device that is not enrolled.
    pub fn device(&mut self, who: &str, at: &str) -> usize {
        let secret = SecretKey::from_seed(self.random());
        self.devices.push(Device::new(secret, practitioner(who), organization(at)));
        self.devices.len() - 1
    }

    pub fn enrolled(&mut self, who: &str, at: &str) -> usize {
        let code = self.code(who, at);
        let device = self.device(who, at);
        self.enrol(device, &code);
        assert!(self.devices[device].enrolled, "enrolment failed: {:?}", self.devices[device].closed);
        device
    }

    pub fn enrol(&mut self, device: usize, code: &str) {
        self.connect(device, Intent::Enroll { code: code.into(), device_name: "Tablet".into() });
        self.run();
    }

    pub fn connect(&mut self, device: usize, intent: Intent) {
        let id = self.relay.connected();
        let hello = self.devices[device].open(id, intent);
        self.relay.received(id, &hello, self.now);
    }

    /// Connects and exchanges everything; stays connected.
    pub fn sync(&mut self, device: usize) {
        let resume = self.devices[device].resume();
        self.connect(device, Intent::Sync(resume));
        self.run();
    }

    /// The device's connection breaks; what it had on its way is lost.
    pub fn cut(&mut self, device: usize) {
        if let Some(id) = self.devices[device].connection.take() {
            self.relay.disconnected(id);
        }
        self.run();
    }

    pub fn cut_all(&mut self) {
        for device in 0..self.devices.len() {
            self.cut(device);
        }
    }

    pub fn resync(&mut self, device: usize) {
        self.cut(device);
        self.sync(device);
    }

    /// Time passes for everyone.
    pub fn wait(&mut self, millis: i64) {
        self.now = self.now.plus(millis);
        self.relay.tick(self.now);
        self.run();
    }

    /// Edits a document on a device and pushes it, if it is connected.
    pub fn write(&mut self, device: usize, descriptor: &DocumentDescriptor, text: &str) -> Vec<Answer> {
        self.devices[device].edit(descriptor, text);
        self.push(device)
    }

    /// Pushes everything unsent; gives the answers.
    pub fn push(&mut self, device: usize) -> Vec<Answer> {
        let body = self.devices[device].unsent();
        self.push_body(device, &body)
    }

    pub fn push_body(&mut self, device: usize, body: &PushBody) -> Vec<Answer> {
        let Some((number, bytes)) = self.devices[device].push(body) else { return Vec::new() };
        let Some(id) = self.devices[device].connection else { return Vec::new() };
        self.relay.received(id, &bytes, self.now);
        self.run();
        self.devices[device].answers.get(&number).cloned().unwrap_or_default()
    }

    /// Lets everything that is on its way arrive.
    pub fn run(&mut self) {
        loop {
            let outgoing = self.relay.flush(self.now);
            if outgoing.is_empty() {
                return;
            }
            self.hand_out(outgoing);
        }
    }

    fn hand_out(&mut self, outgoing: Vec<Outgoing>) {
        for out in outgoing {
            let (Outgoing::Send(id, _) | Outgoing::Close(id)) = out;
            let Some(device) = self.devices.iter().position(|d| d.connection == Some(id)) else { continue };
            match out {
                Outgoing::Send(_, bytes) => {
                    for answer in self.devices[device].received(&bytes, self.now) {
                        self.relay.received(id, &answer, self.now);
                    }
                }
                Outgoing::Close(_) => self.devices[device].connection = None,
            }
        }
    }

    /// Sends bytes on a device's connection as they are.
    pub fn send_raw(&mut self, device: usize, bytes: &[u8]) {
        let id: ConnectionId = self.devices[device].connection.unwrap();
        self.relay.received(id, bytes, self.now);
        self.run();
    }
}

fn assigned(who: &str, at: &str, role: Role, sensitive: &[&str]) -> PractitionerRole {
    PractitionerRole {
        practitioner: practitioner(who),
        organization: organization(at),
        role,
        sensitive: sensitive.iter().map(ToString::to_string).collect(),
        until: None,
    }
}

fn open(folder: &tempfile::TempDir, metrics: &Arc<Metrics>, rng: &mut ChaCha8Rng, ledger: LedgerSettings) -> Relay {
    let store = SqliteStore::open(&folder.path().join("relay.db")).unwrap();
    let mut randomness = ChaCha8Rng::from_rng(rng);
    let settings = RelaySettings { ledger, ..settings() };
    Relay::open(Box::new(store), settings, metrics.clone(), Box::new(move |bytes| randomness.fill_bytes(bytes)))
        .unwrap()
}
