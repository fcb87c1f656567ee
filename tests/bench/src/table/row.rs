//! One row: Satchel's figure, and what it is held against.

use serde::Serialize;

use super::cell::{Cell, Unit};
use crate::measure::Measure;

/// One row of Satchel's; with a measure, the other engines have the same.
#[derive(Debug, Serialize)]
pub struct Row {
    pub name: String,
    pub unit: Unit,
    pub satchel: Cell,
    pub measure: Option<Measure>,
    /// The median is to lie below this; for counts it may reach it.
    pub target: Option<f64>,
    pub met: Option<bool>,
    pub note: String,
}

impl Row {
    /// A measured figure.
    pub fn new(name: impl Into<String>, unit: Unit, samples: Vec<f64>) -> Self {
        Self::of_cell(name.into(), unit, Cell::of(samples))
    }

    /// A figure that could not be had, and why.
    pub fn unmeasured(name: impl Into<String>, unit: Unit, why: impl Into<String>) -> Self {
        Self::of_cell(name.into(), unit, Cell::NotRun(why.into()))
    }

    fn of_cell(name: String, unit: Unit, satchel: Cell) -> Self {
        Self { name, unit, satchel, measure: None, target: None, met: None, note: String::new() }
    }

    /// The other engines' figures of this stand beside it.
    pub fn beside(mut self, measure: Measure) -> Self {
        self.measure = Some(measure);
        self
    }

    /// Sets what it is to stay below.
    pub fn target(mut self, target: Option<f64>) -> Self {
        self.target = target;
        self.met = self.satchel.median().zip(target).map(|(measured, target)| match self.unit {
            Unit::Count => measured <= target,
            _ => measured < target,
        });
        self
    }

    /// Adds a remark.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// The target in words.
    pub fn show_target(&self) -> String {
        let sign = if self.unit == Unit::Count { "" } else { "< " };
        self.target.map_or_else(String::new, |target| format!("{sign}{}", self.unit.show(target)))
    }
}
