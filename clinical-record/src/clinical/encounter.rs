//! Opens a visit and closes it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{expect_status, expect_type, push, reference, set};
use super::{ClinicalEdit, ClinicalError, Concept, Entry};

/// A visit.
#[derive(Clone, Default, Deserialize)]
pub struct NewEncounter {
    /// v3-ActCode class: AMB, HH (at home), EMER, IMP, VR. AMB when not given.
    pub class: Option<String>,
    /// What kind of visit.
    pub kind: Option<Concept>,
    /// Why the patient comes.
    pub reason: Option<Concept>,
    /// FHIR id of the Location.
    pub location: Option<String>,
    /// FHIR id of the Organization that provides the visit.
    pub provider: Option<String>,
}

const CLASSES: &[(&str, &str)] = &[
    ("AMB", "ambulatory"),
    ("EMER", "emergency"),
    ("FLD", "field"),
    ("HH", "home health"),
    ("IMP", "inpatient encounter"),
    ("OBSENC", "observation encounter"),
    ("SS", "short stay"),
    ("VR", "virtual"),
];

/// Opens a visit; what is entered in it goes to its document.
///
/// # Errors
/// [`ClinicalError`] naming the element.
pub fn open_encounter(entry: &Entry<'_>, new: &NewEncounter) -> Result<ClinicalEdit, ClinicalError> {
    let class = new.class.as_deref().unwrap_or("AMB");
    let (class, display) = CLASSES
        .iter()
        .find(|(code, _)| *code == class)
        .ok_or_else(|| ClinicalError::new("Encounter.class.code", "is not a class of encounters"))?;
    let mut encounter = json!({
        "resourceType": "Encounter", "id": entry.id, "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class, "display": display},
        "subject": entry.patient_reference(), "period": {"start": entry.now},
        "participant": [{"individual": entry.author_reference()}],
    });
    let kind = new.kind.as_ref().map(|kind| kind.element("Encounter.type[0]")).transpose()?;
    set(&mut encounter, "type", kind.map(|kind| json!([kind])));
    let reason = new.reason.as_ref().map(|reason| reason.element("Encounter.reasonCode[0]")).transpose()?;
    set(&mut encounter, "reasonCode", reason.map(|reason| json!([reason])));
    let location = new.location.as_deref().map(|id| json!([{"location": reference("Location", id)}]));
    set(&mut encounter, "location", location);
    set(&mut encounter, "serviceProvider", new.provider.as_deref().map(|id| reference("Organization", id)));
    ClinicalEdit::of(entry, [encounter])
}

/// Closes a visit; whoever closes it is among its participants afterwards.
///
/// # Errors
/// [`ClinicalError`] naming the element: a visit that is not open.
pub fn close_encounter(entry: &Entry<'_>, encounter: &Value) -> Result<ClinicalEdit, ClinicalError> {
    expect_type(encounter, "Encounter")?;
    expect_status(encounter, "status", &["planned", "arrived", "triaged", "in-progress", "onleave"])?;
    let mut encounter = encounter.clone();
    encounter["status"] = "finished".into();
    let start = encounter.pointer("/period/start").cloned();
    encounter["period"] = json!({"end": entry.now});
    set(&mut encounter["period"], "start", start);
    let me = entry.author_reference();
    let present = encounter["participant"].as_array().is_some_and(|all| all.iter().any(|one| one["individual"] == me));
    if !present {
        push(&mut encounter, "participant", json!({"individual": me}));
    }
    ClinicalEdit::of(entry, [encounter])
}
