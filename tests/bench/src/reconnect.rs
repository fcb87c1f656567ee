//! Reconnect: what it costs to find that nothing, or little, has changed.

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::measure::Measure;
use crate::table::{Row, Table, Unit};

/// Charts that change meanwhile.
const CHANGED: usize = 100;

/// Measures the rows.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(clinic: &mut Clinic, table: &mut Table) -> Result<(), Failure> {
    let device = clinic.device()?;
    clinic.sync(&device)?;
    let (mut totals, mut after, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..clinic.rounds {
        let traffic = clinic.sync_counted(&device)?;
        totals.push(traffic.total());
        after.push(traffic.after_upgrade());
        times.push(clinic.sync(&device)?.duration.as_secs_f64());
    }
    let name = |what: &str| format!("reconnect, nothing changed, {what}");
    let row = Row::new(name("bytes both ways"), Unit::Bytes, totals).beside(Measure::UnchangedBytes).target(Some(1e3));
    table.push(row.note("HTTP upgrade and WebSocket framing included"));
    table.push(Row::new(name("bytes after the upgrade"), Unit::Bytes, after).target(Some(1e3)));
    table.push(Row::new(name("time"), Unit::Seconds, times).note("connect to close"));

    let (mut totals, mut limits, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..clinic.rounds {
        let edits = clinic.edit(CHANGED)?;
        limits.push(compressed(&clinic.payloads(&edits)?)?);
        clinic.sync(&clinic.author)?;
        totals.push(clinic.sync_counted(&device)?.total());
        clinic.edit(CHANGED)?;
        clinic.sync(&clinic.author)?;
        times.push(clinic.sync(&device)?.duration.as_secs_f64());
    }
    let name = |what: &str| format!("reconnect, {CHANGED} changed, {what}");
    table.push(Row::new(name("bytes both ways"), Unit::Bytes, totals).beside(Measure::ChangedBytes).target(Some(3e4)));
    table.push(
        Row::new(name("the changes themselves, zstd"), Unit::Bytes, limits).note("a limit: no ids, no signatures"),
    );
    table.push(Row::new(name("time"), Unit::Seconds, times).beside(Measure::ChangedTime));
    Ok(())
}

fn compressed(payloads: &[Vec<u8>]) -> Result<f64, Failure> {
    Ok(zstd::bulk::compress(&payloads.concat(), 3)?.len() as f64)
}
