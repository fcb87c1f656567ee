//! The other engines, measured in the same run, on the same charts.

mod bench;
mod engine;
mod process;
mod rows;

use std::path::Path;

use crate::failure::Failure;
use crate::measure::Measure;
use crate::table::{Cell, Column, Table};
use bench::Bench;
use engine::{ENGINES, Engine};
use rows::{FanOut, Samples};

pub use engine::Programs;

type Section = (&'static [Measure], fn(&mut Bench<'_>) -> Result<Samples, Failure>);

/// In this order: each leaves the devices as the next one needs them.
const SECTIONS: [Section; 7] = [
    (&[Measure::FirstSync, Measure::FirstSyncBytes, Measure::Memory], rows::first_sync),
    (&[Measure::UnchangedBytes], rows::unchanged),
    (&[Measure::ChangedBytes, Measure::ChangedTime], rows::changed),
    (&[Measure::SlowUnchanged], rows::slow_unchanged),
    (&[Measure::SlowChanged], rows::slow_changed),
    (&[Measure::Upload, Measure::UploadBytes], rows::upload),
    (&[Measure::AToBHalf, Measure::AToBTail], rows::a_to_b),
];

/// What is to be measured.
pub struct Plan<'a> {
    pub programs: &'a Programs,
    /// Engines to run: all, if none is named.
    pub engines: &'a [String],
    pub charts: usize,
    pub rounds: usize,
    /// Charts of the large rows, if they are wanted.
    pub large: Option<usize>,
}

/// Measures every engine, and adds its column. `folder`: for the charts and the engines' data.
///
/// # Errors
/// If the charts cannot be written; what goes wrong in an engine stands in its column.
pub fn measure(plan: &Plan<'_>, folder: &Path, table: &mut Table) -> Result<(), Failure> {
    let file = folder.join("charts.jsonl");
    crate::clinic::write_charts(&file, plan.charts.max(plan.large.unwrap_or(0)))?;
    for engine in &ENGINES {
        if !plan.engines.is_empty() && !plan.engines.iter().any(|name| name.eq_ignore_ascii_case(engine.name)) {
            continue;
        }
        let mut column = engine.column(plan.programs);
        if let Err(why) = one(plan, engine, (&file, folder), &mut column) {
            column.missing(&why.to_string());
        }
        table.columns.push(column);
    }
    Ok(())
}

fn one(plan: &Plan<'_>, engine: &Engine, (file, folder): (&Path, &Path), column: &mut Column) -> Result<(), Failure> {
    let folder = folder.join(engine.name);
    let charts = (file, plan.charts);
    let mut bench = Bench::start(engine, plan.programs, charts, folder.join("default"), plan.rounds)?;
    for (measures, section) in SECTIONS {
        note(column, measures, section(&mut bench));
    }
    note(column, &[Measure::Lost], rows::kill(&mut bench));
    drop(bench);
    let bench = Bench::start(engine, plan.programs, (file, 1), folder.join("fan-out"), plan.rounds);
    match bench.and_then(|mut bench| rows::fan_out(&mut bench)) {
        Ok(FanOut { wire, applied }) => {
            note(column, &[Measure::FanOutWire], wire.map(|wire| vec![(Measure::FanOutWire, wire)]));
            note(column, &[Measure::FanOut], Ok(vec![(Measure::FanOut, applied)]));
        }
        Err(why) => note(column, &[Measure::FanOutWire, Measure::FanOut], Err(why)),
    }
    match plan.large {
        Some(charts) => large(plan, engine, (file, charts), &folder, column),
        None => column.missing("needs --large"),
    }
    Ok(())
}

/// One round: some engines need minutes for it.
fn large(plan: &Plan<'_>, engine: &Engine, charts: (&Path, usize), folder: &Path, column: &mut Column) {
    let measured = Bench::start(engine, plan.programs, charts, folder.join("large"), 1).and_then(|mut bench| {
        let url = bench.direct();
        let time = bench.first_sync("timed", &url)?;
        Ok(vec![(Measure::LargeFirstSync, vec![time]), (Measure::LargeMemory, vec![bench.server.memory()?.1])])
    });
    note(column, &[Measure::LargeFirstSync, Measure::LargeMemory], measured);
}

fn note(column: &mut Column, measures: &[Measure], measured: Result<Samples, Failure>) {
    match measured {
        Ok(samples) => samples.into_iter().for_each(|(measure, samples)| column.set(measure, Cell::of(samples))),
        Err(why) => measures.iter().for_each(|measure| column.set(*measure, Cell::NotRun(why.to_string()))),
    }
}
