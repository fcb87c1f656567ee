//! Registering people without registering them twice, and merging those who were.

use client_core::clinical::NewPatient;
use client_core::duplicates::{MatchReason, POSSIBLE, PersonTraits};
use client_core::{ChartRef, PatientId, Person, PossibleDuplicate, Registration};

use crate::types::Json;
use crate::{ActDone, SatchelDevice, SatchelError, Warning};

/// Why two registrations may be one person, or not. Carries no content.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum MatchReason {
    /// One identifier of one namespace.
    SameIdentifier,
    /// Identifiers of one namespace that differ in one character.
    IdentifierOneCharacterApart,
    /// Different identifiers of one namespace.
    DifferentIdentifier,
    /// Names that are the same, whatever the script, accents or case.
    SameName,
    /// Names that sound or look alike.
    SimilarName,
    /// Family and given names the other way round.
    NamesSwapped,
    /// Names that are not alike.
    DifferentName,
    /// One date of birth.
    SameBirthDate,
    /// Day and month the other way round.
    DayAndMonthSwapped,
    /// One digit wrong, or two neighbours swapped.
    BirthDateOneDigitApart,
    /// One is less precise than the other, or an estimate near it.
    BirthDateCompatible,
    /// Dates of birth that do not fit.
    DifferentBirthDate,
    /// One sex.
    SameSex,
    /// Different sexes.
    DifferentSex,
    /// One telephone number.
    SamePhone,
}

/// A registration that may be of the same person.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Alike {
    /// The chart.
    pub chart: ChartRef,
    /// Display name.
    pub name: String,
    /// FHIR date.
    pub birth_date: Option<String>,
    /// FHIR administrative gender.
    pub gender: Option<String>,
    /// How alike, 0 to 100.
    pub score: u8,
    /// Why.
    pub reasons: Vec<MatchReason>,
}

impl From<PossibleDuplicate> for Alike {
    fn from(found: PossibleDuplicate) -> Self {
        let PossibleDuplicate { patient, found } = found;
        Self {
            chart: patient.chart,
            name: patient.name,
            birth_date: patient.birth_date,
            gender: patient.gender,
            score: found.score,
            reasons: found.reasons,
        }
    }
}

/// What came of a registration.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Registered {
    /// A new chart was begun.
    Begun {
        /// Which.
        chart: ChartRef,
    },
    /// Nothing was stored: the person may be one of these. A person decides.
    Known {
        /// The most alike first.
        alike: Vec<Alike>,
    },
}

impl From<Registration> for Registered {
    fn from(registration: Registration) -> Self {
        match registration {
            Registration::Registered(chart) => Self::Begun { chart },
            Registration::Known(alike) => Self::Known { alike: alike.into_iter().map(Alike::from).collect() },
        }
    }
}

/// A person with every registration.
#[uniffi::remote(Record)]
pub struct Person {
    /// FHIR id of the Patient that stands for all; new entries go to its chart.
    pub survivor: PatientId,
    /// The charts of the person on this device, the survivor's first.
    pub charts: Vec<ChartRef>,
    /// Registrations whose charts are not on this device.
    pub elsewhere: Vec<PatientId>,
    /// People merged differently while apart: a person must look.
    pub disputed: bool,
}

#[uniffi::export]
impl SatchelDevice {
    /// Registers a person unless somebody on this device may be that person.
    pub fn register(&self, new: NewPatient) -> Result<Registered, SatchelError> {
        self.with(|device, now| device.register_unless_known(&new, POSSIBLE, now)).map(Registered::from)
    }

    /// Registers a person whoever else is registered: once somebody has looked at who is alike.
    pub fn register_anyway(&self, new: NewPatient) -> Result<ChartRef, SatchelError> {
        self.with(|device, now| device.register_patient(&new, now))
    }

    /// What should be looked at again before a person is registered; what would be refused is refused here too.
    pub fn check_registration(&self, new: NewPatient) -> Result<Vec<Warning>, SatchelError> {
        let warnings = self.with(|device, now| device.check_registration(&new, now))?;
        Ok(warnings.into_iter().map(Warning::from).collect())
    }

    /// Registrations on this device that may be of this person, the most alike first.
    pub fn find_duplicates(&self, new: NewPatient) -> Result<Vec<Alike>, SatchelError> {
        let found = self.with(|device, now| device.find_duplicates(&PersonTraits::from(&new), POSSIBLE, now))?;
        Ok(found.into_iter().map(Alike::from).collect())
    }

    /// Other registrations that may be of the person of this chart.
    pub fn duplicates_of(&self, chart: ChartRef) -> Result<Vec<Alike>, SatchelError> {
        let found = self.with(|device, now| device.duplicates_of(&chart, POSSIBLE, now))?;
        Ok(found.into_iter().map(Alike::from).collect())
    }

    /// Merges two registrations of one person into one view; both charts stay. `reason` is kept in the history.
    pub fn merge_patients(
        &self,
        surviving: ChartRef,
        replaced: ChartRef,
        reason: String,
    ) -> Result<ActDone, SatchelError> {
        self.with(|device, now| device.merge_patients(&surviving, &replaced, &reason, now)).map(ActDone::from)
    }

    /// Takes a merge back.
    pub fn unmerge_patients(
        &self,
        surviving: ChartRef,
        replaced: ChartRef,
        reason: String,
    ) -> Result<ActDone, SatchelError> {
        self.with(|device, now| device.unmerge_patients(&surviving, &replaced, &reason, now)).map(ActDone::from)
    }

    /// The person that a chart is a registration of.
    pub fn person(&self, chart: ChartRef) -> Result<Person, SatchelError> {
        self.with(|device, now| device.person(&chart, now))
    }

    /// Every resource of a person as one chart, each FHIR JSON.
    pub fn person_view(&self, chart: ChartRef) -> Result<Vec<Json>, SatchelError> {
        let viewed = self.with(|device, now| device.person_view(&chart, now))?;
        Ok(viewed.into_iter().map(|viewed| viewed.resource).collect())
    }

    /// The chart of the patient with this id, where only one organization has one.
    pub fn chart_of(&self, patient: PatientId) -> Result<ChartRef, SatchelError> {
        self.with(|device, _| device.chart_of(&patient))
    }
}
