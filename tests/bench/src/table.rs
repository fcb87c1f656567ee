//! The table: one row a figure, as Markdown for people and as JSON for programs.

use std::fmt;

use serde::Serialize;

use crate::clinic::Clinic;
use crate::stats::median;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    Seconds,
    Bytes,
    Count,
    PerSecond,
}

impl Unit {
    fn show(self, value: f64) -> String {
        let scaled = |value: f64, unit: &str| match value {
            v if v >= 100.0 => format!("{v:.0} {unit}"),
            v if v >= 10.0 => format!("{v:.1} {unit}"),
            v => format!("{v:.2} {unit}"),
        };
        match self {
            Self::Seconds if value >= 1.0 => scaled(value, "s"),
            Self::Seconds if value >= 1e-3 => scaled(value * 1e3, "ms"),
            Self::Seconds => scaled(value * 1e6, "µs"),
            Self::Bytes if value >= 1e6 => scaled(value / 1e6, "MB"),
            Self::Bytes if value >= 1e4 => scaled(value / 1e3, "KB"),
            Self::Bytes => format!("{value:.0} B"),
            Self::Count => format!("{value:.0}"),
            Self::PerSecond => format!("{value:.0}/s"),
        }
    }
}

/// One figure.
#[derive(Debug, Serialize)]
pub struct Row {
    name: String,
    unit: Unit,
    samples: Vec<f64>,
    median: Option<f64>,
    /// The best figure of another engine.
    best_other: &'static str,
    /// The median is to lie below this; for counts it may reach it.
    target: Option<f64>,
    met: Option<bool>,
    note: String,
}

impl Row {
    /// A measured figure.
    pub fn new(name: impl Into<String>, unit: Unit, samples: Vec<f64>) -> Self {
        let median = (!samples.is_empty()).then(|| median(&samples));
        Self { name: name.into(), unit, samples, median, best_other: "", target: None, met: None, note: String::new() }
    }

    /// A figure that could not be had, and why.
    pub fn unmeasured(name: impl Into<String>, unit: Unit, why: impl Into<String>) -> Self {
        Self { note: format!("not measured: {}", why.into()), ..Self::new(name, unit, Vec::new()) }
    }

    /// Sets what it is to be compared with.
    pub fn against(mut self, best_other: &'static str, target: Option<f64>) -> Self {
        self.best_other = best_other;
        self.target = target;
        self.met = self.median.zip(target).map(|(measured, target)| match self.unit {
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

    fn measured(&self) -> String {
        let Some(median) = self.median else { return "-".into() };
        let show = |value| self.unit.show(value);
        let least = self.samples.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match self.samples.len() {
            1 => show(self.samples[0]),
            _ => format!("{} [{}–{}]", show(median), show(least), show(most)),
        }
    }

    fn cells(&self) -> [String; 6] {
        let sign = if self.unit == Unit::Count { "" } else { "< " };
        [
            self.name.clone(),
            self.measured(),
            self.best_other.to_owned(),
            self.target.map_or_else(String::new, |target| format!("{sign}{}", self.unit.show(target))),
            self.met.map_or("", |met| if met { "yes" } else { "NO" }).to_owned(),
            self.note.clone(),
        ]
    }
}

/// All figures of a run.
#[derive(Debug, Serialize)]
pub struct Table {
    charts: usize,
    rounds: usize,
    data: String,
    /// Processes that wanted a core, on average of a minute, before and after.
    load: [String; 2],
    rows: Vec<Row>,
}

impl Table {
    /// An empty table.
    pub fn new(charts: usize, rounds: usize) -> Self {
        Self { charts, rounds, data: String::new(), load: [load(), String::new()], rows: Vec::new() }
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
        eprintln!("{}", row.cells()[..5].join(" | "));
        self.rows.push(row);
    }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\nMedian [least–most] of {} rounds.", self.data, self.rounds)?;
        writeln!(f, "Load of the machine before and after: {}.\n", self.load.join(", "))?;
        let head = ["", "Satchel", "best other", "target", "met", ""].map(str::to_owned);
        let rows: Vec<[String; 6]> = std::iter::once(head).chain(self.rows.iter().map(Row::cells)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        for (at, row) in rows.iter().enumerate() {
            for (cell, width) in row.iter().zip(widths) {
                write!(f, "| {cell:width$} ")?;
            }
            writeln!(f, "|")?;
            if at == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
                writeln!(f, "|{}|", rule.join("|"))?;
            }
        }
        Ok(())
    }
}
