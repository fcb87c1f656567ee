//! Records an allergy or intolerance.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{set, set_text};
use super::{ClinicalEdit, ClinicalError, Concept, Entry};

/// How dangerous the next exposure may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criticality {
    /// Not life-threatening.
    Low,
    /// Potentially life-threatening.
    High,
    /// Not known.
    UnableToAssess,
}

impl Criticality {
    const fn code(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::High => "high",
            Self::UnableToAssess => "unable-to-assess",
        }
    }
}

/// An allergy or intolerance.
#[derive(Clone, Default, Deserialize)]
pub struct NewAllergy {
    /// To what.
    pub substance: Concept,
    /// FHIR category: food, medication, environment, biologic.
    pub category: Option<String>,
    /// How dangerous.
    pub criticality: Option<Criticality>,
    /// Confirmed by testing or a witnessed reaction; otherwise unconfirmed.
    #[serde(default)]
    pub confirmed: bool,
    /// What was seen, one concept a sign.
    #[serde(default)]
    pub manifestations: Vec<Concept>,
    /// How bad the reaction was: mild, moderate, severe.
    pub severity: Option<String>,
    /// FHIR dateTime of the first reaction.
    pub onset: Option<String>,
    /// A remark.
    pub note: Option<String>,
}

/// Records an allergy.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn record_allergy(entry: &Entry<'_>, new: &NewAllergy) -> Result<ClinicalEdit, ClinicalError> {
    let verification = if new.confirmed { "confirmed" } else { "unconfirmed" };
    let mut allergy = json!({
        "resourceType": "AllergyIntolerance", "id": entry.id,
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": verification}]},
        "code": new.substance.element("AllergyIntolerance.code")?,
        "patient": entry.patient_reference(),
        "recordedDate": entry.now, "recorder": entry.author_reference(),
    });
    set(&mut allergy, "category", new.category.as_ref().map(|category| json!([category])));
    set(&mut allergy, "criticality", new.criticality.map(|criticality| criticality.code().into()));
    set_text(&mut allergy, "onsetDateTime", new.onset.as_deref());
    set(&mut allergy, "reaction", reaction(new)?.map(|reaction| json!([reaction])));
    entry.in_encounter(&mut allergy);
    entry.remark(&mut allergy, new.note.as_deref());
    ClinicalEdit::of(entry, [allergy])
}

fn reaction(new: &NewAllergy) -> Result<Option<Value>, ClinicalError> {
    let path = "AllergyIntolerance.reaction[0].manifestation";
    if new.manifestations.is_empty() {
        // R4 wants at least one manifestation in a reaction.
        return if new.severity.is_some() { Err(ClinicalError::new(path, "is missing")) } else { Ok(None) };
    }
    let mut signs = Vec::with_capacity(new.manifestations.len());
    for (position, sign) in new.manifestations.iter().enumerate() {
        signs.push(sign.element(&format!("{path}[{position}]"))?);
    }
    let mut reaction = json!({"manifestation": signs});
    set_text(&mut reaction, "severity", new.severity.as_deref());
    Ok(Some(reaction))
}
