//! Questions about charts. Each answer is recorded in the audit trail, offline too, and covers every registration of the person.

use client_core::{
    ChartRef, ChartRow, ChartSection, MedicationRow, NoteRow, OrganizationId, PatientFilter, PatientQuery, PatientRow,
    Query, Rows, SectionRows, SeriesPoint, Span, TaskRow, UnixMillis, VitalRow,
};

use crate::types::Json;
use crate::{SatchelDevice, SatchelError};

/// Which rows of a long answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Page {
    /// At most so many rows.
    #[uniffi(default = 100)]
    pub limit: u32,
    /// Rows left out before them.
    #[uniffi(default = 0)]
    pub offset: u32,
}

impl From<Page> for client_core::Page {
    fn from(page: Page) -> Self {
        Self { limit: page.limit as usize, offset: page.offset as usize }
    }
}

/// Which patients to list; each condition narrows it down.
#[derive(Clone, Default, uniffi::Record)]
pub struct PatientSearch {
    /// Words that must all begin a word of name, identifier or birth date, or be like a name.
    #[uniffi(default)]
    pub text: Option<String>,
    /// Only charts of this organization.
    #[uniffi(default)]
    pub organization: Option<OrganizationId>,
    /// FHIR administrative gender.
    #[uniffi(default)]
    pub gender: Option<String>,
    /// Born on this FHIR date or later.
    #[uniffi(default)]
    pub born_from: Option<String>,
    /// Born before this FHIR date.
    #[uniffi(default)]
    pub born_before: Option<String>,
    /// Also registrations that another replaces.
    #[uniffi(default)]
    pub with_replaced: bool,
}

impl From<PatientSearch> for PatientQuery {
    fn from(search: PatientSearch) -> Self {
        let PatientSearch { text, organization, gender, born_from, born_before, with_replaced } = search;
        let filter = PatientFilter { text: text.filter(|text| !text.is_empty()), organization };
        Self { filter, gender, born_from, born_before, with_replaced }
    }
}

/// A question that can be asked once or watched. The methods of the same names say more.
#[derive(Clone, uniffi::Enum)]
pub enum Question {
    /// Patients of the list.
    Patients {
        /// Which.
        search: PatientSearch,
        /// Which rows.
        page: Page,
    },
    /// One section of a chart.
    Section {
        /// Whose.
        chart: ChartRef,
        /// Which.
        section: ChartSection,
        /// Which rows.
        page: Page,
    },
    /// What happened to a patient.
    Timeline {
        /// Whose.
        chart: ChartRef,
        /// Not before.
        from: Option<UnixMillis>,
        /// Before.
        until: Option<UnixMillis>,
        /// Which rows.
        page: Page,
    },
    /// The latest of each vital sign.
    LatestVitals {
        /// Whose.
        chart: ChartRef,
    },
    /// One measurement over time.
    Series {
        /// Whose.
        chart: ChartRef,
        /// LOINC.
        loinc: String,
    },
    /// Medicines that the patient is on.
    MedicationsNow {
        /// Whose.
        chart: ChartRef,
    },
    /// Open tasks.
    DueTasks {
        /// Whose; everybody's if none.
        chart: Option<ChartRef>,
        /// Due before; all if none.
        by: Option<UnixMillis>,
        /// Which rows.
        page: Page,
    },
    /// Notes with certain words.
    Notes {
        /// The words.
        text: String,
        /// Whose; everybody's if none.
        chart: Option<ChartRef>,
        /// Which rows.
        page: Page,
    },
}

impl From<Question> for Query {
    fn from(question: Question) -> Self {
        match question {
            Question::Patients { search, page } => Self::Patients(search.into(), page.into()),
            Question::Section { chart, section, page } => Self::Section(chart, section, page.into()),
            Question::Timeline { chart, from, until, page } => Self::Timeline(chart, Span { from, until }, page.into()),
            Question::LatestVitals { chart } => Self::LatestVitals(chart),
            Question::Series { chart, loinc } => Self::Series(chart, loinc),
            Question::MedicationsNow { chart } => Self::MedicationsNow(chart),
            Question::DueTasks { chart, by, page } => Self::DueTasks(chart, by, page.into()),
            Question::Notes { text, chart, page } => Self::Notes(text, chart, page.into()),
        }
    }
}

/// The answer to a question, in the rows of its kind.
#[derive(Clone, uniffi::Enum)]
pub enum LiveRows {
    /// To [`Question::Patients`].
    Patients {
        /// The rows.
        rows: Vec<PatientRow>,
    },
    /// To [`Question::Section`] and [`Question::Timeline`].
    Chart {
        /// The rows.
        rows: Vec<ChartRow>,
    },
    /// To [`Question::LatestVitals`].
    Vitals {
        /// The rows.
        rows: Vec<VitalRow>,
    },
    /// To [`Question::Series`].
    Series {
        /// The rows.
        rows: Vec<SeriesPoint>,
    },
    /// To [`Question::MedicationsNow`].
    Medications {
        /// The rows.
        rows: Vec<MedicationRow>,
    },
    /// To [`Question::DueTasks`].
    Tasks {
        /// The rows.
        rows: Vec<TaskRow>,
    },
    /// To [`Question::Notes`].
    Notes {
        /// The rows.
        rows: Vec<NoteRow>,
    },
}

impl LiveRows {
    /// The rows that answer a query, typed.
    pub(crate) fn of(query: &Query, rows: &Rows) -> Result<Self, SatchelError> {
        Ok(match query {
            Query::Patients(..) => Self::Patients { rows: rows.typed()? },
            Query::Section(..) | Query::Timeline(..) => Self::Chart { rows: rows.typed()? },
            Query::LatestVitals(_) => Self::Vitals { rows: rows.typed()? },
            Query::Series(..) => Self::Series { rows: rows.typed()? },
            Query::MedicationsNow(_) => Self::Medications { rows: rows.typed()? },
            Query::DueTasks(..) => Self::Tasks { rows: rows.typed()? },
            Query::Notes(..) => Self::Notes { rows: rows.typed()? },
            _ => return Err(SatchelError::invalid("the question")),
        })
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// Patients by name. A registration that another one replaces is shown with that one.
    pub fn list_patients(&self, search: PatientSearch, page: Page) -> Result<Vec<PatientRow>, SatchelError> {
        self.with(|device, now| device.list_patients(&search.into(), page.into(), now))
    }

    /// One section of a chart, the newest first.
    pub fn section(&self, chart: ChartRef, section: ChartSection, page: Page) -> Result<Vec<ChartRow>, SatchelError> {
        self.with(|device, now| device.section(&chart, section, page.into(), now))
    }

    /// Every section of a chart that has something in it.
    pub fn sections(&self, chart: ChartRef) -> Result<Vec<SectionRows>, SatchelError> {
        self.with(|device, now| device.sections(&chart, now))
    }

    /// What happened to a patient, the newest first. `from`, `until`: from when to when, the end not included.
    pub fn timeline(
        &self,
        chart: ChartRef,
        from: Option<UnixMillis>,
        until: Option<UnixMillis>,
        page: Page,
    ) -> Result<Vec<ChartRow>, SatchelError> {
        self.with(|device, now| device.timeline(&chart, Span { from, until }, page.into(), now))
    }

    /// The latest value of each vital sign with the one before it.
    pub fn latest_vitals(&self, chart: ChartRef) -> Result<Vec<VitalRow>, SatchelError> {
        self.with(|device, now| device.latest_vitals(&chart, now))
    }

    /// All values of one measurement, oldest first. `loinc`: its code.
    pub fn series(&self, chart: ChartRef, loinc: String) -> Result<Vec<SeriesPoint>, SatchelError> {
        self.with(|device, now| device.series(&chart, &loinc, now))
    }

    /// The medicines that a patient is on.
    pub fn medications_now(&self, chart: ChartRef) -> Result<Vec<MedicationRow>, SatchelError> {
        self.with(|device, now| device.medications_now(&chart, now))
    }

    /// Open tasks, what is due first first: of one chart or of everybody, due before `by` or all.
    pub fn due_tasks(
        &self,
        chart: Option<ChartRef>,
        by: Option<UnixMillis>,
        page: Page,
    ) -> Result<Vec<TaskRow>, SatchelError> {
        self.with(|device, now| device.due_tasks(chart.as_ref(), by, page.into(), now))
    }

    /// Notes, reports and remarks that have words beginning as each of those of `text`.
    pub fn search_notes(
        &self,
        text: String,
        chart: Option<ChartRef>,
        page: Page,
    ) -> Result<Vec<NoteRow>, SatchelError> {
        self.with(|device, now| device.search_notes(&text, chart.as_ref(), page.into(), now))
    }

    /// The answer to a question as a JSON array of flat objects, for scripts.
    pub fn ask(&self, question: Question) -> Result<Json, SatchelError> {
        self.with(|device, now| device.query(&question.into(), now)).map(|rows| Json::Array(rows.0))
    }

    /// The answer to a question as CSV, with a line of headings. Recorded as `export`.
    pub fn export_csv(&self, question: Question) -> Result<String, SatchelError> {
        self.with(|device, now| device.export_csv(&question.into(), now))
    }
}
