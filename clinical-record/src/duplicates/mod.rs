//! Finds out whether a person is registered already, from what clerks get wrong: spellings, scripts, dates, swapped names.
//!
//! A score from 0 to 100 with its reasons; a person decides. Works on what the device holds, so also offline.

mod dates;
mod names;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use self::dates::compare_dates;
use self::names::{compare_names, folded};
pub use self::names::{folded as folded_name, word_alike as word_likeness, words as name_words};
use crate::clinical::{NewPatient, PersonIdentifier};
use crate::patient_summary;

/// From this score on two registrations are probably one person.
pub const LIKELY: u8 = 80;

/// From this score on a person should look.
pub const POSSIBLE: u8 = 50;

/// What is compared of a person. All of it is patient content.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PersonTraits {
    /// Family name.
    pub family: Option<String>,
    /// Given names.
    pub given: Vec<String>,
    /// FHIR date of any precision.
    pub birth_date: Option<String>,
    /// FHIR administrative gender.
    pub gender: Option<String>,
    /// Numbers the person is known by.
    pub identifiers: Vec<PersonIdentifier>,
    /// Telephone numbers.
    pub phones: Vec<String>,
}

/// Why two registrations may be one person, or not. Carries no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
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

impl MatchReason {
    /// What the reason adds to the score.
    pub const fn points(self) -> i32 {
        match self {
            Self::SameIdentifier => 60,
            Self::SameName => 45,
            Self::SameBirthDate => 40,
            Self::NamesSwapped => 38,
            Self::SimilarName => 35,
            Self::IdentifierOneCharacterApart | Self::DayAndMonthSwapped => 30,
            Self::BirthDateOneDigitApart => 26,
            Self::BirthDateCompatible => 15,
            Self::SamePhone => 10,
            Self::SameSex => 5,
            Self::DifferentIdentifier => -5,
            Self::DifferentSex => -15,
            Self::DifferentName | Self::DifferentBirthDate => -30,
        }
    }
}

/// How alike two registrations are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonMatch {
    /// 0 to 100; see [`LIKELY`] and [`POSSIBLE`].
    pub score: u8,
    /// What it is made of.
    pub reasons: Vec<MatchReason>,
}

/// A registration that may be of the same person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DuplicateCandidate {
    /// FHIR id of the Patient.
    pub patient: String,
    /// How alike.
    #[serde(flatten)]
    pub found: PersonMatch,
}

impl PersonTraits {
    /// What a Patient resource says; `None` for another type.
    pub fn of_patient(patient: &Value) -> Option<Self> {
        let summary = patient_summary(patient)?;
        let telecom = patient.get("telecom").and_then(Value::as_array).into_iter().flatten();
        let identifiers = summary.identifiers.into_iter();
        Some(Self {
            family: summary.family,
            given: summary.given,
            birth_date: summary.birth_date,
            gender: summary.gender,
            identifiers: identifiers.map(|one| PersonIdentifier { system: one.system, value: one.value }).collect(),
            phones: telecom
                .filter(|one| matches!(one["system"].as_str(), Some("phone" | "sms")))
                .filter_map(|one| one["value"].as_str().map(str::to_owned))
                .collect(),
        })
    }
}

impl From<&NewPatient> for PersonTraits {
    fn from(new: &NewPatient) -> Self {
        Self {
            family: new.family.clone(),
            given: new.given.clone(),
            birth_date: new.birth_date.clone(),
            gender: new.gender.clone(),
            identifiers: new.identifiers.clone(),
            phones: new.phone.iter().cloned().collect(),
        }
    }
}

impl fmt::Debug for PersonTraits {
    /// Nothing of it: all of it is patient content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonTraits").finish_non_exhaustive()
    }
}

/// Compares two registrations; the order does not matter.
pub fn compare_persons(one: &PersonTraits, other: &PersonTraits) -> PersonMatch {
    let mut reasons = Vec::new();
    reasons.extend(compare_identifiers(one, other));
    reasons.extend(compare_names(one, other));
    reasons.extend(compare_dates(one.birth_date.as_deref(), other.birth_date.as_deref()));
    reasons.extend(compare_sex(one.gender.as_deref(), other.gender.as_deref()));
    let same_phone = one.phones.iter().any(|phone| other.phones.iter().any(|also| is_same_phone(phone, also)));
    reasons.extend(same_phone.then_some(MatchReason::SamePhone));
    let points: i32 = reasons.iter().map(|reason| reason.points()).sum();
    // Two registrations under one number are always worth a look.
    let least = if reasons.contains(&MatchReason::SameIdentifier) { i32::from(POSSIBLE) } else { 0 };
    let score = u8::try_from(points.clamp(least, 100)).unwrap_or(100);
    PersonMatch { score, reasons }
}

/// The registrations that reach `at_least`, the most alike first, equal ones by id.
pub fn find_duplicates<'p>(
    person: &PersonTraits,
    registered: impl IntoIterator<Item = (&'p str, PersonTraits)>,
    at_least: u8,
) -> Vec<DuplicateCandidate> {
    let compared = registered.into_iter().map(|(patient, traits)| DuplicateCandidate {
        patient: patient.to_owned(),
        found: compare_persons(person, &traits),
    });
    let mut found: Vec<_> = compared.filter(|candidate| candidate.found.score >= at_least).collect();
    found.sort_by(|a, b| (b.found.score, &a.patient).cmp(&(a.found.score, &b.patient)));
    found
}

fn compare_identifiers(one: &PersonTraits, other: &PersonTraits) -> Option<MatchReason> {
    let plain = |identifier: &PersonIdentifier| {
        let value: String = identifier.value.chars().filter(|c| c.is_alphanumeric()).collect();
        value.to_uppercase()
    };
    let mut found = None;
    for mine in &one.identifiers {
        for yours in other.identifiers.iter().filter(|yours| yours.system == mine.system) {
            let (mine, yours) = (plain(mine), plain(yours));
            let reason = match strsim::osa_distance(&mine, &yours) {
                _ if mine.is_empty() || yours.is_empty() => continue,
                0 => MatchReason::SameIdentifier,
                1 if mine.len() >= 6 => MatchReason::IdentifierOneCharacterApart,
                _ => MatchReason::DifferentIdentifier,
            };
            found = found.max_by_points(reason);
        }
    }
    found
}

trait MaxByPoints {
    fn max_by_points(self, reason: MatchReason) -> Self;
}

impl MaxByPoints for Option<MatchReason> {
    fn max_by_points(self, reason: MatchReason) -> Self {
        match self {
            Some(best) if best.points() >= reason.points() => self,
            _ => Some(reason),
        }
    }
}

fn compare_sex(one: Option<&str>, other: Option<&str>) -> Option<MatchReason> {
    let said = |sex: Option<&str>| sex.filter(|sex| *sex != "unknown").map(str::to_owned);
    let (one, other) = (said(one)?, said(other)?);
    Some(if one == other { MatchReason::SameSex } else { MatchReason::DifferentSex })
}

/// Compares the last eight digits: country and trunk prefixes are written or left out.
fn is_same_phone(one: &str, other: &str) -> bool {
    let tail = |phone: &str| {
        let digits: Vec<char> = folded(phone).chars().filter(char::is_ascii_digit).collect();
        (digits.len() >= 6).then(|| digits[digits.len().saturating_sub(8)..].to_vec())
    };
    match (tail(one), tail(other)) {
        (Some(one), Some(other)) => one.ends_with(&other) || other.ends_with(&one),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
