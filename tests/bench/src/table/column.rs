//! Another engine's column: who it is, and its figures.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Cell;
use crate::measure::Measure;

/// One engine's figures.
#[derive(Debug, Serialize)]
pub struct Column {
    pub engine: &'static str,
    /// Versions of what it is made of.
    pub versions: String,
    /// What its acknowledgement promises.
    pub durable: &'static str,
    /// What of the charts' history it keeps.
    pub history: &'static str,
    pub cells: BTreeMap<Measure, Cell>,
}

impl Column {
    /// Notes a figure, or why there is none, and shows it at once.
    pub fn set(&mut self, measure: Measure, cell: Cell) {
        let shown = cell.show(measure.unit());
        eprintln!("{}: {} | {shown} {}", self.engine, measure.title(), cell.why().unwrap_or_default());
        self.cells.insert(measure, cell);
    }

    /// Notes why the figures that there are none of yet are missing.
    pub fn missing(&mut self, why: &str) {
        for measure in Measure::ALL {
            self.cells.entry(measure).or_insert_with(|| Cell::NotRun(why.to_owned()));
        }
    }

    /// Its figure.
    pub fn median(&self, measure: Measure) -> Option<f64> {
        self.cells.get(&measure).and_then(Cell::median)
    }
}
