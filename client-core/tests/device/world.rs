//! Devices on real SQLite files, a clock that is moved by hand, and the wires between devices and the relay.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use client_core::sync::{Effect, Input, SyncEvent};
use client_core::{
    ChartRef, ConnectionError, Device, DocumentEntry, DocumentId, NewPatient, Pin, PlatformSecret, ProfileError,
    ProfileSettings, Profiles, SyncEngine, UnixMillis,
};
use serde_json::{Value, json};
use sync_protocol::{Compartment, PublicKey};
use tempfile::TempDir;

use crate::relay::{Connection, Relay};

pub const START: UnixMillis = UnixMillis(1_000_000);
/// Of every encrypted profile.
pub const PIN: &str = "1793";

/// A device with its engine and its end of the wire.
pub struct Node {
    pub device: Device,
    pub engine: SyncEngine,
    pub folder: TempDir,
    pub wake: Option<UnixMillis>,
    wire: Option<Connection>,
    key: PublicKey,
}

/// Repeatable randomness, another for each seed.
pub fn randomness(seed: u64) -> impl FnMut(&mut [u8]) + Send {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |bytes: &mut [u8]| {
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = (state >> 24) as u8;
        }
    }
}

/// A temporary folder in memory where there is one: these tests sync to disk thousands of times and pull no plug.
fn fast_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

impl Node {
    pub fn new(relay: &mut Relay, seed: u64, organization: &str, practitioner: &str) -> Self {
        let folder = fast_folder();
        let device = Device::open(folder.path(), randomness(seed), START).unwrap();
        Self::enrolled(device, folder, relay, organization, practitioner)
    }

    /// The same, encrypted: the folder is a tablet with this one profile. Its PIN is [`PIN`].
    pub fn encrypted(relay: &mut Relay, seed: u64, organization: &str, practitioner: &str) -> Self {
        let folder = fast_folder();
        let pin = Pin::new(PIN).unwrap();
        let made =
            tablet(&folder).create(practitioner, &pin, &secret(), ProfileSettings::default(), randomness(seed), START);
        Self::enrolled(made.unwrap().1, folder, relay, organization, practitioner)
    }

    fn enrolled(
        mut device: Device,
        folder: TempDir,
        relay: &mut Relay,
        organization: &str,
        practitioner: &str,
    ) -> Self {
        let secret = device.begin_enrolment("ws://localhost").unwrap();
        let secret_key = secret.public();
        let enrolled = relay.enroll(secret.public(), organization, practitioner);
        device.finish_enrolment("ws://localhost", &enrolled, START).unwrap();
        Self { device, engine: SyncEngine::new(), folder, wake: None, wire: None, key: secret_key }
    }

    /// The device's key, by which the relay knows it.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// A new opening of the same profile, as after a restart.
    pub fn reopen(self, seed: u64, now: UnixMillis) -> Self {
        let Self { device, folder, key, .. } = self;
        drop(device);
        let device = Device::open(folder.path(), randomness(seed), now).unwrap();
        Self { device, engine: SyncEngine::new(), folder, wake: None, wire: None, key }
    }

    /// Locks the encrypted profile and unlocks it.
    pub fn relock(self, seed: u64, now: UnixMillis) -> Self {
        let Self { device, folder, key, .. } = self;
        device.lock(now).unwrap();
        let device = unlocked(&folder, seed, now).unwrap();
        Self { device, engine: SyncEngine::new(), folder, wake: None, wire: None, key }
    }

    /// One whole connection at `now`, whatever comes of it.
    pub fn connect(&mut self, relay: &mut Relay, now: UnixMillis) -> Vec<SyncEvent> {
        relay.now = now;
        let mut events = self.give(Some(relay), Input::Start, now);
        events.extend(self.give(Some(relay), Input::Stop, now));
        events
    }

    /// Whether any file of the profile holds these bytes, capitals or not.
    pub fn files_hold(&self, canary: &str) -> bool {
        let canary = canary.to_lowercase();
        std::fs::read_dir(self.folder.path()).unwrap().any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap().to_ascii_lowercase();
            bytes.windows(canary.len()).any(|window| window == canary.as_bytes())
        })
    }

    /// The document of one compartment of a chart.
    pub fn document(&self, chart: &ChartRef, compartment: Compartment) -> DocumentId {
        let documents = self.device.documents().unwrap();
        let is = |d: &&DocumentEntry| {
            d.descriptor.patient.as_ref() == Some(&chart.patient) && d.descriptor.compartment == compartment
        };
        documents.iter().find(is).expect("held").id
    }

    /// The database as it is now, in another folder.
    pub fn backup(&mut self) -> TempDir {
        let copy = fast_folder();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        copy
    }

    /// Goes on from a backup.
    pub fn restore(self, backup: TempDir, seed: u64) -> Self {
        let device = Device::open(backup.path(), randomness(seed), START).unwrap();
        Self { device, engine: SyncEngine::new(), folder: backup, wake: None, wire: None, key: self.key }
    }

    /// Gives an input and lets everything that follows happen. `None` for a relay that cannot be reached.
    pub fn give(&mut self, mut relay: Option<&mut Relay>, input: Input, now: UnixMillis) -> Vec<SyncEvent> {
        let mut inputs = VecDeque::from([input]);
        let mut events = Vec::new();
        let mut steps = 0;
        while let Some(input) = inputs.pop_front() {
            steps += 1;
            assert!(steps < 10_000, "the engine and the relay go round in circles");
            for effect in self.engine.handle(&mut self.device, input, now) {
                match effect {
                    Effect::Connect => match &relay {
                        Some(relay) => {
                            self.wire = Some(relay.connect());
                            inputs.push_back(Input::Connected);
                        }
                        None => inputs.push_back(Input::Disconnected(refused())),
                    },
                    Effect::Send(bytes) => {
                        let (Some(wire), Some(relay)) = (&mut self.wire, relay.as_deref_mut()) else { continue };
                        let (answers, _) = relay.received(wire, &bytes);
                        inputs.extend(answers.into_iter().map(Input::Received));
                    }
                    Effect::Disconnect => {
                        self.wire = None;
                        inputs.retain(|input| !matches!(input, Input::Received(_)));
                    }
                    Effect::WakeAt(at) => self.wake = Some(at),
                    Effect::Notify(event) => events.push(event),
                }
            }
        }
        events
    }

    /// One whole sync.
    pub fn sync(&mut self, relay: &mut Relay) -> Vec<SyncEvent> {
        let mut events = self.give(Some(relay), Input::Start, START);
        assert!(self.device.is_up_to_date().unwrap(), "{events:?}");
        events.extend(self.give(Some(relay), Input::Stop, START));
        events
    }

    /// A new chart with one allergy.
    pub fn chart(&mut self, family: &str) -> ChartRef {
        let patient = NewPatient { family: Some(family.into()), given: vec!["Ana".into()], ..NewPatient::default() };
        let chart = self.device.register_patient(&patient, START).unwrap();
        self.device.put_resource(&chart, &allergy(&chart, "a1", "Penicillin"), START).unwrap();
        chart
    }
}

/// The profiles of a tablet, with PINs that are tried in no time.
pub fn tablet(folder: &TempDir) -> Profiles {
    Profiles::open_with_weak_pins_for_tests(folder.path()).unwrap()
}

/// All files below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// What a power cut leaves of the files in a folder: all but shared memory.
pub fn power_cut(folder: &Path) -> TempDir {
    let copy = fast_folder();
    for path in files_below(folder) {
        if !path.to_string_lossy().ends_with("-shm") {
            let to = copy.path().join(path.strip_prefix(folder).unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(&path, to).unwrap();
        }
    }
    copy
}

/// What the platform gives.
pub fn secret() -> PlatformSecret {
    PlatformSecret::new((0..32).collect::<Vec<u8>>()).unwrap()
}

/// The only profile of a tablet, unlocked.
pub fn unlocked(folder: &TempDir, seed: u64, now: UnixMillis) -> Result<Device, ProfileError> {
    let tablet = tablet(folder);
    let id = tablet.list().unwrap().remove(0).id;
    tablet.unlock(&id, &Pin::new(PIN).unwrap(), &secret(), randomness(seed), now)
}

pub fn refused() -> ConnectionError {
    ConnectionError::Refused { host: "relay".into() }
}

pub fn allergy(chart: &ChartRef, id: &str, text: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance", "id": id, "code": {"text": text},
        "patient": {"reference": format!("Patient/{}", chart.patient)},
    })
}

/// Heads of every document of two devices are the same.
pub fn assert_converged(a: &Node, b: &Node) {
    let ids: Vec<_> = a.device.documents().unwrap().into_iter().map(|d| d.id).collect();
    let mut others: Vec<_> = b.device.documents().unwrap().into_iter().map(|d| d.id).collect();
    let mut sorted = ids.clone();
    sorted.sort();
    others.sort();
    assert_eq!(sorted, others);
    for id in ids {
        assert_eq!(a.device.heads(&id, START).unwrap(), b.device.heads(&id, START).unwrap());
    }
}
