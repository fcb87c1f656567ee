//! How Satchel's figures grow: with documents, with changes of one document, with devices.

use std::fmt;
use std::path::Path;

use client_core::driver::system_time;
use serde::Serialize;

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::stats::median;
use crate::table::Unit;
use crate::{fan_out, plot};

/// One curve: what was measured at each size.
#[derive(Debug, Serialize)]
pub struct Curve {
    pub name: &'static str,
    /// What grows.
    pub of: &'static str,
    pub unit: Unit,
    /// `(size, figure)`, the sizes growing.
    pub points: Vec<(f64, f64)>,
}

/// All curves of a run.
#[derive(Debug, Default, Serialize)]
pub struct Curves {
    pub curves: Vec<Curve>,
}

impl Curves {
    fn add(&mut self, name: &'static str, of: &'static str, unit: Unit, size: usize, figure: f64) {
        eprintln!("{name}, {size} {of}: {}", unit.show(figure));
        let point = (size as f64, figure);
        match self.curves.iter_mut().find(|curve| curve.name == name && curve.of == of) {
            Some(curve) => curve.points.push(point),
            None => self.curves.push(Curve { name, of, unit, points: vec![point] }),
        }
    }

    /// As a picture.
    pub fn plot(&self) -> String {
        plot::lines(&self.curves)
    }
}

impl fmt::Display for Curves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for curve in &self.curves {
            let points = curve.points.iter().map(|(size, figure)| format!("{size}: {}", curve.unit.show(*figure)));
            writeln!(f, "- {}, by {}: {}", curve.name, curve.of, points.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

/// Measures all curves. `to`: most charts.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(folder: &Path, to: usize, rounds: usize) -> Result<Curves, Failure> {
    let mut curves = Curves::default();
    for charts in [100, 1_000, 10_000, 100_000].into_iter().filter(|charts| *charts <= to) {
        let at = folder.join(format!("documents-{charts}"));
        documents(&at, charts, rounds, &mut curves)?;
        std::fs::remove_dir_all(&at)?;
    }
    for changes in [10, 100, 1_000, 10_000] {
        one_document(&folder.join(format!("changes-{changes}")), changes, rounds, &mut curves)?;
    }
    for devices in [1, 10, 50, 200] {
        let measured = fan_out::to_receivers(&folder.join(format!("devices-{devices}")), devices, rounds)?;
        let half = |of: fn(&(f64, f64)) -> f64| median(&measured.iter().map(of).collect::<Vec<_>>());
        curves.add("fan-out, last at its socket", "devices", Unit::Seconds, devices, half(|round| round.0));
        curves.add("fan-out, last has applied", "devices", Unit::Seconds, devices, half(|round| round.1));
    }
    Ok(curves)
}

fn documents(folder: &Path, charts: usize, rounds: usize, curves: &mut Curves) -> Result<(), Failure> {
    std::fs::create_dir(folder)?;
    let clinic = Clinic::start(folder, charts, rounds)?;
    let of = "documents";
    let size = clinic.documents();
    let device = clinic.device()?;
    let time = clinic.sync(&device)?.duration.as_secs_f64();
    curves.add("first sync, time", of, Unit::Seconds, size, time);
    let bytes = clinic.sync_counted(&clinic.device()?)?.down as f64;
    curves.add("first sync, bytes down", of, Unit::Bytes, size, bytes);
    let unchanged = clinic.sync_counted(&device)?.total();
    curves.add("reconnect, nothing changed, bytes", of, Unit::Bytes, size, unchanged);
    let times: Result<Vec<f64>, Failure> =
        (0..rounds).map(|_| Ok(clinic.sync(&device)?.duration.as_secs_f64())).collect();
    curves.add("reconnect, nothing changed, time", of, Unit::Seconds, size, median(&times?));
    clinic.edit(100)?;
    clinic.sync(&clinic.author)?;
    let changed = clinic.sync(&device)?.duration.as_secs_f64();
    curves.add("reconnect, 100 changed, time", of, Unit::Seconds, size, changed);
    curves.add("relay memory, highest", of, Unit::Bytes, size, clinic.relay.memory()?.0);
    Ok(())
}

/// A chart whose observations are corrected again and again.
fn one_document(folder: &Path, changes: usize, rounds: usize, curves: &mut Curves) -> Result<(), Failure> {
    std::fs::create_dir(folder)?;
    let clinic = Clinic::start(folder, 1, rounds)?;
    clinic.edit(changes.saturating_sub(crate::clinic::CHANGES))?;
    clinic.sync(&clinic.author)?;
    let of = "changes of one document";
    let device = clinic.device()?;
    let time = clinic.sync(&device)?.duration.as_secs_f64();
    curves.add("first sync, time", of, Unit::Seconds, changes, time);
    let bytes = clinic.sync_counted(&clinic.device()?)?.down as f64;
    curves.add("first sync, bytes down", of, Unit::Bytes, changes, bytes);
    let chart = &clinic.charts[0].chart;
    let open = || {
        let begun = std::time::Instant::now();
        device.lock()?.chart(chart, system_time())?;
        Ok(begun.elapsed().as_secs_f64())
    };
    curves.add("open of the chart after it came", of, Unit::Seconds, changes, open()?);
    let again: Result<Vec<f64>, Failure> = (0..rounds).map(|_| open()).collect();
    curves.add("open of the chart again", of, Unit::Seconds, changes, median(&again?));
    Ok(())
}
