//! Durability: the relay is killed at the last acknowledgement or at any moment, started again, and asked for every edit.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use client_core::ChangeHash;
use client_core::driver::{DriverOptions, SharedDevice, sync_once, system_time};
use client_core::sync::SyncEvent;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::clinic::{Clinic, Edit};
use crate::failure::Failure;
use crate::latency::Live;
use crate::measure::Measure;
use crate::table::{Row, Table, Unit};

const EDITS: usize = 1_000;
/// Kills at moments that nothing decides but the dice.
const KILLS: usize = 50;
/// Edits that are on their way at such a kill, where a device uploads what it wrote offline.
const BURST: usize = 200;
/// The latest such moment, from the beginning of the upload: about as long as an upload takes.
const LATEST: Duration = Duration::from_millis(40);
/// The latest such moment, from the first edit of a device that is connected.
const LATEST_LIVE: Duration = Duration::from_millis(150);
/// The latest such moment after the last edit: longer than its acknowledgement takes.
const LATEST_AFTER: Duration = Duration::from_millis(3);
const SEED: u64 = 50;

/// Measures the rows.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(clinic: &mut Clinic, table: &mut Table) -> Result<(), Failure> {
    let mut lost = Vec::new();
    for _ in 0..clinic.rounds {
        lost.push(round(clinic)? as f64);
    }
    let name = format!("of {EDITS} acknowledged edits lost when the relay is killed at the last ack");
    let note = "SIGKILL; a loss of power is covered by synchronous=FULL and not tried here";
    table.push(Row::new(name, Unit::Count, lost).beside(Measure::Lost).target(Some(0.0)).note(note));
    at_random(clinic, table)
}

/// Kills in the midst of uploads. A reader looks for what was acknowledged before the author, who could mend it, is back.
fn at_random(clinic: &mut Clinic, table: &mut Table) -> Result<(), Failure> {
    let mut dice = ChaCha8Rng::seed_from_u64(SEED);
    let reader = clinic.device()?;
    clinic.sync(&clinic.author)?;
    clinic.sync(&reader)?;
    let (mut acknowledged, mut halfway, mut lost) = (0, 0, 0);
    for number in 0..KILLS {
        let moment = dice.random_range(0.0..1.0);
        let edits = match number % 2 {
            0 => kill_amid_upload(clinic, LATEST.mul_f64(moment))?,
            _ => {
                kill_amid_edits(clinic, LATEST_LIVE.mul_f64(moment), LATEST_AFTER.mul_f64(dice.random_range(0.0..1.0)))?
            }
        };
        clinic.relay.restart()?;
        clinic.sync(&reader)?;
        let told = acknowledged_of(clinic, &edits)?;
        halfway += usize::from(!told.is_empty() && told.len() < edits.len());
        lost += missing(&reader, &told)?;
        acknowledged += told.len();
        // What did not get through goes now, and counts no more.
        clinic.sync(&clinic.author)?;
    }
    let name = format!("acknowledged edits lost over {KILLS} SIGKILLs of the relay at random moments of uploads");
    let note = format!(
        "half of them amid uploads of {BURST}, half amid single edits of a connected device; {acknowledged} acknowledged before \
         a kill; {halfway} kills with some acknowledged and some not"
    );
    table.push(Row::new(name, Unit::Count, vec![lost as f64]).target(Some(0.0)).note(note));
    Ok(())
}

/// A connected device edits until `moment`; the relay is killed `after` the last of the edits.
fn kill_amid_edits(clinic: &mut Clinic, moment: Duration, after: Duration) -> Result<Vec<Edit>, Failure> {
    clinic.author.lock()?.set_relay_url(&clinic.relay.url())?;
    let live = Live::start(&clinic.author)?;
    let (begun, mut edits) = (Instant::now(), Vec::new());
    while begun.elapsed() < moment {
        edits.push(clinic.edit_one()?);
    }
    std::thread::sleep(after);
    clinic.relay.kill()?;
    live.stop();
    Ok(edits)
}

/// Uploads what was written offline and kills the relay meanwhile.
fn kill_amid_upload(clinic: &mut Clinic, moment: Duration) -> Result<Vec<Edit>, Failure> {
    let edits = clinic.edit(BURST)?;
    clinic.author.lock()?.set_relay_url(&clinic.relay.url())?;
    let relay = &mut clinic.relay;
    std::thread::scope(|scope| {
        let killer = scope.spawn(move || {
            std::thread::sleep(moment);
            relay.kill()
        });
        // Cut off or done: what counts is what was acknowledged.
        let _ = clinic.runtime.block_on(sync_once(&clinic.author, &DriverOptions::default(), |_| {}));
        killer.join().map_err(|_| Failure::new("the relay could not be killed"))?
    })?;
    Ok(edits)
}

/// Those of the edits that the author's device was told are in the log.
fn acknowledged_of(clinic: &Clinic, edits: &[Edit]) -> Result<Vec<Edit>, Failure> {
    let mut author = clinic.author.lock()?;
    let mut told = Vec::new();
    for edit in edits {
        let history = author.history(&clinic.charts[edit.chart].chart, None, system_time())?;
        told.extend(history.iter().any(|entry| entry.change == edit.change && entry.sent).then_some(*edit));
    }
    Ok(told)
}

fn round(clinic: &mut Clinic) -> Result<usize, Failure> {
    let edits = clinic.edit(EDITS)?;
    clinic.author.lock()?.set_relay_url(&clinic.relay.url())?;
    let (mut acknowledged, mut killed) = (0, None);
    let relay = &mut clinic.relay;
    let cut = clinic.runtime.block_on(sync_once(&clinic.author, &DriverOptions::default(), |event| {
        if let SyncEvent::Sent { accepted, .. } = event {
            acknowledged += accepted;
            if acknowledged == EDITS as u64 {
                killed = Some(relay.kill());
            }
        }
    }));
    // The sync may have been done or not: what counts is what was acknowledged.
    drop(cut);
    killed.ok_or_else(|| Failure::new("not all edits were acknowledged"))??;
    clinic.relay.restart()?;
    let device = clinic.device()?;
    clinic.sync(&device)?;
    missing(&device, &edits)
}

/// How many of the edits a device does not hold.
fn missing(device: &SharedDevice, edits: &[Edit]) -> Result<usize, Failure> {
    let device = device.lock()?;
    let mut present: HashSet<ChangeHash> = HashSet::new();
    for edit in edits {
        present.extend(device.change_hashes(&edit.document)?);
    }
    Ok(edits.iter().filter(|edit| !present.contains(&edit.change)).count())
}
