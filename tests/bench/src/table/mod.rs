//! The table: one row a figure, one column an engine; Markdown for people, JSON for programs.

mod cell;
mod column;
mod markdown;
mod row;

use serde::Serialize;

use crate::clinic::Clinic;

pub use cell::{Cell, Unit};
pub use column::Column;
pub use row::Row;

/// All figures of a run.
#[derive(Debug, Serialize)]
pub struct Table {
    charts: usize,
    rounds: usize,
    data: String,
    /// Processes that wanted a core, on average of a minute, before and after.
    load: [String; 2],
    pub rows: Vec<Row>,
    /// The other engines.
    pub columns: Vec<Column>,
}

impl Table {
    /// An empty table.
    pub fn new(charts: usize, rounds: usize) -> Self {
        Self {
            charts,
            rounds,
            data: String::new(),
            load: [load(), String::new()],
            rows: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// Says what was measured with.
    pub fn describe(&mut self, clinic: &Clinic) {
        self.data = clinic.describe();
    }

    /// Notes how busy the machine was.
    pub fn finish(&mut self) {
        self.load[1] = load();
    }

    /// Adds a row, and shows it at once.
    pub fn push(&mut self, row: Row) {
        eprintln!("{} | {} {}", row.name, row.satchel.show(row.unit), row.satchel.why().unwrap_or_default());
        self.rows.push(row);
    }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}
