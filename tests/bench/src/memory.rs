//! Memory of the relay's process, after all that it has been put through.

use crate::LARGE;
use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::measure::Measure;
use crate::table::{Row, Table, Unit};

/// Measures the rows.
///
/// # Errors
/// Never: where memory is not shown, the row says so.
pub fn measure(clinic: &Clinic, table: &mut Table) -> Result<(), Failure> {
    let at = |what: &str| format!("relay memory with {} charts, {what}", clinic.charts.len());
    let (peak, now) = match clinic.relay.memory() {
        Ok(memory) => memory,
        Err(why) => {
            table.push(Row::unmeasured(at("highest"), Unit::Bytes, why.to_string()));
            return Ok(());
        }
    };
    let (measure, target) = match clinic.charts.len() == LARGE {
        true => (Measure::LargeMemory, Some(60e6)),
        false => (Measure::Memory, None),
    };
    table.push(Row::new(at("highest (VmHWM)"), Unit::Bytes, vec![peak]).target(target));
    let note = "the others' while a device that holds every chart is connected";
    table.push(Row::new(at("at the end (VmRSS)"), Unit::Bytes, vec![now]).beside(measure).note(note));
    Ok(())
}
