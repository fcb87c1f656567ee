//! The rows that queries give. Their definitions are the core's; here they are told to UniFFI. Patient content.

use client_core::{
    ChartRow, ChartSection, MedicationRow, NoteRow, PatientRow, SectionRows, SeriesPoint, TaskRow, Trend, VitalRow,
};

/// A section of a chart as people look at it.
#[uniffi::remote(Enum)]
pub enum ChartSection {
    /// Warnings.
    Flags,
    /// Allergies and intolerances.
    Allergies,
    /// Problems and diagnoses.
    Problems,
    /// Orders, statements and administrations of medicines.
    Medications,
    /// Vaccinations.
    Immunizations,
    /// Vital signs.
    VitalSigns,
    /// Laboratory results and reports.
    Results,
    /// Other observations.
    Findings,
    /// Visits.
    Encounters,
    /// Procedures.
    Procedures,
    /// Notes.
    Notes,
    /// Care plans, goals, care teams.
    Plans,
    /// Tasks.
    Tasks,
    /// Orders, referrals, appointments, messages.
    Requests,
    /// Claims and coverage.
    Administrative,
    /// Everything else.
    Other,
}

/// A patient of the list.
#[uniffi::remote(Record)]
pub struct PatientRow {
    /// The organization that manages the chart.
    pub organization: String,
    /// FHIR id of the Patient.
    pub patient: String,
    /// Display name.
    pub name: String,
    /// FHIR date.
    pub birth_date: Option<String>,
    /// FHIR administrative gender.
    pub gender: Option<String>,
    /// Identifier values, joined by a comma.
    pub identifiers: String,
    /// Registrations that this one replaces, and that are shown with it.
    pub replaces: u32,
    /// Its registrations were merged in ways that contradict one another.
    pub disputed: bool,
}

/// A resource as queries list it.
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
pub struct SectionRows {
    /// Which.
    pub section: ChartSection,
    /// The newest first.
    pub rows: Vec<ChartRow>,
}

/// Where the latest value went from the one before it.
#[uniffi::remote(Enum)]
pub enum Trend {
    /// Higher.
    Rising,
    /// Lower.
    Falling,
    /// The same.
    Steady,
}

/// The latest of one kind of measurement.
#[uniffi::remote(Record)]
pub struct VitalRow {
    /// LOINC code, where there is one.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// As entered, with its unit.
    pub shown: String,
    /// In `unit`.
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
#[uniffi::remote(Record)]
pub struct SeriesPoint {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// When, as FHIR writes it.
    pub date: Option<String>,
    /// In `unit`.
    pub value: f64,
    /// UCUM.
    pub unit: String,
    /// As entered, with its unit.
    pub shown: String,
    /// `Observation/id`.
    pub resource: String,
}

/// A medicine that the patient is on.
#[uniffi::remote(Record)]
pub struct MedicationRow {
    /// The organization whose chart it is in.
    pub organization: String,
    /// The registration that it is of.
    pub patient: String,
    /// `MedicationRequest/id` or `MedicationStatement/id`.
    pub resource: String,
    /// Which medicine.
    pub medication: String,
    /// How it is taken, in words.
    pub dosage: Option<String>,
    /// Since when.
    pub since: Option<String>,
    /// FHIR status: active, on-hold.
    pub status: Option<String>,
    /// Something about it is in conflict: what is shown is one of several values.
    pub in_conflict: bool,
}

/// An open task.
#[uniffi::remote(Record)]
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

/// A note that was found.
#[uniffi::remote(Record)]
pub struct NoteRow {
    /// The organization whose chart it is in.
    pub organization: String,
    /// The registration that it is of.
    pub patient: String,
    /// `Type/id`.
    pub resource: String,
    /// One line for a person.
    pub summary: String,
    /// When, as FHIR writes it.
    pub date: Option<String>,
    /// What stands around the first word found.
    pub snippet: String,
}
