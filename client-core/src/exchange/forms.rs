//! A chart as a collection Bundle and as NDJSON, and NDJSON into charts.

use clinical_record::{read_ndjson, write_collection, write_ndjson};
use serde_json::Value;
use sync_protocol::UnixMillis;

use crate::{ChartRef, Device, DeviceError, ImportOptions, ImportReport};

impl Device {
    /// A chart as a collection Bundle, with the resources of the directory that it refers to. Recorded as `export`.
    ///
    /// # Errors
    /// As [`Device::export_chart`].
    pub fn export_collection(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Value, DeviceError> {
        Ok(write_collection(self.export_entries(chart, now)?))
    }

    /// A chart as NDJSON, a resource a line, as FHIR Bulk Data writes them; what it refers to first. Recorded as `export`.
    ///
    /// # Errors
    /// As [`Device::export_chart`].
    pub fn export_ndjson(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<String, DeviceError> {
        let entries = self.export_entries(chart, now)?;
        Ok(write_ndjson(entries.iter().map(|(resource, _)| resource)))
    }

    /// Imports NDJSON of any mixture of types, as [`Device::import`] does a Bundle. Problems name lines, from 0.
    ///
    /// # Errors
    /// As [`Device::import`].
    pub fn import_ndjson(
        &mut self,
        lines: &[u8],
        options: &ImportOptions,
        now: UnixMillis,
        progress: impl FnMut(usize, usize),
    ) -> Result<ImportReport, DeviceError> {
        self.import_with(&|known| read_ndjson(lines, &options.limits, known), options, now, progress)
    }
}
