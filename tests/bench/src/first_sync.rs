//! First sync: a new device receives every chart with its whole history, verified.

use client_core::driver::{SharedDevice, SyncReport};

use crate::clinic::{CHANGES, Clinic};
use crate::failure::Failure;
use crate::measure::Measure;
use crate::table::{Row, Table, Unit};

/// Measures the rows.
///
/// # Errors
/// Whatever goes wrong, a device that does not hold everything included.
pub fn measure(clinic: &mut Clinic, table: &mut Table) -> Result<(), Failure> {
    let count = clinic.charts.len();
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..clinic.rounds {
        if let Some(device) = clinic.with_index.pop() {
            times.push(timed(clinic, &device, count * CHANGES)?);
        }
        if let Some(device) = clinic.with_index.pop() {
            bytes.push(clinic.sync_counted(&device)?.down as f64);
            complete(clinic, &device)?;
        }
    }
    let note =
        "without the patient index: the observations alone, in as many documents and changes as the others have charts";
    let name = |what: &str| format!("first sync, {count} documents of {CHANGES} changes, {what}");
    table.push(Row::new(name("time"), Unit::Seconds, times).target(Some(0.4)).note(note));
    table.push(Row::new(name("bytes down"), Unit::Bytes, bytes).target(Some(1e6)).note(note));
    whole(clinic, table)
}

fn whole(clinic: &Clinic, table: &mut Table) -> Result<(), Failure> {
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..clinic.rounds {
        times.push(timed(clinic, &clinic.device()?, clinic.changes())?);
        let device = clinic.device()?;
        bytes.push(clinic.sync_counted(&device)?.down as f64);
        complete(clinic, &device)?;
    }
    let name = |what: &str| format!("first sync of all {} documents, {what}", clinic.documents());
    let note = "all content, as the others; in two documents a chart, the patient index being one; patients are listed and searchable at the end";
    let row = Row::new(name("time"), Unit::Seconds, times).beside(Measure::FirstSync);
    table.push(row.target(Some(0.4)).note(note));
    let row = Row::new(name("bytes down"), Unit::Bytes, bytes).beside(Measure::FirstSyncBytes);
    table.push(row.target(Some(1e6)).note(note));
    let note = "with 10 changes each";
    let uploaded = vec![clinic.uploaded.duration.as_secs_f64()];
    table.push(Row::new("upload of all charts by their author", Unit::Seconds, uploaded).note(note));
    Ok(())
}

/// Measures the row for many charts.
///
/// # Errors
/// As [`measure`].
pub fn measure_large(clinic: &mut Clinic, table: &mut Table) -> Result<(), Failure> {
    let count = clinic.charts.len();
    let (mut times, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..clinic.rounds {
        if let Some(device) = clinic.with_index.pop() {
            times.push(timed(clinic, &device, count * CHANGES)?);
        }
        whole.push(timed(clinic, &clinic.device()?, clinic.changes())?);
    }
    let name = format!("first sync, {count} documents of {CHANGES} changes, time");
    table.push(Row::new(name, Unit::Seconds, times).target(Some(4.0)));
    let name = format!("first sync of all {} documents, time", clinic.documents());
    let row = Row::new(name, Unit::Seconds, whole).beside(Measure::LargeFirstSync);
    table.push(row.target(Some(4.0)).note("patient index included"));
    Ok(())
}

fn timed(clinic: &Clinic, device: &SharedDevice, changes: usize) -> Result<f64, Failure> {
    let report: SyncReport = clinic.sync(device)?;
    if report.changes != changes as u64 || report.quarantined != 0 {
        return Err(Failure::new(format!("{} of {changes} changes came", report.changes)));
    }
    complete(clinic, device)?;
    Ok(report.duration.as_secs_f64())
}

/// Checks that the device holds every change of every document.
fn complete(clinic: &Clinic, device: &SharedDevice) -> Result<(), Failure> {
    let device = device.lock()?;
    let mut changes = 0;
    for document in device.documents()? {
        changes += device.change_hashes(&document.id)?.len();
    }
    if changes < clinic.changes() {
        return Err(Failure::new(format!("{changes} of {} changes are on the device", clinic.changes())));
    }
    Ok(())
}
