//! One figure of one engine.

use serde::Serialize;

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
    /// For people.
    pub fn show(self, value: f64) -> String {
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

/// A figure, or why there is none.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// One sample a round, never empty.
    Measured { median: f64, samples: Vec<f64> },
    /// Why not.
    NotRun(String),
}

impl Cell {
    /// From the samples of all rounds.
    pub fn of(samples: Vec<f64>) -> Self {
        match samples.is_empty() {
            true => Self::NotRun("no sample".into()),
            false => Self::Measured { median: median(&samples), samples },
        }
    }

    /// The middle sample.
    pub fn median(&self) -> Option<f64> {
        match self {
            Self::Measured { median, .. } => Some(*median),
            Self::NotRun(_) => None,
        }
    }

    /// Why there is no figure.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Measured { .. } => None,
            Self::NotRun(why) => Some(why),
        }
    }

    /// Median, least and most.
    pub fn show(&self, unit: Unit) -> String {
        let Self::Measured { median, samples } = self else { return "–".into() };
        let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
        let most = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match samples.len() {
            1 => unit.show(samples[0]),
            _ if least == most => unit.show(*median),
            _ => format!("{} [{}–{}]", unit.show(*median), unit.show(least), unit.show(most)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_shows_its_median_and_how_far_it_spread() {
        assert_eq!(Cell::of(vec![3.0, 1.0, 2.0]).show(Unit::Seconds), "2.00 s [1.00 s–3.00 s]");
        assert_eq!(Cell::of(vec![2.0]).show(Unit::Bytes), "2 B");
    }

    #[test]
    fn what_was_not_measured_is_no_figure() {
        let cell = Cell::NotRun("why".into());
        assert_eq!((cell.median(), cell.why(), cell.show(Unit::Count).as_str()), (None, Some("why"), "–"));
    }
}
