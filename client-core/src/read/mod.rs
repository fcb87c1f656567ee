//! Reading: patients, charts, resources, history and conflicts. All of it stops when the lease has run out, and all that
//! gives out what a chart holds is recorded in the trail first.

mod chart;
mod conflicts;
mod documents;
mod export;
mod history;
mod looking_back;
mod overridden;

pub use chart::{Chart, ResourceGroup};
pub use conflicts::{ChartInbox, Conflict, ConflictSide};
pub use documents::DocumentEntry;
pub use history::{Author, ChartHistoryEntry};
pub use looking_back::{ChartChange, ChartThen, SignedNote};
pub use overridden::Overridden;

use clinical_record::Compartment;
use sync_protocol::UnixMillis;

use crate::observe::DeviceEvent;
use crate::projection;
use crate::store::documents::{self as stored, StoredDocument};
use crate::store::patients::{self, PatientEntry, PatientFilter};
use crate::trail::{self, Act, READ};
use crate::{ChartRef, Device, DeviceError};

/// Patients that a search gives at most.
const SEARCH_LIMIT: usize = 50;
/// Documents that are brought up to date in one commit.
const PROJECTED_AT_ONCE: usize = 500;

impl Device {
    /// Patients by name: `limit` of them after the first `offset`. Recorded as `search`, with every patient shown.
    ///
    /// # Errors
    /// [`DeviceError::LeaseExpired`], [`DeviceError::NotEnrolled`]; storage.
    pub fn patients(
        &mut self,
        filter: &PatientFilter,
        limit: usize,
        offset: usize,
        now: UnixMillis,
    ) -> Result<Vec<PatientEntry>, DeviceError> {
        self.check_lease(now)?;
        let found = patients::list(&self.db, filter, limit, offset)?;
        self.record_listing(&found, now)?;
        Ok(found)
    }

    /// Patients whose names, identifiers or birth date have words that begin as those of `text`; accents do not matter.
    ///
    /// # Errors
    /// As [`Device::patients`].
    pub fn search(&mut self, text: &str, now: UnixMillis) -> Result<Vec<PatientEntry>, DeviceError> {
        let filter = PatientFilter { text: Some(text.to_owned()), ..PatientFilter::default() };
        self.patients(&filter, SEARCH_LIMIT, 0, now)
    }

    /// Brings what is shown of a chart up to what came in.
    pub(crate) fn ensure_chart_projected(&mut self, chart: &ChartRef) -> Result<(), DeviceError> {
        let documents = stored::of_chart(&self.db, chart)?;
        self.ensure_projected(&documents)
    }

    /// Brings what is shown of some compartments, of all charts, up to what came in.
    pub(crate) fn ensure_compartments_projected(&mut self, compartments: &[Compartment]) -> Result<(), DeviceError> {
        for compartment in compartments {
            let stale = stored::stale_in(&self.db, compartment.as_str())?;
            // In several commits: there may be thousands, and none of them is anybody's unsaved work.
            for some in stale.chunks(PROJECTED_AT_ONCE) {
                self.ensure_projected(some)?;
            }
        }
        Ok(())
    }

    pub(crate) fn ensure_projected(&mut self, documents: &[StoredDocument]) -> Result<(), DeviceError> {
        let stale: Vec<_> = documents.iter().filter(|one| one.stale && one.unreadable.is_none()).collect();
        if stale.is_empty() {
            return Ok(());
        }
        self.write(|tx, _| stale.iter().try_for_each(|document| projection::refresh(tx, document)))
    }

    /// The documents of a chart, shown as they are now and recorded as read, in one commit where any is needed.
    pub(crate) fn read_whole_chart(
        &mut self,
        chart: &ChartRef,
        now: UnixMillis,
    ) -> Result<Vec<StoredDocument>, DeviceError> {
        self.check_lease(now)?;
        let documents = stored::of_chart(&self.db, chart)?;
        if documents.is_empty() {
            return Err(DeviceError::UnknownPatient { patient: chart.patient.to_string() });
        }
        let unrecorded = self.shown.unrecorded(READ, documents.iter().map(|document| document.id), now);
        let stale: Vec<_> = documents.iter().filter(|one| one.stale && one.unreadable.is_none()).collect();
        if stale.is_empty() && unrecorded.is_empty() {
            return Ok(documents);
        }
        self.write(|tx, _| {
            stale.iter().try_for_each(|document| projection::refresh(tx, document))?;
            if unrecorded.is_empty() {
                return Ok(());
            }
            trail::record(tx, &Act::new(READ, Some(chart), unrecorded.clone()), now)
        })?;
        self.shown.note(READ, &unrecorded, now);
        self.tell(&DeviceEvent::TrailGrew);
        stored::of_chart(&self.db, chart)
    }

    /// The documents of a chart, readable and shown as they are now. Whoever gives out what they hold records it.
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
