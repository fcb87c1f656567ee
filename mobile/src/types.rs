//! Simple values that cross as strings and numbers: ids, JSON, element paths, exact numbers, moments.
//!
//! What is not well-formed is [`SatchelError::Invalid`], naming the kind of value and never repeating it.

use client_core::{
    ChangeHash, ChartRef, Compartment, DocumentId, ElementPath, OrganizationId, PatientId, PractitionerId, ResourceKey,
    UnixMillis,
};

use crate::SatchelError;

/// JSON text.
pub type Json = serde_json::Value;
/// A number as it was entered: `37.0` keeps its zero.
pub type Decimal = serde_json::Number;

uniffi::custom_type!(OrganizationId, String, {
    remote,
    try_lift: |text| Ok(OrganizationId::new(text).map_err(|_| SatchelError::invalid("the organization id"))?),
    lower: |id| id.into(),
});
uniffi::custom_type!(PatientId, String, {
    remote,
    try_lift: |text| Ok(PatientId::new(text).map_err(|_| SatchelError::invalid("the patient id"))?),
    lower: |id| id.into(),
});
uniffi::custom_type!(PractitionerId, String, {
    remote,
    try_lift: |text| Ok(PractitionerId::new(text).map_err(|_| SatchelError::invalid("the practitioner id"))?),
    lower: |id| id.into(),
});
uniffi::custom_type!(DocumentId, String, {
    remote,
    try_lift: |text| Ok(text.parse().map_err(|_| SatchelError::invalid("the document id"))?),
    lower: |id| id.to_string(),
});
uniffi::custom_type!(ChangeHash, String, {
    remote,
    try_lift: |text| Ok(text.parse().map_err(|_| SatchelError::invalid("the hash of a change"))?),
    lower: |hash| hash.to_string(),
});
uniffi::custom_type!(ResourceKey, String, {
    remote,
    try_lift: |text| Ok(resource_key(&text)?),
    lower: |key| key.to_string(),
});
uniffi::custom_type!(ElementPath, String, {
    remote,
    try_lift: |text| Ok(text.parse().map_err(|_| SatchelError::invalid("the element's path"))?),
    lower: |path| path.to_string(),
});
uniffi::custom_type!(Json, String, {
    remote,
    try_lift: |text| Ok(serde_json::from_str(&text).map_err(|_| SatchelError::invalid("the JSON"))?),
    lower: |value| value.to_string(),
});
uniffi::custom_type!(Decimal, String, {
    remote,
    try_lift: |text| Ok(text.parse().map_err(|_| SatchelError::invalid("the number"))?),
    lower: |number| number.to_string(),
});
uniffi::custom_type!(UnixMillis, i64, {
    remote,
    try_lift: |millis| Ok(UnixMillis(millis)),
    lower: |moment| moment.0,
});

/// Reads `Type/id`.
fn resource_key(text: &str) -> Result<ResourceKey, SatchelError> {
    let parts = text.split_once('/').filter(|(kind, id)| !kind.is_empty() && !id.is_empty() && !id.contains('/'));
    let (kind, id) = parts.ok_or_else(|| SatchelError::invalid("Type/id of a resource"))?;
    Ok(ResourceKey::new(kind, id))
}

/// Addresses a chart. Patients of two organizations that share an id are two charts.
#[uniffi::remote(Record)]
pub struct ChartRef {
    /// FHIR id of the organization that manages it.
    pub organization: OrganizationId,
    /// FHIR id of the Patient.
    pub patient: PatientId,
}

/// What kind of document it is: the unit of access.
#[uniffi::remote(Enum)]
pub enum Compartment {
    /// Demographics and identifiers.
    PatientIndex,
    /// Allergies, conditions, medicines, immunizations, care plans and the like.
    Core,
    /// One visit with its observations, procedures and notes.
    Encounter,
    /// Reports, laboratory results, imaging.
    Results,
    /// One sensitive category of a patient.
    Sensitive,
    /// Requests, tasks, appointments, communications.
    Workflow,
    /// Claims, benefits, coverage.
    Administrative,
    /// Organizations, locations, practitioners: not a patient's.
    Directory,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_resource_key_is_refused_without_being_repeated() {
        assert_eq!(resource_key("Patient/p1").unwrap(), ResourceKey::new("Patient", "p1"));
        for text in ["", "Patient", "Patient/", "/p1", "a/b/secret"] {
            let refused = resource_key(text).unwrap_err();
            assert_eq!(refused.code(), "invalid");
            assert!(!refused.to_string().contains("secret"));
        }
    }
}
