//! Durability: the relay is killed at the last acknowledgement, started again, and asked for every edit.

use std::collections::HashSet;

use client_core::driver::{DriverOptions, sync_once};
use client_core::sync::SyncEvent;

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::measure::Measure;
use crate::table::{Row, Table, Unit};

const EDITS: usize = 1_000;

/// Measures the row.
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
    Ok(())
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
    let device = device.lock()?;
    let mut present = HashSet::new();
    for edit in &edits {
        present.extend(device.change_hashes(&edit.document)?);
    }
    Ok(edits.iter().filter(|edit| !present.contains(&edit.change)).count())
}
