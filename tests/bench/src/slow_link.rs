//! A field clinic's link: 64 kbit/s, 600 ms round trip, 2 % loss, as the proxy models it.

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::measure::Measure;
use crate::proxy::{FIELD, Proxy};
use crate::table::{Row, Table, Unit};

const CHANGED: usize = 100;

/// Measures the rows.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(clinic: &mut Clinic, table: &mut Table) -> Result<(), Failure> {
    let device = clinic.device()?;
    clinic.sync(&device)?;
    let proxy = Proxy::slow(clinic.relay.address(), FIELD)?;
    let (mut unchanged, mut changed) = (Vec::new(), Vec::new());
    for _ in 0..clinic.rounds {
        unchanged.push(clinic.sync_over(&device, &proxy)?.duration.as_secs_f64());
        clinic.edit(CHANGED)?;
        clinic.sync(&clinic.author)?;
        changed.push(clinic.sync_over(&device, &proxy)?.duration.as_secs_f64());
    }
    let note = "64 kbit/s each way, 600 ms round trip, 2 % of segments lost; one round for the others; connect to close for Satchel";
    let name = |what: &str| format!("slow link: reconnect, {what}, time");
    let row = Row::new(name("nothing changed"), Unit::Seconds, unchanged).beside(Measure::SlowUnchanged);
    table.push(row.note(note));
    let row = Row::new(name("100 changed"), Unit::Seconds, changed).beside(Measure::SlowChanged);
    table.push(row.note(note));
    Ok(())
}
