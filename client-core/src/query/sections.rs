//! A chart section by section.

use clinical_record::facts::ChartSection;
use serde::{Deserialize, Serialize};
use sync_protocol::UnixMillis;

use super::{Page, concealed};
use crate::store::rows::{StoredRow, Wanted};
use crate::{ChartRef, Device, DeviceError};

/// A resource as queries list it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChartRow {
    /// The organization whose chart it is in.
    pub organization: String,
    /// The registration that it is of.
    pub patient: String,
    /// `Type/id`.
    pub resource: String,
    /// Where it stands in the chart.
    pub section: String,
    /// One line for a person.
    pub summary: String,
    /// When it applies, as FHIR writes it.
    pub date: Option<String>,
    /// Its status code.
    pub status: Option<String>,
}

/// A section with its rows.
#[derive(Clone, PartialEq, Eq)]
pub struct SectionRows {
    /// Which.
    pub section: ChartSection,
    /// The newest first.
    pub rows: Vec<ChartRow>,
}

concealed!(ChartRow, SectionRows);

impl From<&StoredRow> for ChartRow {
    fn from(row: &StoredRow) -> Self {
        Self {
            organization: row.chart.organization.to_string(),
            patient: row.chart.patient.to_string(),
            resource: row.key.to_string(),
            section: row.section.clone(),
            summary: row.summary.clone(),
            date: row.date.clone(),
            status: row.status.clone(),
        }
    }
}

impl Device {
    /// One section of a person's charts, the newest first.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage.
    pub fn section(
        &mut self,
        chart: &ChartRef,
        section: ChartSection,
        page: Page,
        now: UnixMillis,
    ) -> Result<Vec<ChartRow>, DeviceError> {
        let found = self.wanted(chart, &Wanted { section: Some(section), ..Wanted::default() }, now)?;
        let given = page.of(&found);
        self.record_rows(given.iter().copied(), now)?;
        Ok(given.into_iter().map(ChartRow::from).collect())
    }

    /// Every section of a person's charts that has something in it, in the order in which a chart shows them.
    ///
    /// # Errors
    /// As [`Device::section`].
    pub fn sections(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Vec<SectionRows>, DeviceError> {
        let found = self.wanted(chart, &Wanted::default(), now)?;
        self.record_rows(&found, now)?;
        let of = |section: ChartSection| {
            let rows = found.iter().filter(|row| row.section == section.as_str()).map(ChartRow::from);
            SectionRows { section, rows: rows.collect() }
        };
        Ok(ChartSection::ALL.map(of).into_iter().filter(|section| !section.rows.is_empty()).collect())
    }
}
