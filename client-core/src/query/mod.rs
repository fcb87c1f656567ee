//! Queries for apps: sections of a chart, timeline, vital signs, medicines, tasks, notes, patients. All of them read rows
//! that are made from documents ([`Device::rebuild`] makes them anew), cover every registration of the person, leave out what
//! was entered in error, and are recorded in the trail like any reading.

mod csv;
mod live;
mod medications;
mod notes;
mod patients;
mod scope;
mod sections;
mod tasks;
mod timeline;
mod vitals;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sync_protocol::UnixMillis;

use clinical_record::facts::ChartSection;

use crate::{ChartRef, Device, DeviceError};

pub(crate) use live::LiveQueries;
pub use live::LiveQueryId;
pub use medications::MedicationRow;
pub use notes::NoteRow;
pub use patients::{PatientQuery, PatientRow};
pub use sections::{ChartRow, SectionRows};
pub use tasks::TaskRow;
pub use timeline::Span;
pub use vitals::{SeriesPoint, Trend, VitalRow};

/// Which rows of a long result: `limit` of them after the first `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most so many rows.
    pub limit: usize,
    /// Rows left out before them.
    pub offset: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: 100, offset: 0 }
    }
}

impl Page {
    /// The rows of this page.
    pub(crate) fn of<T>(self, rows: impl IntoIterator<Item = T>) -> Vec<T> {
        rows.into_iter().skip(self.offset).take(self.limit).collect()
    }
}

/// A question that can be asked once, observed ([`Device::watch`]) or written as CSV. Its methods' own names say more.
#[derive(Clone)]
#[non_exhaustive]
pub enum Query {
    /// [`Device::list_patients`]
    Patients(PatientQuery, Page),
    /// [`Device::section`]
    Section(ChartRef, ChartSection, Page),
    /// [`Device::timeline`]
    Timeline(ChartRef, Span, Page),
    /// [`Device::latest_vitals`]
    LatestVitals(ChartRef),
    /// [`Device::series`]
    Series(ChartRef, String),
    /// [`Device::medications_now`]
    MedicationsNow(ChartRef),
    /// [`Device::due_tasks`]: of one chart or all, due by a moment or all that are open.
    DueTasks(Option<ChartRef>, Option<UnixMillis>, Page),
    /// [`Device::search_notes`]
    Notes(String, Option<ChartRef>, Page),
}

impl std::fmt::Debug for Query {
    /// The kind and the chart: what somebody looks for is patient content too.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self {
            Self::Patients(..) => "Patients",
            Self::Section(..) => "Section",
            Self::Timeline(..) => "Timeline",
            Self::LatestVitals(_) => "LatestVitals",
            Self::Series(..) => "Series",
            Self::MedicationsNow(_) => "MedicationsNow",
            Self::DueTasks(..) => "DueTasks",
            Self::Notes(..) => "Notes",
        };
        f.debug_struct(kind).field("chart", &self.chart()).finish_non_exhaustive()
    }
}

impl Query {
    /// The chart it is about; none for a query over all charts.
    #[must_use]
    pub fn chart(&self) -> Option<&ChartRef> {
        match self {
            Self::Patients(..) => None,
            Self::Section(chart, ..)
            | Self::Timeline(chart, ..)
            | Self::LatestVitals(chart)
            | Self::Series(chart, _)
            | Self::MedicationsNow(chart) => Some(chart),
            Self::DueTasks(chart, ..) | Self::Notes(_, chart, _) => chart.as_ref(),
        }
    }
}

/// The rows that answer a query, each a flat object. Patient content.
#[derive(Clone, PartialEq)]
pub struct Rows(pub Vec<Value>);

impl std::fmt::Debug for Rows {
    /// How many.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("rows", &self.0.len()).finish_non_exhaustive()
    }
}

impl Rows {
    /// The rows as what the query's own method gives: [`ChartRow`] for a section, [`VitalRow`] for the latest vital signs.
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] for rows of another query.
    pub fn typed<T: DeserializeOwned>(&self) -> Result<Vec<T>, DeviceError> {
        let rows = self.0.iter().map(|row| T::deserialize(row)).collect::<Result<_, _>>();
        rows.map_err(|_| DeviceError::Invalid("these rows answer another query"))
    }

    fn of<T: Serialize>(rows: &[T]) -> Result<Self, DeviceError> {
        let rows = rows.iter().map(serde_json::to_value).collect::<Result<_, _>>();
        rows.map(Self).map_err(|_| DeviceError::Invalid("a row that cannot be written as JSON"))
    }
}

impl Device {
    /// Answers a query.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage.
    pub fn query(&mut self, query: &Query, now: UnixMillis) -> Result<Rows, DeviceError> {
        match query {
            Query::Patients(patients, page) => Rows::of(&self.list_patients(patients, *page, now)?),
            Query::Section(chart, section, page) => Rows::of(&self.section(chart, *section, *page, now)?),
            Query::Timeline(chart, span, page) => Rows::of(&self.timeline(chart, *span, *page, now)?),
            Query::LatestVitals(chart) => Rows::of(&self.latest_vitals(chart, now)?),
            Query::Series(chart, code) => Rows::of(&self.series(chart, code, now)?),
            Query::MedicationsNow(chart) => Rows::of(&self.medications_now(chart, now)?),
            Query::DueTasks(chart, by, page) => Rows::of(&self.due_tasks(chart.as_ref(), *by, *page, now)?),
            Query::Notes(text, chart, page) => Rows::of(&self.search_notes(text, chart.as_ref(), *page, now)?),
        }
    }
}

/// Debug output that shows no content.
macro_rules! concealed {
    ($($row:ident),*) => {
        $(impl std::fmt::Debug for $row {
            /// Nothing of it: all of it is patient content.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($row)).finish_non_exhaustive()
            }
        })*
    };
}
use concealed;
