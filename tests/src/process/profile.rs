//! A device in this process that syncs with a relay process by the native driver.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use client_core::driver::{DriverOptions, SharedDevice, SyncReport, enroll, run, sync_once, system_time};
use client_core::sync::SyncEvent;
use client_core::{
    ChangeHash, ChartRef, Device, DeviceError, EditReceipt, PatientId, Pin, PlatformSecret, ProfileError,
    ProfileSettings, Profiles, SystemRandomness, UnixMillis,
};
use serde_json::Value;

use super::RelayProcess;
use crate::{canaries, charts};

/// Of every encrypted profile that is not said to have another.
pub const PIN: &str = "1793";

/// The profiles of a tablet. PINs of those that are made by this are tried in no time.
pub fn tablet(folder: &Path) -> Profiles {
    Profiles::open_with_weak_pins_for_tests(folder).unwrap()
}

/// See the module.
#[derive(Clone)]
pub struct Profile {
    folder: PathBuf,
    /// The device.
    pub device: SharedDevice,
    options: DriverOptions,
}

/// A sync that goes on until it is dropped.
pub struct Live {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// What happened so far.
    pub events: Arc<Mutex<Vec<SyncEvent>>>,
}

impl Profile {
    /// Opens the profile in a folder.
    pub fn open(folder: &Path) -> Self {
        Self::of(folder, Device::open(folder, SystemRandomness, system_time()).unwrap())
    }

    fn of(folder: &Path, device: Device) -> Self {
        canaries::watch_logs();
        assert!(device.damaged_file().is_none(), "the database was damaged");
        Self { folder: folder.to_owned(), device: SharedDevice::new(device), options: DriverOptions::default() }
    }

    /// Makes an encrypted profile on a tablet, for whom it is called, and enrols it.
    pub fn encrypted(folder: &Path, relay: &RelayProcess, at: &str, who: &str, pin: &str) -> Self {
        let (pin, secret, settings) = (Pin::new(pin).unwrap(), PlatformSecret::none(), ProfileSettings::default());
        let made = tablet(folder).create(who, &pin, &secret, settings, SystemRandomness, system_time());
        let profile = Self::of(folder, made.unwrap().1);
        profile.enrol(relay, at, who);
        profile
    }

    /// Unlocks a profile of a tablet.
    ///
    /// # Errors
    /// As [`Profiles::unlock`].
    pub fn unlock(folder: &Path, who: &str, pin: &str) -> Result<Self, ProfileError> {
        let tablet = tablet(folder);
        let entry = tablet.list()?.into_iter().find(|entry| entry.label == who).ok_or(ProfileError::UnknownProfile)?;
        let (pin, secret) = (Pin::new(pin)?, PlatformSecret::none());
        Ok(Self::of(folder, tablet.unlock(&entry.id, &pin, &secret, SystemRandomness, system_time())?))
    }

    /// Locks it: the only handle to it must be this one.
    pub fn lock(self) {
        let device = self.device.into_device().expect("nobody else has it");
        device.lock(system_time()).unwrap();
    }

    /// Opens a new profile and enrols it.
    pub fn enrolled(folder: &Path, relay: &RelayProcess, at: &str, who: &str) -> Self {
        let profile = Self::open(folder);
        profile.enrol(relay, at, who);
        profile
    }

    fn enrol(&self, relay: &RelayProcess, at: &str, who: &str) {
        let code = relay.admin().code(at, who);
        let enrolment = enroll(&self.device, relay.url(), &code, "a tablet", &self.options);
        runtime().block_on(enrolment).unwrap();
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Does something on the device.
    pub fn with<T>(&self, act: impl FnOnce(&mut Device, UnixMillis) -> Result<T, DeviceError>) -> T {
        act(&mut self.device.lock().unwrap(), system_time()).unwrap()
    }

    /// Starts a chart.
    pub fn register(&self, family: &str) -> ChartRef {
        let organization = self.with(|device, _| device.identity()).organization;
        let chart = ChartRef { organization, patient: PatientId::new(family).unwrap() };
        self.put(&chart, &charts::patient(family, family));
        chart
    }

    /// Creates or replaces a resource.
    pub fn put(&self, chart: &ChartRef, resource: &Value) -> EditReceipt {
        // The family is the patient's id here, which may be logged.
        if resource["resourceType"] != "Patient" {
            canaries::plant_all_of(resource);
        }
        self.with(|device, now| device.put_resource(chart, resource, now))
    }

    /// From now on the relay is to be found there.
    pub fn set_relay(&self, relay: &RelayProcess) {
        self.with(|device, _| device.set_relay_url(relay.url()));
    }

    /// Syncs once.
    ///
    /// # Errors
    /// As [`sync_once`].
    pub fn sync(&self) -> Result<SyncReport, DeviceError> {
        runtime().block_on(sync_once(&self.device, &self.options, |_| {}))
    }

    /// Stays in sync in a thread of its own.
    pub fn go_live(&self) -> Live {
        let (stop, events) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (profile, told, stopping) = (self.clone(), events.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let stopped = async {
                while !stopping.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let tell = |event: &SyncEvent| told.lock().unwrap().push(event.clone());
            runtime().block_on(run(&profile.device, &profile.options, stopped, tell)).unwrap();
        });
        Live { stop, thread: Some(thread), events }
    }

    /// The changes of a chart that the device has been told the relay has, or not.
    pub fn changes(&self, chart: &ChartRef, sent: bool) -> BTreeSet<ChangeHash> {
        let history = self.with(|device, now| device.history(chart, None, now));
        history.into_iter().filter(|entry| entry.sent == sent).map(|entry| entry.change).collect()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(std::thread::panicking() || ended.is_ok(), "the sync failed");
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
