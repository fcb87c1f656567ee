//! Registers a patient. Whether the person is known already is for [`crate::duplicates`] to say, and for a person to decide.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{reference, required, set, set_text};
use super::{ClinicalEdit, ClinicalError, EditWarning, Entry};
use crate::fhir_date::first_day;

/// What is known of a person at first.
#[derive(Clone, Default, Deserialize)]
pub struct NewPatient {
    /// Family name.
    pub family: Option<String>,
    /// Given names, in order.
    #[serde(default)]
    pub given: Vec<String>,
    /// FHIR date: `1970`, `1970-01` or `1970-01-31`.
    pub birth_date: Option<String>,
    /// FHIR administrative gender: male, female, other, unknown.
    pub gender: Option<String>,
    /// Numbers the person is known by.
    #[serde(default)]
    pub identifiers: Vec<PersonIdentifier>,
    /// Telephone number.
    pub phone: Option<String>,
    /// Where the person lives, one line each.
    #[serde(default)]
    pub address: Vec<String>,
    /// Village or town.
    pub city: Option<String>,
    /// FHIR id of the Organization that keeps the record.
    pub organization: Option<String>,
}

/// A number a person is known by.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub struct PersonIdentifier {
    /// URI of its namespace.
    pub system: Option<String>,
    /// The number.
    pub value: String,
}

/// Registers a person as a new patient, with the entry's id (of the resource and of the patient alike).
///
/// # Errors
/// [`ClinicalError`] naming the element: neither name nor identifier, a date that does not exist. A date of birth ahead comes
/// back as a warning.
pub fn register_patient(entry: &Entry<'_>, new: &NewPatient) -> Result<ClinicalEdit, ClinicalError> {
    let mut patient = json!({"resourceType": "Patient", "id": entry.id, "active": true});
    set(&mut patient, "name", name(new)?.map(|name| json!([name])));
    set(&mut patient, "identifier", identifiers(new)?);
    if patient.get("name").is_none() && patient.get("identifier").is_none() {
        return Err(ClinicalError::new("Patient.name", "is missing, and there is no identifier either"));
    }
    set_text(&mut patient, "gender", new.gender.as_deref());
    set_text(&mut patient, "birthDate", new.birth_date.as_deref());
    let phone = new.phone.as_deref().map(str::trim).filter(|phone| !phone.is_empty());
    set(&mut patient, "telecom", phone.map(|phone| json!([{"system": "phone", "value": phone}])));
    set(&mut patient, "address", address(new).map(|address| json!([address])));
    set(&mut patient, "managingOrganization", new.organization.as_deref().map(|id| reference("Organization", id)));
    let mut edit = ClinicalEdit::of(&Entry { patient: entry.id, ..*entry }, [patient])?;
    // By a clock that may be years wrong: for a person to look at, not to refuse.
    if new.birth_date.as_deref().is_some_and(|born| first_day(born) > first_day(entry.now)) {
        edit.warnings
            .push(EditWarning { path: "Patient.birthDate".into(), problem: "lies ahead by this device's clock" });
    }
    Ok(edit)
}

fn name(new: &NewPatient) -> Result<Option<Value>, ClinicalError> {
    let mut name = json!({"use": "official"});
    set_text(&mut name, "family", new.family.as_deref());
    for (position, given) in new.given.iter().enumerate() {
        required(format!("Patient.name[0].given[{position}]"), given)?;
    }
    let given: Vec<&str> = new.given.iter().map(|given| given.trim()).collect();
    set(&mut name, "given", (!given.is_empty()).then(|| given.into()));
    Ok((name.as_object().is_some_and(|name| name.len() > 1)).then_some(name))
}

fn identifiers(new: &NewPatient) -> Result<Option<Value>, ClinicalError> {
    let mut all = Vec::with_capacity(new.identifiers.len());
    for (position, identifier) in new.identifiers.iter().enumerate() {
        required(format!("Patient.identifier[{position}].value"), &identifier.value)?;
        let mut element = json!({"value": identifier.value.trim()});
        set_text(&mut element, "system", identifier.system.as_deref());
        all.push(element);
    }
    Ok((!all.is_empty()).then(|| all.into()))
}

fn address(new: &NewPatient) -> Option<Value> {
    let lines: Vec<&str> = new.address.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    let mut address = json!({});
    set(&mut address, "line", (!lines.is_empty()).then(|| lines.into()));
    set_text(&mut address, "city", new.city.as_deref());
    address.as_object().is_some_and(|address| !address.is_empty()).then_some(address)
}
