//! Reading: patients, charts, resources, history and conflicts. All of it stops when the lease has run out.

mod chart;
mod conflicts;
mod documents;
mod export;
mod history;
mod overridden;

pub use chart::{Chart, ResourceGroup};
pub use conflicts::{Conflict, ConflictSide};
pub use documents::DocumentEntry;
pub use history::{Author, ChartHistoryEntry};
pub use overridden::Overridden;

use sync_protocol::UnixMillis;

use crate::projection;
use crate::store::documents::{self as stored, StoredDocument};
use crate::store::patients::{self, PatientEntry, PatientFilter};
use crate::{ChartRef, Device, DeviceError};

/// Patients that a search gives at most.
const SEARCH_LIMIT: usize = 50;

impl Device {
    /// Patients by name: `limit` of them after the first `offset`.
    ///
    /// # Errors
    /// [`DeviceError::LeaseExpired`], [`DeviceError::NotEnrolled`]; storage.
    pub fn patients(
        &self,
        filter: &PatientFilter,
        limit: usize,
        offset: usize,
        now: UnixMillis,
    ) -> Result<Vec<PatientEntry>, DeviceError> {
        self.check_lease(now)?;
        patients::list(&self.db, filter, limit, offset)
    }

    /// Patients whose names, identifiers or birth date have words that begin as those of `text`; accents do not matter.
    ///
    /// # Errors
    /// As [`Device::patients`].
    pub fn search(&self, text: &str, now: UnixMillis) -> Result<Vec<PatientEntry>, DeviceError> {
        let filter = PatientFilter { text: Some(text.to_owned()), ..PatientFilter::default() };
        self.patients(&filter, SEARCH_LIMIT, 0, now)
    }

    /// Brings what is shown of a chart up to what came in.
    pub(crate) fn ensure_chart_projected(&mut self, chart: &ChartRef) -> Result<(), DeviceError> {
        let documents = stored::of_chart(&self.db, chart)?;
        self.ensure_projected(&documents)
    }

    pub(crate) fn ensure_projected(&mut self, documents: &[StoredDocument]) -> Result<(), DeviceError> {
        let stale: Vec<_> = documents.iter().filter(|one| one.stale && one.unreadable.is_none()).collect();
        if stale.is_empty() {
            return Ok(());
        }
        self.write(|tx, _| stale.iter().try_for_each(|document| projection::refresh(tx, document)))
    }

    /// The documents of a chart, readable and shown as they are now.
    pub(crate) fn chart_documents(
        &mut self,
        chart: &ChartRef,
        now: UnixMillis,
    ) -> Result<Vec<StoredDocument>, DeviceError> {
        self.check_lease(now)?;
        self.ensure_chart_projected(chart)?;
        let documents = stored::of_chart(&self.db, chart)?;
        if documents.is_empty() {
            return Err(DeviceError::UnknownPatient { patient: chart.patient.to_string() });
        }
        Ok(documents)
    }
}
