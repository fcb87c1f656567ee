//! Encrypted profiles on one tablet: unlocking, changing from one to another, and what one more person's profile costs.

use std::path::Path;
use std::time::Instant;

use client_core::driver::{DriverOptions, SharedDevice, enroll, system_time};
use client_core::{
    Device, PatientFilter, Pin, PlatformSecret, ProfileId, ProfileSettings, Profiles, Randomness, SystemRandomness,
};
use serde_json::{Value, json};

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::stats::{percentile, sorted};
use crate::table::{Row, Table, Unit};

/// Times that a profile is unlocked or changed, each round.
const SAMPLES: usize = 10;
/// Seconds that changing from one practitioner to another may take.
const TARGET: f64 = 3.0;
/// The practitioners of the tablet; both may read every chart.
const WHO: [&str; 2] = ["dr-a", "dr-b"];

struct Tablet {
    profiles: Profiles,
    secret: PlatformSecret,
    ids: Vec<ProfileId>,
}

/// Measures the rows. `folder`: for the tablet.
///
/// # Errors
/// Whatever goes wrong, a profile that does not hold every chart included.
pub fn measure(clinic: &Clinic, folder: &Path, table: &mut Table) -> Result<(), Failure> {
    let mut secret = vec![0; 32];
    SystemRandomness.fill(&mut secret);
    let secret = PlatformSecret::new(secret)?;
    let mut tablet = Tablet { profiles: Profiles::open(folder)?, secret, ids: Vec::new() };
    one_more(clinic, &mut tablet, folder, table)?;
    let (mut unlocks, mut switches, mut slowest) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..clinic.rounds {
        let mut open = tablet.unlock(0)?;
        let (mut unlocking, mut switching) = (Vec::new(), Vec::new());
        for sample in 1..=SAMPLES {
            let begun = Instant::now();
            open.lock(system_time())?;
            let locked = Instant::now();
            open = tablet.unlock(sample % WHO.len())?;
            unlocking.push(locked.elapsed().as_secs_f64());
            let listed = open.patients(&PatientFilter::default(), 50, 0, system_time())?;
            switching.push(begun.elapsed().as_secs_f64());
            if listed.is_empty() {
                return Err(Failure::new("an unlocked profile lists nobody"));
            }
        }
        let switching = sorted(switching);
        unlocks.push(percentile(&sorted(unlocking), 0.5));
        switches.push(percentile(&switching, 0.5));
        slowest.push(percentile(&switching, 1.0));
    }
    let name = |what: &str| format!("{what}, profiles of {} charts", clinic.charts.len());
    let note = "Argon2id over 64 MiB, every page of the file checked, recorded in the trail";
    table.push(Row::new(name("unlock of a profile, p50"), Unit::Seconds, unlocks).note(note));
    let note = "lock one, unlock the other, list 50 patients";
    let row = Row::new(name("switch profile, p50"), Unit::Seconds, switches);
    table.push(row.target(Some(TARGET)).note(note));
    let row = Row::new(name("switch profile, slowest"), Unit::Seconds, slowest);
    table.push(row.target(Some(TARGET)).note(note));
    Ok(())
}

/// The two profiles are made and filled; the second with the same charts as the first.
fn one_more(clinic: &Clinic, tablet: &mut Tablet, folder: &Path, table: &mut Table) -> Result<(), Failure> {
    let (mut seconds, mut down) = (0.0, 0.0);
    for who in WHO {
        let settings = ProfileSettings::default();
        let made = tablet.profiles.create(who, &pin()?, &tablet.secret, settings, SystemRandomness, system_time())?;
        tablet.ids.push(made.0);
        let device = enrolled(clinic, made.1, who)?;
        let begun = Instant::now();
        down = clinic.sync_counted(&device)?.down as f64;
        seconds = begun.elapsed().as_secs_f64();
        let held = device.lock()?.documents()?.len();
        // More where the clinic has imported further charts by now.
        if held < clinic.documents() {
            return Err(Failure::new(format!("{who} holds {held} of {} documents", clinic.documents())));
        }
        let device = device.into_device().ok_or_else(|| Failure::new("the device is still in use"))?;
        device.lock(system_time())?;
    }
    let place = folder.join(tablet.ids.last().map(ProfileId::as_str).unwrap_or_default());
    let file = std::fs::metadata(place.join("profile.db"))?.len() as f64;
    let name = |what: &str| format!("one more profile with the same {} charts, {what}", clinic.charts.len());
    table.push(Row::new(name("its first sync"), Unit::Seconds, vec![seconds]).note("into an encrypted database"));
    table.push(Row::new(name("bytes down"), Unit::Bytes, vec![down]).note("over the benchmark's proxy"));
    table.push(Row::new(name("file"), Unit::Bytes, vec![file]));
    Ok(())
}

impl Tablet {
    fn unlock(&self, which: usize) -> Result<Device, Failure> {
        Ok(self.profiles.unlock(&self.ids[which], &pin()?, &self.secret, SystemRandomness, system_time())?)
    }
}

fn pin() -> Result<Pin, Failure> {
    Ok(Pin::new("591742")?)
}

fn enrolled(clinic: &Clinic, device: Device, who: &str) -> Result<SharedDevice, Failure> {
    let code = json!({ "organization": "north", "practitioner": who, "valid_ms": 3_600_000 });
    let shown: Value = clinic.relay.post("enrolment-codes", &code)?;
    let code = shown["code"].as_str().unwrap_or_default();
    let device = SharedDevice::new(device);
    let (url, options) = (clinic.relay.url(), DriverOptions::default());
    clinic.runtime.block_on(enroll(&device, &url, code, "bench", &options))?;
    Ok(device)
}
