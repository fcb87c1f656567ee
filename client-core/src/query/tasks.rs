//! What is to be done, by when, and by whom.

use clinical_record::Compartment;
use clinical_record::facts::ChartSection;
use serde::{Deserialize, Serialize};
use sync_protocol::UnixMillis;

use super::{Page, concealed};
use crate::store::patients;
use crate::store::rows::{self, StoredRow, Wanted};
use crate::{ChartRef, Device, DeviceError};

/// An open task.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRow {
    /// The organization whose chart it is in.
    pub organization: String,
    /// The patient it is for.
    pub patient: String,
    /// What the patient is called.
    pub name: String,
    /// `Task/id`.
    pub resource: String,
    /// What is to be done.
    pub task: String,
    /// By when, as FHIR writes it.
    pub due: Option<String>,
    /// Due, by this device's clock.
    pub overdue: bool,
    /// FHIR status.
    pub status: Option<String>,
    /// Who has to do it.
    pub owner: Option<String>,
}

concealed!(TaskRow);

impl Device {
    /// Open tasks, what is due first first and what has no date last: of one person or of everybody, due before `by` or all.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage.
    pub fn due_tasks(
        &mut self,
        chart: Option<&ChartRef>,
        by: Option<UnixMillis>,
        page: Page,
        now: UnixMillis,
    ) -> Result<Vec<TaskRow>, DeviceError> {
        self.check_lease(now)?;
        let mut found = match chart {
            Some(chart) => {
                let section = Some(ChartSection::Tasks);
                self.wanted(chart, &Wanted { section, current: true, ..Wanted::default() }, now)?
            }
            None => {
                self.ensure_compartments_projected(&[Compartment::Workflow, Compartment::Sensitive])?;
                rows::open_tasks(&self.db)?
            }
        };
        found.retain(|row| by.is_none_or(|by| row.due_ms.is_some_and(|due| due < by.0)));
        found.sort_by(|a, b| {
            (a.due_ms.is_none(), a.due_ms, &a.chart, &a.key).cmp(&(b.due_ms.is_none(), b.due_ms, &b.chart, &b.key))
        });
        let given = page.of(&found);
        self.record_rows(given.iter().copied(), now)?;
        given.into_iter().map(|row| self.task(row, now)).collect()
    }

    fn task(&self, row: &StoredRow, now: UnixMillis) -> Result<TaskRow, DeviceError> {
        Ok(TaskRow {
            organization: row.chart.organization.to_string(),
            patient: row.chart.patient.to_string(),
            name: patients::find(&self.db, &row.chart)?.map(|patient| patient.name).unwrap_or_default(),
            resource: row.key.to_string(),
            task: row.summary.clone(),
            due: row.due.clone(),
            overdue: row.due_ms.is_some_and(|due| due < now.0),
            status: row.status.clone(),
            owner: row.owner.clone(),
        })
    }
}
