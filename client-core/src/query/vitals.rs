//! Measurements: the latest of each kind with its trend, and series to plot.

use std::collections::BTreeMap;

use clinical_record::facts::ChartSection;
use serde::{Deserialize, Serialize};
use sync_protocol::UnixMillis;

use super::concealed;
use crate::store::rows::{self, StoredMeasurement};
use crate::{ChartRef, Device, DeviceError};

/// Where the latest value went from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// Higher.
    Rising,
    /// Lower.
    Falling,
    /// The same.
    Steady,
}

/// The latest of one kind of measurement.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VitalRow {
    /// LOINC code, where there is one.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// As entered, with its unit.
    pub shown: String,
    /// In [`Self::unit`].
    pub value: f64,
    /// The unit in which this kind is compared, UCUM.
    pub unit: String,
    /// When, as FHIR writes it.
    pub date: Option<String>,
    /// The value before it.
    pub previous: Option<f64>,
    /// When that was.
    pub previous_date: Option<String>,
    /// From that to this; none without one, or in another unit.
    pub trend: Option<Trend>,
}

/// One point of a series.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeriesPoint {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// When, as FHIR writes it.
    pub date: Option<String>,
    /// In [`Self::unit`].
    pub value: f64,
    /// UCUM.
    pub unit: String,
    /// As entered, with its unit.
    pub shown: String,
    /// `Observation/id`.
    pub resource: String,
}

concealed!(VitalRow, SeriesPoint);

impl Device {
    /// The latest value of each vital sign with the one before it, by name.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage.
    pub fn latest_vitals(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Vec<VitalRow>, DeviceError> {
        let measured = self.measured(chart, None, now)?;
        let mut kinds: BTreeMap<&str, Vec<&StoredMeasurement>> = BTreeMap::new();
        for one in measured.iter().filter(|one| one.row.section == ChartSection::VitalSigns.as_str()) {
            kinds.entry(&one.code).or_default().push(one);
        }
        let latest: Vec<_> =
            kinds.into_values().map(|kind| (kind[kind.len() - 1], kind.iter().rev().nth(1).copied())).collect();
        self.record_rows(
            latest.iter().flat_map(|(last, before)| before.iter().map(|one| &one.row).chain([&last.row])),
            now,
        )?;
        let mut rows: Vec<VitalRow> = latest.into_iter().map(|(last, before)| vital(last, before)).collect();
        rows.sort_by(|a, b| (&a.name, &a.code).cmp(&(&b.name, &b.code)));
        Ok(rows)
    }

    /// All values of one kind of measurement, laboratory results too, the oldest first: for a growth chart or any other plot.
    /// `code`: LOINC, or what the record calls it. Values that say no time are left out.
    ///
    /// # Errors
    /// As [`Device::latest_vitals`].
    pub fn series(&mut self, chart: &ChartRef, code: &str, now: UnixMillis) -> Result<Vec<SeriesPoint>, DeviceError> {
        let measured = self.measured(chart, Some(code), now)?;
        self.record_rows(measured.iter().map(|one| &one.row), now)?;
        let point = |one: &StoredMeasurement| {
            Some(SeriesPoint {
                at: one.row.moment_ms?,
                date: one.row.date.clone(),
                value: one.value,
                unit: one.unit.clone(),
                shown: one.shown.clone(),
                resource: one.row.key.to_string(),
            })
        };
        Ok(measured.iter().filter_map(point).collect())
    }

    /// Measurements of a person, the oldest first.
    fn measured(
        &mut self,
        chart: &ChartRef,
        code: Option<&str>,
        now: UnixMillis,
    ) -> Result<Vec<StoredMeasurement>, DeviceError> {
        let mut found = Vec::new();
        for chart in self.scope(chart, now)? {
            found.extend(rows::measurements(&self.db, &chart, code)?);
        }
        found.sort_by(|a, b| (a.row.moment_ms, &a.row.key, a.place).cmp(&(b.row.moment_ms, &b.row.key, b.place)));
        Ok(found)
    }
}

fn vital(last: &StoredMeasurement, before: Option<&StoredMeasurement>) -> VitalRow {
    let before = before.filter(|before| before.unit == last.unit);
    VitalRow {
        code: last.code.clone(),
        name: last.name.clone(),
        shown: last.shown.clone(),
        value: last.value,
        unit: last.unit.clone(),
        date: last.row.date.clone(),
        previous: before.map(|before| before.value),
        previous_date: before.and_then(|before| before.row.date.clone()),
        trend: before.map(|before| match last.value.total_cmp(&before.value) {
            std::cmp::Ordering::Greater => Trend::Rising,
            std::cmp::Ordering::Less => Trend::Falling,
            std::cmp::Ordering::Equal => Trend::Steady,
        }),
    }
}
