//! What a clinician waits for without any network: saving an edit and opening a chart.

use std::time::Instant;

use client_core::driver::system_time;

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::stats::{percentile, sorted};
use crate::table::{Row, Table, Unit};

const SAMPLES: usize = 200;

/// Measures the rows.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(clinic: &mut Clinic, table: &mut Table) -> Result<(), Failure> {
    let (mut halves, mut tails) = (Vec::new(), Vec::new());
    let (mut first, mut again) = (Vec::new(), Vec::new());
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
    }
    table.push(Row::new("save of one edit on a device, p50", Unit::Seconds, halves).note("synced to disk"));
    table.push(Row::new("save of one edit on a device, p99", Unit::Seconds, tails).note("synced to disk"));
    table.push(Row::new("open of a chart after it came, p50", Unit::Seconds, first).note("projects it, a commit"));
    table.push(Row::new("open of a chart again, p50", Unit::Seconds, again));
    Ok(())
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
