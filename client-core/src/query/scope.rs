//! What a query about one chart covers: every registration of the person, as far as it is on this device.

use std::collections::BTreeMap;

use sync_protocol::{DocumentId, UnixMillis};

use crate::store::{documents, rows};
use crate::{ChartRef, Device, DeviceError};

impl Device {
    /// The charts of the person of `chart`, brought up to date.
    pub(super) fn scope(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Vec<ChartRef>, DeviceError> {
        self.check_lease(now)?;
        if documents::of_chart(&self.db, chart)?.is_empty() {
            return Err(DeviceError::UnknownPatient { patient: chart.patient.to_string() });
        }
        let charts = self.person_of(chart)?.charts;
        for chart in &charts {
            self.ensure_chart_projected(chart)?;
        }
        Ok(charts)
    }

    /// The rows of a scope that are wanted, recorded as read.
    pub(super) fn wanted(
        &mut self,
        chart: &ChartRef,
        wanted: &rows::Wanted,
        now: UnixMillis,
    ) -> Result<Vec<rows::StoredRow>, DeviceError> {
        let mut found = Vec::new();
        for chart in self.scope(chart, now)? {
            found.extend(rows::of_chart(&self.db, &chart, wanted)?);
        }
        // The newest first; by what they are called where nothing says when.
        found.sort_by(|a, b| b.moment_ms.cmp(&a.moment_ms).then_with(|| a.key.cmp(&b.key)));
        Ok(found)
    }

    /// Records that rows are given out.
    pub(super) fn record_rows<'r>(
        &mut self,
        given: impl IntoIterator<Item = &'r rows::StoredRow>,
        now: UnixMillis,
    ) -> Result<(), DeviceError> {
        let mut by_chart: BTreeMap<ChartRef, Vec<DocumentId>> = BTreeMap::new();
        for row in given {
            let documents = by_chart.entry(row.chart.clone()).or_default();
            if !documents.contains(&row.document) {
                documents.push(row.document);
            }
        }
        for (chart, documents) in by_chart {
            self.record_reading(&chart, documents, now)?;
        }
        Ok(())
    }
}
