//! What spans visits: conditions, allergies, goal, care plan and team, consent; and what is specially protected.

use serde_json::{Value, json};

use super::dice::Dice;
use super::{Chart, SNOMED, concept, reference};

const CONDITIONS: &[(&str, &str)] = &[
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("195662009", "Acute viral pharyngitis"),
    ("233604007", "Pneumonia"),
];

const ALLERGENS: &[(&str, &str)] =
    &[("91936005", "Allergy to penicillin"), ("300916003", "Latex allergy"), ("91935009", "Allergy to peanuts")];

/// Sensitivity code, SNOMED code and name.
const PROTECTED: &[(&str, &str, &str)] = &[
    ("HIV", "86406008", "Human immunodeficiency virus infection"),
    ("SUD", "75544000", "Opioid dependence"),
    ("PSY", "35489007", "Depressive disorder"),
];

/// Adds the parts of the chart that belong to no single visit.
pub(super) fn add(dice: &mut Dice, chart: &mut Chart) {
    for _ in 0..dice.between(1, 3) {
        let choice = dice.pick(CONDITIONS);
        let condition = condition(dice, chart, choice);
        chart.add(condition);
    }
    allergy(dice, chart);
    let patient = reference(&chart.patient);
    let (goal, team) = (dice.uuid(), dice.uuid());
    chart.add(json!({
        "resourceType": "Goal", "id": goal, "lifecycleStatus": "active",
        "description": {"text": "Keep blood pressure below 140/90"}, "subject": patient, "startDate": dice.date(2018, 2020),
        "target": [{"measure": concept(super::LOINC, "8480-6", "Systolic Blood Pressure"),
            "detailQuantity": {"value": super::decimal(14_000, 2), "unit": "mm[Hg]"}}],
        "note": [{"text": "Agreed with the patient."}],
    }));
    chart.add(json!({
        "resourceType": "CareTeam", "id": team, "status": "active", "name": "Home care team", "subject": patient,
        "participant": [{"member": reference(&chart.practitioner), "role": [{"text": "Physician"}]}],
        "managingOrganization": [reference(&chart.organization)],
    }));
    chart.add(json!({
        "resourceType": "CarePlan", "id": dice.uuid(), "status": "active", "intent": "plan", "title": "Hypertension care plan",
        "subject": patient, "period": {"start": dice.date(2019, 2021)}, "careTeam": [reference(&team)], "goal": [reference(&goal)],
        "activity": [{"detail": {"status": "in-progress", "description": "Walk half an hour a day"}}],
    }));
    consent(dice, chart);
}

fn condition(dice: &mut Dice, chart: &Chart, (code, name): (&str, &str)) -> Value {
    let clinical = dice.pick(&["active", "resolved"]);
    json!({
        "resourceType": "Condition", "id": dice.uuid(),
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": clinical}]},
        "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]},
        "code": concept(SNOMED, code, name), "subject": reference(&chart.patient),
        "onsetDateTime": dice.date(2010, 2019), "recordedDate": dice.date(2019, 2020),
        "note": [{"text": "Dx confirmed; see visit note."}],
    })
}

fn allergy(dice: &mut Dice, chart: &mut Chart) {
    let (code, name) = dice.pick(ALLERGENS);
    chart.add(json!({
        "resourceType": "AllergyIntolerance", "id": dice.uuid(), "type": "allergy",
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]},
        "criticality": dice.pick(&["low", "high", "unable-to-assess"]),
        "code": concept(SNOMED, code, name), "patient": reference(&chart.patient), "recordedDate": dice.date(2012, 2019),
        "reaction": [{"manifestation": [{"text": "Urticaria"}], "severity": "moderate"}],
    }));
}

fn consent(dice: &mut Dice, chart: &mut Chart) {
    chart.add(json!({
        "resourceType": "Consent", "id": dice.uuid(), "status": "active",
        "scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy", "Privacy Consent"),
        "category": [concept(super::LOINC, "59284-0", "Patient Consent")],
        "patient": reference(&chart.patient), "dateTime": dice.date(2019, 2023),
        "organization": [reference(&chart.organization)],
        "provision": {"type": dice.pick(&["permit", "deny"]),
            "actor": [{"role": {"text": "recipient"}, "reference": reference(&chart.practitioner)}]},
    }));
}

/// Adds a condition labelled as specially protected.
pub(super) fn add_sensitive(dice: &mut Dice, chart: &mut Chart) {
    let (label, code, name) = dice.pick(PROTECTED);
    let mut condition = condition(dice, chart, (code, name));
    condition["meta"] = json!({"security": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"},
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": label},
    ]});
    chart.add(condition);
}
