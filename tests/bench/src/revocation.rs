//! Revocation: from an administrator's word to charts gone from the disks of connected devices.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use client_core::driver::{DriverOptions, SharedDevice, enroll, run, system_time};
use client_core::sync::SyncEvent;
use client_core::{Device, SystemRandomness};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::stats::{percentile, sorted};
use crate::table::{Row, Table, Unit};

/// Devices that stay connected.
const DEVICES: usize = 1_000;
/// Charts that each of them holds.
const CHARTS: usize = 20;
/// Practitioners who lose their role, one after another.
const SINGLE: usize = 100;
const PATIENCE: Duration = Duration::from_secs(120);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Measures the rows.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(folder: &Path, table: &mut Table) -> Result<(), Failure> {
    std::fs::create_dir(folder)?;
    let clinic = Clinic::start(folder, CHARTS, 0)?;
    let partner = Partner::connect(&clinic, folder)?;
    let single = partner.one_by_one(&clinic)?;
    let everybody = partner.all_at_once(&clinic)?;
    partner.stop();
    let name = |what: &str| format!("revocation to purge, {DEVICES} devices connected, {what}");
    let note = format!("{CHARTS} charts each; the request's time and the device's commit, synced to disk, included");
    table.push(Row::new(name("one loses a role, p50"), Unit::Seconds, vec![percentile(&single, 0.5)]).note(note));
    let tail = Row::new(name("one loses a role, p99"), Unit::Seconds, vec![percentile(&single, 0.99)]);
    table.push(tail.target(Some(1.0)));
    let note = "an affiliation ends: every device purges, all of them on this machine's disk";
    let half = Row::new(name("all lose access at once, p50"), Unit::Seconds, vec![percentile(&everybody, 0.5)]);
    table.push(half.note(note));
    table.push(Row::new(name("all lose access at once, p99"), Unit::Seconds, vec![percentile(&everybody, 0.99)]));
    Ok(())
}

/// An affiliated clinic, every device of it connected.
struct Partner {
    purged: Receiver<(usize, Instant)>,
    stop: watch::Sender<bool>,
    runtime: Runtime,
}

impl Partner {
    fn connect(clinic: &Clinic, folder: &Path) -> Result<Self, Failure> {
        let relay = &clinic.relay;
        let _: Value = relay.post("organizations", &json!({ "id": "south", "name": "South Clinic" }))?;
        let opened =
            json!({ "organization": "north", "partner": "south", "compartments": ["core", "encounter", "results"] });
        let _: Value = relay.put("affiliations", &opened)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let ((tell_purged, purged), (tell_live, live)) = (channel(), channel());
        let (stop, stopped) = watch::channel(false);
        for number in 0..DEVICES {
            let device = enrolled(clinic, &runtime, folder, number)?;
            runtime.spawn(stay(device, number, stopped.clone(), tell_purged.clone(), tell_live.clone()));
        }
        for _ in 0..DEVICES {
            live.recv_timeout(PATIENCE)?;
        }
        Ok(Self { purged, stop, runtime })
    }

    /// Takes the role of some away, one after another: times until their devices are empty, in order of size.
    fn one_by_one(&self, clinic: &Clinic) -> Result<Vec<f64>, Failure> {
        let mut times = Vec::new();
        for number in 0..SINGLE {
            let begun = Instant::now();
            clinic.relay.delete(&format!("roles/south/nurse-{number}/nurse"))?;
            let (whose, at) = self.purged.recv_timeout(PATIENCE)?;
            if whose != number {
                return Err(Failure::new("another device was purged than the one whose role ended"));
            }
            times.push((at - begun).as_secs_f64());
        }
        Ok(sorted(times))
    }

    /// Ends the affiliation: times until each device is empty, in order of size.
    fn all_at_once(&self, clinic: &Clinic) -> Result<Vec<f64>, Failure> {
        let begun = Instant::now();
        clinic.relay.delete("affiliations/north/south")?;
        let mut times = Vec::new();
        for _ in SINGLE..DEVICES {
            let (_, at) = self.purged.recv_timeout(PATIENCE)?;
            times.push((at - begun).as_secs_f64());
        }
        Ok(sorted(times))
    }

    fn stop(self) {
        // Devices that stopped by themselves have said why.
        let _ = self.stop.send(true);
        self.runtime.shutdown_timeout(Duration::from_secs(10));
    }
}

fn role(number: usize) -> Value {
    json!({ "practitioner": format!("nurse-{number}"), "organization": "south", "role": "nurse" })
}

fn enrolled(clinic: &Clinic, runtime: &Runtime, folder: &Path, number: usize) -> Result<SharedDevice, Failure> {
    let relay = &clinic.relay;
    let practitioner = format!("nurse-{number}");
    let _: Value = relay.post("practitioners", &json!({ "id": practitioner, "name": practitioner }))?;
    let _: Value = relay.put("roles", &role(number))?;
    let code = json!({ "organization": "south", "practitioner": practitioner, "valid_ms": DAY_MS });
    let shown: Value = relay.post("enrolment-codes", &code)?;
    let folder = folder.join(format!("south-{number}"));
    let device = SharedDevice::new(Device::open(&folder, SystemRandomness, system_time())?);
    let code = shown["code"].as_str().unwrap_or_default();
    runtime.block_on(enroll(&device, &relay.url(), code, "bench", &DriverOptions::default()))?;
    Ok(device)
}

/// Keeps one device connected; tells when it has caught up first, and when documents were taken from it.
async fn stay(
    device: SharedDevice,
    number: usize,
    mut stopped: watch::Receiver<bool>,
    purged: Sender<(usize, Instant)>,
    live: Sender<()>,
) {
    // One process a device: nobody else writes.
    let options = DriverOptions { poll_every: PATIENCE, ..DriverOptions::default() };
    let mut first = Some(live);
    let told = |event: &SyncEvent| match event {
        SyncEvent::Withdrawn { .. } => drop(purged.send((number, Instant::now()))),
        SyncEvent::CaughtUp => drop(first.take().map(|live| live.send(()))),
        _ => {}
    };
    let stop = async { drop(stopped.changed().await) };
    if let Err(error) = run(&device, &options, stop, told).await {
        eprintln!("bench: device {number} stopped: {error}");
    }
}
