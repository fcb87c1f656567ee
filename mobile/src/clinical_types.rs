//! What a clinician enters, as records. Their definitions are the core's; here they are told to UniFFI, with the core's own
//! checks behind every one.

use client_core::VitalReading;
use client_core::clinical::{
    Code, Concept, Criticality, Dosage, NewActivity, NewAllergy, NewCarePlan, NewEncounter, NewFlag, NewImmunization,
    NewMedication, NewNote, NewPatient, NewProblem, NewProcedure, NewReferral, NewResult, NewTask, PersonIdentifier,
    Quantity, ResultValue, TaskStep,
};
use client_core::{ChartRef, UnixMillis};

use crate::types::Decimal;

/// For whom and in which visit something is entered. Who enters it is who the device is enrolled for.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Occasion {
    /// The patient's chart.
    pub chart: ChartRef,
    /// FHIR id of the Encounter it happens in; what is entered goes to that visit's document.
    #[uniffi(default)]
    pub encounter: Option<String>,
}

impl Occasion {
    /// The core's, at a moment.
    pub(crate) fn at(&self, now: UnixMillis) -> client_core::Occasion<'_> {
        client_core::Occasion { chart: &self.chart, encounter: self.encounter.as_deref(), now }
    }
}

/// A code of a code system.
#[uniffi::remote(Record)]
pub struct Code {
    /// URI of the code system.
    pub system: String,
    /// The code.
    pub code: String,
    /// Its name in the code system.
    #[uniffi(default)]
    pub display: Option<String>,
}

/// A concept: codes, words, or both.
#[uniffi::remote(Record)]
pub struct Concept {
    /// The codes.
    #[uniffi(default)]
    pub codes: Vec<Code>,
    /// The words.
    #[uniffi(default)]
    pub text: Option<String>,
}

/// A number with its unit.
#[uniffi::remote(Record)]
pub struct Quantity {
    /// Digits as entered.
    pub value: Decimal,
    /// UCUM code of the unit.
    pub unit: String,
}

/// How dangerous an allergy is.
#[uniffi::remote(Enum)]
pub enum Criticality {
    /// Not life-threatening.
    Low,
    /// Potentially life-threatening.
    High,
    /// Not known.
    UnableToAssess,
}

/// An allergy or intolerance.
#[uniffi::remote(Record)]
pub struct NewAllergy {
    /// To what.
    pub substance: Concept,
    /// FHIR category: food, medication, environment, biologic.
    #[uniffi(default)]
    pub category: Option<String>,
    /// How dangerous.
    #[uniffi(default)]
    pub criticality: Option<Criticality>,
    /// Confirmed by testing or a witnessed reaction.
    #[uniffi(default)]
    pub confirmed: bool,
    /// What was seen, one concept a sign.
    #[uniffi(default)]
    pub manifestations: Vec<Concept>,
    /// How bad the reaction was: mild, moderate, severe.
    #[uniffi(default)]
    pub severity: Option<String>,
    /// FHIR dateTime of the first reaction.
    #[uniffi(default)]
    pub onset: Option<String>,
    /// A remark.
    #[uniffi(default)]
    pub note: Option<String>,
}

/// A problem or diagnosis.
#[uniffi::remote(Record)]
pub struct NewProblem {
    /// What it is.
    pub problem: Concept,
    /// Established; otherwise provisional.
    #[uniffi(default)]
    pub confirmed: bool,
    /// How bad it is.
    #[uniffi(default)]
    pub severity: Option<Concept>,
    /// FHIR dateTime of its beginning.
    #[uniffi(default)]
    pub onset: Option<String>,
    /// A remark.
    #[uniffi(default)]
    pub note: Option<String>,
}

/// How a medicine is taken.
#[uniffi::remote(Record)]
pub struct Dosage {
    /// In words, as the patient is told.
    pub text: String,
    /// How much at a time.
    #[uniffi(default)]
    pub dose: Option<Quantity>,
    /// How often in each period.
    #[uniffi(default)]
    pub frequency: Option<u32>,
    /// Length of the period; 1 when not given.
    #[uniffi(default)]
    pub period: Option<u32>,
    /// UCUM unit of the period: h, d, wk, mo.
    #[uniffi(default)]
    pub period_unit: Option<String>,
    /// By mouth, into a vein.
    #[uniffi(default)]
    pub route: Option<Concept>,
    /// Only when needed.
    #[uniffi(default)]
    pub as_needed: bool,
}

/// An order of a medicine.
#[uniffi::remote(Record)]
pub struct NewMedication {
    /// Which one.
    pub medication: Concept,
    /// How it is taken.
    pub dosage: Dosage,
    /// Why.
    #[uniffi(default)]
    pub reason: Option<Concept>,
    /// A remark.
    #[uniffi(default)]
    pub note: Option<String>,
}

/// A vaccination that was given, or why it was not.
#[uniffi::remote(Record)]
pub struct NewImmunization {
    /// The vaccine.
    pub vaccine: Concept,
    /// FHIR dateTime; now when not given.
    #[uniffi(default)]
    pub given: Option<String>,
    /// Batch printed on the vial.
    #[uniffi(default)]
    pub lot: Option<String>,
    /// FHIR date until which the vial may be used.
    #[uniffi(default)]
    pub expires: Option<String>,
    /// Where on the body.
    #[uniffi(default)]
    pub site: Option<Concept>,
    /// Which way.
    #[uniffi(default)]
    pub route: Option<Concept>,
    /// How much.
    #[uniffi(default)]
    pub dose: Option<Quantity>,
    /// Number of the dose in its series, from 1.
    #[uniffi(default)]
    pub number: Option<u32>,
    /// Why it was not given.
    #[uniffi(default)]
    pub not_given: Option<Concept>,
    /// A remark.
    #[uniffi(default)]
    pub note: Option<String>,
}

/// A vital sign that was measured.
#[uniffi::remote(Record)]
pub struct VitalReading {
    /// LOINC code.
    pub loinc: String,
    /// Digits as entered.
    pub value: Decimal,
    /// UCUM code, or what people write for it; the first unit of the sign when not given.
    #[uniffi(default)]
    pub unit: Option<String>,
}

/// A visit.
#[uniffi::remote(Record)]
pub struct NewEncounter {
    /// v3-ActCode class: AMB, HH, EMER, IMP, VR. AMB when not given.
    #[uniffi(default)]
    pub class: Option<String>,
    /// What kind of visit.
    #[uniffi(default)]
    pub kind: Option<Concept>,
    /// Why the patient comes.
    #[uniffi(default)]
    pub reason: Option<Concept>,
    /// FHIR id of the Location.
    #[uniffi(default)]
    pub location: Option<String>,
    /// FHIR id of the Organization that provides the visit.
    #[uniffi(default)]
    pub provider: Option<String>,
}

/// A note.
#[uniffi::remote(Record)]
pub struct NewNote {
    /// What it says; may be empty, to be typed later.
    pub text: String,
    /// What kind of note.
    #[uniffi(default)]
    pub kind: Option<Concept>,
    /// Its heading.
    #[uniffi(default)]
    pub title: Option<String>,
}

/// A procedure that was done.
#[uniffi::remote(Record)]
pub struct NewProcedure {
    /// What.
    pub procedure: Concept,
    /// FHIR dateTime; now when not given.
    #[uniffi(default)]
    pub performed: Option<String>,
    /// Where on the body.
    #[uniffi(default)]
    pub site: Option<Concept>,
    /// Why.
    #[uniffi(default)]
    pub reason: Option<Concept>,
    /// How it went.
    #[uniffi(default)]
    pub outcome: Option<Concept>,
    /// A remark.
    #[uniffi(default)]
    pub note: Option<String>,
}

/// A care plan.
#[uniffi::remote(Record)]
pub struct NewCarePlan {
    /// Its name.
    pub title: String,
    /// What it is about, in words.
    #[uniffi(default)]
    pub description: Option<String>,
    /// FHIR ids of the Conditions it addresses.
    #[uniffi(default)]
    pub problems: Vec<String>,
    /// What is to be done.
    #[uniffi(default)]
    pub activities: Vec<NewActivity>,
}

/// An activity of a care plan.
#[uniffi::remote(Record)]
pub struct NewActivity {
    /// What.
    pub description: String,
    /// In words, when.
    #[uniffi(default)]
    pub when: Option<String>,
}

/// A task for somebody.
#[uniffi::remote(Record)]
pub struct NewTask {
    /// What.
    pub description: String,
    /// FHIR dateTime or date by which.
    #[uniffi(default)]
    pub due: Option<String>,
    /// Who: FHIR id of a Practitioner.
    #[uniffi(default)]
    pub practitioner: Option<String>,
    /// Who: FHIR id of an Organization. Not together with a practitioner.
    #[uniffi(default)]
    pub organization: Option<String>,
    /// routine, urgent, asap, stat.
    #[uniffi(default)]
    pub priority: Option<String>,
}

/// A step of a task.
#[uniffi::remote(Enum)]
pub enum TaskStep {
    /// Whoever was asked agrees.
    Accept,
    /// Whoever was asked does not.
    Reject,
    /// Work has begun.
    Start,
    /// It waits.
    Hold,
    /// It is done.
    Complete,
    /// It cannot be done.
    Fail,
    /// Whoever asked no longer wants it.
    Cancel,
}

/// A warning on a chart.
#[uniffi::remote(Record)]
pub struct NewFlag {
    /// What to beware of.
    pub warning: Concept,
    /// FHIR flag category: safety, clinical, behavioral. clinical when not given.
    #[uniffi(default)]
    pub category: Option<String>,
}

/// What is asked of another organization.
#[uniffi::remote(Record)]
pub struct NewReferral {
    /// What is asked for.
    pub service: Concept,
    /// Why.
    #[uniffi(default)]
    pub reason: Option<Concept>,
    /// FHIR id of the Organization asked.
    pub organization: String,
    /// FHIR id of a Practitioner there, if one is asked in person.
    #[uniffi(default)]
    pub practitioner: Option<String>,
    /// routine, urgent, asap, stat.
    #[uniffi(default)]
    pub priority: Option<String>,
    /// FHIR id for the Task; a fresh one when left empty.
    #[uniffi(default)]
    pub task_id: String,
    /// What is handed over with it, as `Type/id`.
    #[uniffi(default)]
    pub handed_over: Vec<String>,
    /// A remark.
    #[uniffi(default)]
    pub note: Option<String>,
}

/// A number that a person is known by.
#[uniffi::remote(Record)]
pub struct PersonIdentifier {
    /// URI of its namespace.
    #[uniffi(default)]
    pub system: Option<String>,
    /// The number.
    pub value: String,
}

/// A person to register.
#[uniffi::remote(Record)]
pub struct NewPatient {
    /// Family name.
    #[uniffi(default)]
    pub family: Option<String>,
    /// Given names, in order.
    #[uniffi(default)]
    pub given: Vec<String>,
    /// FHIR date: `1970`, `1970-01` or `1970-01-31`.
    #[uniffi(default)]
    pub birth_date: Option<String>,
    /// FHIR administrative gender: male, female, other, unknown.
    #[uniffi(default)]
    pub gender: Option<String>,
    /// Numbers the person is known by.
    #[uniffi(default)]
    pub identifiers: Vec<PersonIdentifier>,
    /// Telephone number.
    #[uniffi(default)]
    pub phone: Option<String>,
    /// Where the person lives, one line each.
    #[uniffi(default)]
    pub address: Vec<String>,
    /// Village or town.
    #[uniffi(default)]
    pub city: Option<String>,
    /// FHIR id of the Organization that keeps the record.
    #[uniffi(default)]
    pub organization: Option<String>,
}

/// What came out of a test.
#[derive(Clone, uniffi::Enum)]
pub enum LabValue {
    /// A number with its unit.
    Measured {
        /// How much.
        quantity: Quantity,
    },
    /// A finding, for example "positive".
    Found {
        /// Which.
        finding: Concept,
    },
    /// Words.
    Said {
        /// Which.
        text: String,
    },
}

/// Lowest and highest value to be expected, in the unit of the value.
#[derive(Clone, uniffi::Record)]
pub struct Range {
    /// Lowest.
    pub low: Decimal,
    /// Highest.
    pub high: Decimal,
}

/// A laboratory result.
#[derive(Clone, uniffi::Record)]
pub struct LabResult {
    /// What was measured.
    pub test: Concept,
    /// What came out.
    pub value: LabValue,
    /// FHIR dateTime of the sample; now when not given.
    #[uniffi(default)]
    pub collected: Option<String>,
    /// The result may still change.
    #[uniffi(default)]
    pub preliminary: bool,
    /// What was to be expected.
    #[uniffi(default)]
    pub expected: Option<Range>,
    /// A remark.
    #[uniffi(default)]
    pub note: Option<String>,
}

impl From<LabResult> for NewResult {
    fn from(result: LabResult) -> Self {
        let LabResult { test, value, collected, preliminary, expected, note } = result;
        let value = match value {
            LabValue::Measured { quantity } => ResultValue::Quantity(quantity),
            LabValue::Found { finding } => ResultValue::Concept(finding),
            LabValue::Said { text } => ResultValue::Text(text),
        };
        Self { test, value, collected, preliminary, expected: expected.map(|range| (range.low, range.high)), note }
    }
}
