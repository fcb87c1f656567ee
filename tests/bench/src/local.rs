//! What a clinician waits for without any network: saving an edit and opening a chart.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use client_core::driver::{SharedDevice, system_time};
use client_core::{ChartRef, ImportOptions, PatientFilter};
use flate2::read::GzDecoder;
use serde_json::json;

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::stats::{percentile, sorted};
use crate::table::{Row, Table, Unit};

const SAMPLES: usize = 200;
/// Names a folder of FHIR R4 Bundles.
const FOLDER: &str = "SATCHEL_DATA_DIR";

/// Measures the rows.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(clinic: &mut Clinic, table: &mut Table) -> Result<(), Failure> {
    let (mut halves, mut tails) = (Vec::new(), Vec::new());
    let (mut first, mut again, mut prepared) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..clinic.rounds {
        let saved = sorted(times(SAMPLES, |_| clinic.edit_one().map(drop))?);
        halves.push(percentile(&saved, 0.5));
        tails.push(percentile(&saved, 0.99));
        clinic.sync(&clinic.author)?;
        let device = clinic.device()?;
        clinic.sync(&device)?;
        let open = |number: usize| {
            let chart = &clinic.charts[number % clinic.charts.len()].chart;
            device.lock()?.chart(chart, system_time())?;
            Ok(())
        };
        first.push(percentile(&sorted(times(SAMPLES, open)?), 0.5));
        again.push(percentile(&sorted(times(SAMPLES, open)?), 0.5));
        let begun = Instant::now();
        let others = prepare(&device)?;
        prepared.push(others as f64 / begun.elapsed().as_secs_f64());
    }
    table.push(Row::new("save of one edit on a device, p50", Unit::Seconds, halves).note("synced to disk"));
    let tails = Row::new("save of one edit on a device, p99", Unit::Seconds, tails).target(Some(0.010));
    table.push(tails.note("synced to disk"));
    table.push(Row::new("open of a chart after it came, p50", Unit::Seconds, first).note("projects it, a commit"));
    table.push(Row::new("open of a chart again, p50", Unit::Seconds, again).target(Some(0.030)));
    let row = Row::new("charts prepared in the background, documents", Unit::PerSecond, prepared);
    table.push(row.note("a second after the last batch, one document at a time, for who opens them later"));
    largest(clinic, table)
}

/// What a live device does a second after it has caught up: works out what charts show. How many documents that were.
fn prepare(device: &SharedDevice) -> Result<usize, Failure> {
    let mut preparer = device.lock()?.chart_preparer()?;
    let mut count = 0;
    while preparer.prepare_one()? {
        count += 1;
    }
    Ok(count)
}

/// The largest chart of a folder of FHIR Bundles: the file with most bytes.
fn largest(clinic: &Clinic, table: &mut Table) -> Result<(), Failure> {
    let name = |what: &str| format!("open of the largest chart of {FOLDER}, {what}");
    let Some(folder) = std::env::var_os(FOLDER) else {
        table.push(Row::unmeasured(name("again, p50"), Unit::Seconds, format!("{FOLDER} names no folder")));
        return Ok(());
    };
    let mut largest: (Vec<u8>, u64) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let bytes = read(&path)?;
        if bytes.len() as u64 > largest.1 {
            largest = (bytes.clone(), bytes.len() as u64);
        }
    }
    let author = clinic.author.clone();
    let before: HashSet<ChartRef> = charts(&author)?;
    author.lock()?.import(&largest.0, &ImportOptions::default(), system_time(), |_, _| {})?;
    let chart = charts(&author)?.into_iter().find(|chart| !before.contains(chart));
    let chart = chart.ok_or_else(|| Failure::new(format!("{FOLDER} holds no new chart")))?;
    clinic.sync(&author)?;
    let (mut first, mut prepared, mut again) = (Vec::new(), Vec::new(), Vec::new());
    let (mut first_edits, mut edits) = (Vec::new(), Vec::new());
    let mut resources = 0;
    for round in 0..clinic.rounds {
        let device = clinic.device()?;
        clinic.sync(&device)?;
        let open = |_| Ok(device.lock()?.chart(&chart, system_time())?.groups.iter().map(|g| g.resources.len()).sum());
        let mut count = 0;
        first.extend(times(1, |n| open(n).map(|found: usize| count = found))?);
        again.push(percentile(&sorted(times(20, |n| open(n).map(drop))?), 0.5));
        resources = count;
        let other = clinic.device()?;
        clinic.sync(&other)?;
        prepare(&other)?;
        prepared.extend(times(1, |_| Ok(other.lock()?.chart(&chart, system_time()).map(drop)?))?);
        let edit = |number: usize| {
            let patient = json!({"reference": format!("Patient/{}", chart.patient)});
            let text = format!("Allergy {round} {number}");
            let allergy = json!({"resourceType": "AllergyIntolerance", "id": "bench", "patient": patient, "code": {"text": text}});
            Ok(device.lock()?.put_resource(&chart, &allergy, system_time()).map(drop)?)
        };
        first_edits.extend(times(1, |_| edit(SAMPLES))?);
        edits.push(percentile(&sorted(times(SAMPLES, edit)?), 0.99));
    }
    let note = format!("{resources} resources, {} KB of JSON", largest.1 / 1_000);
    let row = Row::new(name("the first time, once prepared"), Unit::Seconds, prepared);
    table.push(
        row.target(Some(0.030)).note(format!("{note}; prepared from a second after it came, while nobody waits")),
    );
    let row = Row::new(name("the first time, the moment it came"), Unit::Seconds, first);
    table.push(row.note("opens and projects its documents, a commit"));
    table.push(Row::new(name("again, p50"), Unit::Seconds, again).target(Some(0.030)).note(note));
    let name = |what: &str| format!("save of {what} in the largest chart of {FOLDER}");
    let row = Row::new(name("the first edit"), Unit::Seconds, first_edits);
    table.push(row.target(Some(0.010)).note("opens its core document; synced to disk"));
    let row = Row::new(format!("{}, p99", name("an edit after it")), Unit::Seconds, edits);
    table.push(row.target(Some(0.010)).note("in the same document, synced to disk"));
    Ok(())
}

/// A file, unpacked if need be.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(path)?;
    if path.extension().is_none_or(|extension| extension != "gz") {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

fn charts(device: &SharedDevice) -> Result<HashSet<ChartRef>, Failure> {
    let found = device.lock()?.patients(&PatientFilter::default(), 1_000_000, 0, system_time())?;
    Ok(found.into_iter().map(|patient| patient.chart).collect())
}

fn times(count: usize, mut work: impl FnMut(usize) -> Result<(), Failure>) -> Result<Vec<f64>, Failure> {
    (0..count)
        .map(|number| {
            let begun = Instant::now();
            work(number)?;
            Ok(begun.elapsed().as_secs_f64())
        })
        .collect()
}
