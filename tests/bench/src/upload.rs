//! Upload: edits made without a network reach the relay's disk.

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::measure::Measure;
use crate::table::{Row, Table, Unit};

/// Edits made offline.
const EDITS: usize = 1_000;

/// Measures the rows.
///
/// # Errors
/// Whatever goes wrong, an edit that the relay did not take included.
pub fn measure(clinic: &mut Clinic, table: &mut Table) -> Result<(), Failure> {
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..clinic.rounds {
        clinic.edit(EDITS)?;
        let report = clinic.sync(&clinic.author)?;
        if report.sent != EDITS as u64 {
            return Err(Failure::new(format!("{} of {EDITS} edits were accepted", report.sent)));
        }
        times.push(report.duration.as_secs_f64());
        clinic.edit(EDITS)?;
        bytes.push(clinic.sync_counted(&clinic.author)?.total());
    }
    let name = |what: &str| format!("{EDITS} offline edits uploaded, {what}");
    let note = "connect to close; synced to disk before each ack";
    table.push(Row::new(name("time"), Unit::Seconds, times).beside(Measure::Upload).target(Some(0.1)).note(note));
    table.push(Row::new(name("bytes both ways"), Unit::Bytes, bytes).beside(Measure::UploadBytes));
    Ok(())
}
