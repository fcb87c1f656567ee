//! What happened to a patient, the newest first.

use clinical_record::facts::ChartSection;
use sync_protocol::UnixMillis;

use super::{ChartRow, Page};
use crate::store::rows::Wanted;
use crate::{ChartRef, Device, DeviceError};

/// From when to when; the end is not part of it. The default is all time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Not before.
    pub from: Option<UnixMillis>,
    /// Before.
    pub until: Option<UnixMillis>,
}

impl Device {
    /// Everything that says when it happened, the newest first: visits, measurements, orders, notes. Claims and the like are
    /// left out.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage.
    pub fn timeline(
        &mut self,
        chart: &ChartRef,
        span: Span,
        page: Page,
        now: UnixMillis,
    ) -> Result<Vec<ChartRow>, DeviceError> {
        let left_out = [ChartSection::Administrative.as_str(), ChartSection::Other.as_str()];
        let mut found = self.wanted(chart, &Wanted { span, ..Wanted::default() }, now)?;
        found.retain(|row| row.moment_ms.is_some() && !left_out.contains(&row.section.as_str()));
        let given = page.of(&found);
        self.record_rows(given.iter().copied(), now)?;
        Ok(given.into_iter().map(ChartRow::from).collect())
    }
}
