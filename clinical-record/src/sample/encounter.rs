//! One visit: the encounter, vital signs, laboratory results, treatment, a note, and the bill.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::dice::Dice;
use super::{Chart, LOINC, RXNORM, SNOMED, UCUM, billing, concept, decimal, reference};

/// LOINC code, name, UCUM unit, lowest and highest value in hundredths.
type Measurement = (&'static str, &'static str, &'static str, u64, u64);

const VITALS: &[Measurement] = &[
    ("8302-2", "Body Height", "cm", 15_000, 19_500),
    ("29463-7", "Body Weight", "kg", 4_500, 11_000),
    ("8867-4", "Heart rate", "/min", 5_500, 11_000),
    ("8310-5", "Body temperature", "Cel", 3_600, 3_950),
];

const LABORATORY: &[Measurement] = &[
    ("2339-0", "Glucose", "mg/dL", 7_000, 18_000),
    ("38483-4", "Creatinine", "mg/dL", 60, 300),
    ("2947-0", "Sodium", "mmol/L", 13_500, 14_500),
    ("6298-4", "Potassium", "mmol/L", 350, 520),
];

const NOTES: &[&str] = &[
    "Patient reports intermittent dizziness since Tuesday. No fever, no chest pain. Advised to drink more and return in a week.",
    "Suivi d’une hypertension artérielle bien contrôlée. Pas d’effets secondaires. Continuer le traitement.",
    "Home visit. Wound on left heel 2 × 3 cm, clean, granulating. Dressing changed; daughter shown how. Next visit Friday.",
    "Người bệnh tỉnh táo, tiếp xúc tốt. Ho khan 3 ngày, không khó thở.",
];

const MEDICATIONS: &[(&str, &str)] = &[
    ("860975", "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet"),
    ("314076", "lisinopril 10 MG Oral Tablet"),
    ("308136", "amlodipine 2.5 MG Oral Tablet"),
    ("562251", "Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet"),
];

struct Visit<'a> {
    id: String,
    day: String,
    patient: Value,
    practitioner: Value,
    chart: &'a mut Chart,
}

/// Adds a visit to the chart; `visit` counts from 0 and moves the date on.
pub(super) fn add(dice: &mut Dice, chart: &mut Chart, visit: u64) {
    let day = dice.date(2015 + visit, 2015 + visit);
    let (patient, practitioner) = (reference(&chart.patient), reference(&chart.practitioner));
    let mut visit = Visit { id: dice.uuid(), day, patient, practitioner, chart };
    visit.encounter(dice);
    visit.vitals(dice);
    if dice.chance(60) {
        visit.laboratory(dice);
    }
    if dice.chance(50) {
        visit.procedure(dice);
    }
    visit.treatment(dice);
    visit.note(dice);
    billing::add(dice, visit.chart, &visit.id, &visit.day);
}

impl Visit<'_> {
    fn time(&self, dice: &mut Dice) -> String {
        format!("{}T{:02}:{:02}:00+01:00", self.day, dice.between(8, 17), dice.between(0, 59))
    }

    fn encounter(&mut self, dice: &mut Dice) {
        self.chart.add(json!({
            "resourceType": "Encounter", "id": self.id, "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": dice.pick(&["AMB", "EMER", "HH"])},
            "type": [concept(SNOMED, "162673000", "General examination of patient")],
            "subject": self.patient,
            "participant": [{"individual": self.practitioner}],
            "period": {"start": format!("{}T08:00:00+01:00", self.day), "end": format!("{}T08:40:00+01:00", self.day)},
            "serviceProvider": reference(&self.chart.organization),
        }));
    }

    fn observation(&mut self, dice: &mut Dice, category: &str, (code, name, unit, low, high): Measurement) -> String {
        let id = dice.uuid();
        let effective = self.time(dice);
        self.chart.add(json!({
            "resourceType": "Observation", "id": id, "status": "final",
            "category": [concept("http://terminology.hl7.org/CodeSystem/observation-category", category, category)],
            "code": concept(LOINC, code, name),
            "subject": self.patient, "encounter": reference(&self.id),
            "effectiveDateTime": effective, "issued": effective,
            "valueQuantity": {"value": decimal(dice.between(low, high), 2), "unit": unit, "system": UCUM, "code": unit},
        }));
        id
    }

    fn vitals(&mut self, dice: &mut Dice) {
        for measurement in VITALS {
            self.observation(dice, "vital-signs", *measurement);
        }
        let pressure = |code, name, value: u64| json!({"code": concept(LOINC, code, name), "valueQuantity": {"value": value, "unit": "mm[Hg]", "system": UCUM, "code": "mm[Hg]"}});
        let components = [
            pressure("8480-6", "Systolic Blood Pressure", dice.between(95, 175)),
            pressure("8462-4", "Diastolic Blood Pressure", dice.between(55, 105)),
        ];
        let effective = self.time(dice);
        self.chart.add(json!({
            "resourceType": "Observation", "id": dice.uuid(), "status": "final",
            "category": [concept("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs", "vital-signs")],
            "code": concept(LOINC, "85354-9", "Blood Pressure"),
            "subject": self.patient, "encounter": reference(&self.id),
            "effectiveDateTime": effective, "component": components,
        }));
    }

    fn laboratory(&mut self, dice: &mut Dice) {
        let results: Vec<_> = LABORATORY
            .iter()
            .map(|measurement| reference(&self.observation(dice, "laboratory", *measurement)))
            .collect();
        let effective = self.time(dice);
        self.chart.add(json!({
            "resourceType": "DiagnosticReport", "id": dice.uuid(), "status": "final",
            "code": concept(LOINC, "51990-0", "Basic Metabolic Panel"),
            "subject": self.patient, "encounter": reference(&self.id),
            "effectiveDateTime": effective, "issued": effective, "result": results,
            "conclusion": dice.pick(&["Within normal limits.", "Glucose slightly raised; repeat fasting."]),
        }));
    }

    fn procedure(&mut self, dice: &mut Dice) {
        self.chart.add(json!({
            "resourceType": "Procedure", "id": dice.uuid(), "status": "completed",
            "code": concept(SNOMED, "430193006", "Medication Reconciliation (procedure)"),
            "subject": self.patient, "encounter": reference(&self.id),
            "performedPeriod": {"start": self.time(dice), "end": self.time(dice)},
        }));
    }

    fn treatment(&mut self, dice: &mut Dice) {
        let (code, name) = dice.pick(MEDICATIONS);
        self.chart.add(json!({
            "resourceType": "MedicationRequest", "id": dice.uuid(),
            "status": dice.pick(&["active", "stopped", "completed"]), "intent": "order",
            "medicationCodeableConcept": concept(RXNORM, code, name),
            "subject": self.patient, "encounter": reference(&self.id), "authoredOn": self.time(dice),
            "requester": self.practitioner,
            "dosageInstruction": [{"sequence": 1, "text": "1 tablet by mouth",
                "timing": {"repeat": {"frequency": dice.between(1, 3), "period": decimal(10, 1), "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": decimal(dice.pick(&[50, 100, 150]), 2), "unit": "tablet"}}]}],
            "note": [{"authorReference": self.practitioner, "time": self.time(dice), "text": "Take with food."}],
        }));
        if dice.chance(60) {
            self.chart.add(json!({
                "resourceType": "Immunization", "id": dice.uuid(), "status": "completed",
                "vaccineCode": concept("http://hl7.org/fhir/sid/cvx", "140", "Influenza, seasonal, injectable, preservative free"),
                "patient": self.patient, "encounter": reference(&self.id), "occurrenceDateTime": self.time(dice),
                "primarySource": true, "doseQuantity": {"value": decimal(50, 2), "unit": "mL"},
            }));
        }
    }

    fn note(&mut self, dice: &mut Dice) {
        let text = format!("{}\n\n{}", dice.pick(NOTES), dice.pick(NOTES));
        self.chart.add(json!({
            "resourceType": "DocumentReference", "id": dice.uuid(), "status": "current", "docStatus": "final",
            "type": concept(LOINC, "34117-2", "History and physical note"),
            "subject": self.patient, "date": self.time(dice), "author": [self.practitioner],
            "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": STANDARD.encode(text), "title": "Visit note"}}],
            "context": {"encounter": [reference(&self.id)]},
        }));
    }
}
