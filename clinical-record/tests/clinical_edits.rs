//! What a clinician does in the field, as edits of FHIR resources.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use clinical_record::clinical::*;
use clinical_record::{Compartment, RecordDocument, ResourceKey, validate};
use serde_json::{Number, Value, json};

const SNOMED: &str = "http://snomed.info/sct";

fn entry(id: &str) -> Entry<'_> {
    Entry { patient: "p1", encounter: Some("e1"), author: "nurse", now: "2024-05-06T07:08:09+02:00", id }
}

fn number(literal: &str) -> Number {
    serde_json::from_str(literal).unwrap()
}

/// The only resource of an edit, checked to be valid, of the patient, and in the compartment.
fn only(edit: Result<ClinicalEdit, ClinicalError>, compartment: Compartment) -> Value {
    let edit = edit.unwrap();
    assert_eq!(edit.resources.len(), 1);
    let (key, resource) = edit.resources.into_iter().next().unwrap();
    assert_eq!((key.compartment, key.patient.as_deref()), (compartment, Some("p1")));
    assert_eq!(validate(&resource), []);
    resource
}

fn refusal(edit: Result<ClinicalEdit, ClinicalError>) -> String {
    edit.err().unwrap().path
}

fn words(text: &str) -> Concept {
    Concept::words(text)
}

#[test]
fn a_patient_is_registered_with_what_is_known() {
    let new = NewPatient {
        family: Some(" Diallo ".into()),
        given: vec!["Fatou".into()],
        birth_date: Some("1984-03".into()),
        gender: Some("female".into()),
        identifiers: vec![PersonIdentifier { system: Some("urn:mrn".into()), value: "7".into() }],
        phone: Some("555".into()),
        address: vec!["Near the well".into()],
        city: Some("Kolda".into()),
        organization: Some("clinic".into()),
    };
    let patient = only(register_patient(&entry("p1"), &new), Compartment::PatientIndex);
    assert_eq!(patient["name"], json!([{"use": "official", "family": "Diallo", "given": ["Fatou"]}]));
    assert_eq!(
        (&patient["birthDate"], &patient["managingOrganization"]["reference"]),
        (&json!("1984-03"), &json!("Organization/clinic"))
    );
    let with = |change: &dyn Fn(&mut NewPatient)| {
        let mut new = new.clone();
        change(&mut new);
        refusal(register_patient(&entry("p1"), &new))
    };
    assert_eq!(refusal(register_patient(&entry("p1"), &NewPatient::default())), "Patient.name");
    let ahead = NewPatient { birth_date: Some("2031-01-01".into()), family: Some("A".into()), ..NewPatient::default() };
    let warnings = register_patient(&entry("p"), &ahead).unwrap().warnings;
    assert_eq!(warnings[0].path, "Patient.birthDate", "a clock may be wrong: pointed out, not refused");
    assert_eq!(with(&|new| new.birth_date = Some("1984-02-30".into())), "Patient.birthDate");
    assert_eq!(with(&|new| new.gender = Some("f".into())), "Patient.gender");
    assert_eq!(with(&|new| new.given = vec!["A".into(), " ".into()]), "Patient.name[0].given[1]");
    assert_eq!(with(&|new| new.identifiers[0].value.clear()), "Patient.identifier[0].value");
}

#[test]
fn an_allergy_says_to_what_how_dangerous_and_what_was_seen() {
    let new = NewAllergy {
        substance: Concept::code(SNOMED, "91936005", "Allergy to penicillin"),
        category: Some("medication".into()),
        criticality: Some(Criticality::High),
        confirmed: true,
        manifestations: vec![words("Urticaria")],
        severity: Some("moderate".into()),
        ..NewAllergy::default()
    };
    let allergy = only(record_allergy(&entry("a1"), &new), Compartment::Core);
    assert_eq!(allergy["criticality"], "high");
    assert_eq!(allergy["verificationStatus"]["coding"][0]["code"], "confirmed");
    assert_eq!(allergy["encounter"]["reference"], "Encounter/e1");
    let nothing = NewAllergy::default();
    assert_eq!(refusal(record_allergy(&entry("a1"), &nothing)), "AllergyIntolerance.code");
    let mut severity_only = new.clone();
    severity_only.manifestations.clear();
    assert_eq!(refusal(record_allergy(&entry("a1"), &severity_only)), "AllergyIntolerance.reaction[0].manifestation");
    let wrong = NewAllergy { severity: Some("awful".into()), ..new };
    assert_eq!(refusal(record_allergy(&entry("a1"), &wrong)), "AllergyIntolerance.reaction[0].severity");
}

#[test]
fn a_problem_is_recorded_and_resolved_once() {
    let new = NewProblem { problem: words("Malaria"), confirmed: true, ..NewProblem::default() };
    let problem = only(record_problem(&entry("c1"), &new), Compartment::Core);
    let resolved =
        only(resolve_problem(&entry("-"), &problem, Some("2024-05-20"), Some("after treatment")), Compartment::Core);
    assert_eq!((&resolved["id"], &resolved["abatementDateTime"]), (&json!("c1"), &json!("2024-05-20")));
    assert_eq!(resolved["clinicalStatus"]["coding"][0]["code"], "resolved");
    let again = only(resolve_problem(&entry("-"), &resolved, None, None), Compartment::Core);
    assert_eq!(again["abatementDateTime"], "2024-05-20");
    assert_eq!(refusal(resolve_problem(&entry("-"), &json!({"resourceType": "Flag"}), None, None)), "Condition");
}

fn amoxicillin() -> NewMedication {
    NewMedication {
        medication: words("Amoxicillin"),
        dosage: Dosage {
            text: "1 capsule three times a day".into(),
            dose: Some(Quantity { value: number("500"), unit: "mg".into() }),
            frequency: Some(3),
            route: Some(words("by mouth")),
            ..Dosage::default()
        },
        reason: Some(words("Otitis media")),
        note: None,
    }
}

#[test]
fn a_medicine_is_started_changed_and_stopped_with_reasons() {
    let order = only(start_medication(&entry("m1"), &amoxicillin()), Compartment::Core);
    assert_eq!(
        order["dosageInstruction"][0]["timing"]["repeat"],
        json!({"frequency": 3, "period": 1, "periodUnit": "d"})
    );
    let dosage = Dosage { dose: Some(Quantity { value: number("1.50"), unit: "g".into() }), ..amoxicillin().dosage };
    let changed = change_dose(&entry("-"), &order, &dosage, "no effect so far").unwrap();
    assert_eq!(changed.reason.as_deref(), Some("no effect so far"));
    let changed = changed.resources[0].1.clone();
    assert_eq!(changed.pointer("/dosageInstruction/0/doseAndRate/0/doseQuantity/value").unwrap().to_string(), "1.50");
    let stopped = only(stop_medication(&entry("-"), &changed, "rash"), Compartment::Core);
    assert_eq!((&stopped["status"], &stopped["statusReason"]["text"]), (&json!("stopped"), &json!("rash")));
    assert_eq!(refusal(stop_medication(&entry("-"), &stopped, "again")), "MedicationRequest.status");
    assert_eq!(refusal(change_dose(&entry("-"), &stopped, &dosage, "why")), "MedicationRequest.status");
    assert_eq!(refusal(change_dose(&entry("-"), &order, &dosage, " ")), "MedicationRequest.note");
    let nothing = Dosage { dose: Some(Quantity { value: number("0"), unit: "g".into() }), ..dosage };
    let path = "MedicationRequest.dosageInstruction[0].doseAndRate[0].doseQuantity.value";
    assert_eq!(refusal(change_dose(&entry("-"), &order, &nothing, "why")), path);
}

#[test]
fn a_stop_and_a_dose_change_made_apart_leave_the_medicine_stopped_and_both_on_record() {
    let order = only(start_medication(&entry("m1"), &amoxicillin()), Compartment::Core);
    let mut nurse = RecordDocument::new();
    nurse.edit(b"a", 0, |edit| edit.put_resource(&order)).unwrap();
    let mut physician = nurse.clone();
    let stop = stop_medication(&entry("-"), &order, "rash").unwrap();
    let more = Dosage { frequency: Some(4), text: "four times a day".into(), ..amoxicillin().dosage };
    let change = change_dose(&entry("-"), &order, &more, "no effect").unwrap();
    let document = stop.resources[0].0.clone();
    nurse.edit(b"nurse", 1, |edit| stop.put_into(&document, edit)).unwrap();
    physician.edit(b"physician", 2, |edit| change.put_into(&document, edit)).unwrap();
    let sent = physician.changes_since(&[]).unwrap();
    nurse.apply(sent.iter().map(|change| change.bytes.as_slice())).unwrap();
    let merged = nurse.resource(&ResourceKey::new("MedicationRequest", "m1")).unwrap();
    assert_eq!(
        (&merged["status"], &merged["dosageInstruction"][0]["text"]),
        (&json!("stopped"), &json!("four times a day"))
    );
    assert_eq!((nurse.conflicts(), validate(&merged)), (vec![], vec![]));
    let reasons: Vec<_> = nurse.history(None).into_iter().filter_map(|entry| entry.message).collect();
    assert_eq!(reasons.len(), 2);
}

#[test]
fn a_vaccination_given_or_not_given_is_recorded() {
    let new = NewImmunization {
        vaccine: Concept::code("http://hl7.org/fhir/sid/cvx", "05", "measles"),
        lot: Some("L7".into()),
        expires: Some("2025-01-31".into()),
        dose: Some(Quantity { value: number("0.5"), unit: "mL".into() }),
        number: Some(1),
        ..NewImmunization::default()
    };
    let given = only(record_immunization(&entry("i1"), &new), Compartment::Core);
    assert_eq!(
        (&given["status"], &given["protocolApplied"][0]["doseNumberPositiveInt"]),
        (&json!("completed"), &json!(1))
    );
    let refused = NewImmunization { not_given: Some(words("fever")), ..new.clone() };
    assert_eq!(only(record_immunization(&entry("i1"), &refused), Compartment::Core)["status"], "not-done");
    let zero = NewImmunization { number: Some(0), ..new };
    assert_eq!(
        refusal(record_immunization(&entry("i1"), &zero)),
        "Immunization.protocolApplied[0].doseNumberPositiveInt"
    );
}

fn vital(loinc: &str, value: &str, unit: Option<&str>) -> Vital {
    Vital { loinc: loinc.into(), value: number(value), unit: unit.map(str::to_owned), id: format!("v-{loinc}") }
}

#[test]
fn vitals_become_observations_and_two_pressures_become_one() {
    let vitals = [
        vital("8867-4", "72", None),
        vital("8310-5", "98.60", Some("°F")),
        vital("8480-6", "120", None),
        vital("8462-4", "80", None),
    ];
    let edit = record_vitals(&entry("-"), &vitals, None).unwrap();
    assert_eq!((edit.resources.len(), edit.warnings.len()), (3, 0));
    assert!(edit.resources.iter().all(|(key, _)| key.compartment == Compartment::Encounter && key.part == "e1"));
    let temperature = &edit.resources[1].1["valueQuantity"];
    assert_eq!((temperature["value"].to_string().as_str(), &temperature["code"]), ("98.60", &json!("[degF]")));
    let pressure = &edit.resources[2].1;
    assert_eq!((&pressure["id"], pressure["component"].as_array().unwrap().len()), (&json!("v-8480-6"), 2));
}

#[test]
fn a_vital_sign_no_living_person_has_is_refused_and_an_unusual_one_pointed_out() {
    let one = |loinc, value, unit| record_vitals(&entry("-"), &[vital(loinc, value, unit)], None);
    assert_eq!(refusal(one("8310-5", "370", None)), "Observation.valueQuantity.value");
    assert_eq!(refusal(one("8310-5", "37", Some("°F"))), "Observation.valueQuantity.value");
    assert_eq!(refusal(one("29463-7", "-3", None)), "Observation.valueQuantity.value");
    assert_eq!(refusal(one("29463-7", "70", Some("stone"))), "Observation.valueQuantity.code");
    assert_eq!(refusal(one("1-1", "70", None)), "Observation.code.coding[0].code");
    assert_eq!(refusal(one("8480-6", "120", None)), "Observation.component[1]");
    let upside_down = [vital("8480-6", "80", None), vital("8462-4", "120", None)];
    assert_eq!(refusal(record_vitals(&entry("-"), &upside_down, None)), "Observation.component[1].valueQuantity.value");
    let twice = [vital("8867-4", "72", None), vital("8867-4", "74", None)];
    assert_eq!(refusal(record_vitals(&entry("-"), &twice, None)), "Observation.code");
    assert_eq!(refusal(record_vitals(&entry("-"), &[], None)), "Observation.code");
    let unusual = one("8310-5", "41.2", None).unwrap();
    assert_eq!(unusual.warnings[0].problem, "is unusually high");
    assert_eq!(one("8310-5", "37", None).unwrap().warnings, []);
}

#[test]
fn every_unit_of_every_vital_sign_has_usual_values_within_possible_ones() {
    for sign in VITAL_SIGNS {
        assert!(
            sign.possible.0 <= sign.usual.0 && sign.usual.0 < sign.usual.1 && sign.usual.1 <= sign.possible.1,
            "{}",
            sign.name
        );
        let first = &sign.units[0];
        assert!((first.factor, first.offset) == (1.0, 0.0), "{}", sign.name);
    }
}

#[test]
fn a_visit_is_opened_and_closed_once() {
    let open = only(
        open_encounter(&entry("e9"), &NewEncounter { class: Some("HH".into()), ..NewEncounter::default() }),
        Compartment::Encounter,
    );
    let later = Entry { now: "2024-05-06T08:00:00+02:00", author: "physician", ..entry("-") };
    let closed = only(close_encounter(&later, &open), Compartment::Encounter);
    assert_eq!(closed["period"], json!({"start": "2024-05-06T07:08:09+02:00", "end": "2024-05-06T08:00:00+02:00"}));
    assert_eq!((&closed["status"], closed["participant"].as_array().unwrap().len()), (&json!("finished"), 2));
    assert_eq!(refusal(close_encounter(&later, &closed)), "Encounter.status");
    let odd = NewEncounter { class: Some("BAR".into()), ..NewEncounter::default() };
    assert_eq!(refusal(open_encounter(&entry("e9"), &odd)), "Encounter.class.code");
}

#[test]
fn a_note_is_typed_by_two_people_at_once_and_signed() {
    let new = NewNote { text: "Wound clean.".into(), ..NewNote::default() };
    let note = only(add_note(&entry("n1"), &new), Compartment::Encounter);
    let key = ResourceKey::of(&note).unwrap();
    let mut nurse = RecordDocument::new();
    nurse.edit(b"nurse", 0, |edit| edit.put_resource(&note)).unwrap();
    let mut physician = nurse.clone();
    nurse.edit(b"nurse", 1, |edit| edit.append_text(&key, &note_text_path(), " No fever.")).unwrap();
    physician.edit(b"physician", 1, |edit| edit.splice_text(&key, &note_text_path(), 0, 5, "Left wound")).unwrap();
    let sent = physician.changes_since(&[]).unwrap();
    nurse.apply(sent.iter().map(|change| change.bytes.as_slice())).unwrap();
    let merged = nurse.resource(&key).unwrap();
    assert_eq!(text_of(&merged), "Left wound clean. No fever.");
    let signed = only(sign_note(&entry("-"), &merged), Compartment::Encounter);
    assert_eq!((&signed["docStatus"], text_of(&signed)), (&json!("final"), text_of(&merged)));
    assert_eq!(refusal(sign_note(&entry("-"), &signed)), "DocumentReference.docStatus");
    assert!(only(add_note(&entry("n2"), &NewNote::default()), Compartment::Encounter)["content"].is_array());
}

fn text_of(note: &Value) -> String {
    use base64::Engine;
    let data = note.pointer("/content/0/attachment/data").unwrap().as_str().unwrap();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data).unwrap()).unwrap()
}

#[test]
fn a_procedure_and_results_of_every_kind_are_recorded() {
    let new =
        NewProcedure { procedure: words("Wound dressing"), site: Some(words("left heel")), ..NewProcedure::default() };
    only(record_procedure(&entry("x1"), &new), Compartment::Encounter);
    let result = |value, expected| NewResult {
        test: words("Haemoglobin"),
        value,
        collected: None,
        preliminary: false,
        expected,
        note: None,
    };
    let quantity = || ResultValue::Quantity(Quantity { value: number("11.50"), unit: "g/dL".into() });
    let range = || Some((number("12"), number("15.5")));
    let measured = only(record_result(&entry("r1"), &result(quantity(), range())), Compartment::Results);
    assert_eq!(measured["referenceRange"][0]["high"]["unit"], "g/dL");
    only(record_result(&entry("r2"), &result(ResultValue::Concept(words("positive")), None)), Compartment::Results);
    only(record_result(&entry("r3"), &result(ResultValue::Text("turbid".into()), None)), Compartment::Results);
    assert_eq!(
        refusal(record_result(&entry("r4"), &result(ResultValue::Text(" ".into()), None))),
        "Observation.valueString"
    );
    let upside_down = Some((number("15"), number("12")));
    assert_eq!(
        refusal(record_result(&entry("r5"), &result(quantity(), upside_down))),
        "Observation.referenceRange[0].low"
    );
    assert_eq!(
        refusal(record_result(&entry("r6"), &result(ResultValue::Text("x".into()), range()))),
        "Observation.referenceRange[0]"
    );
}

#[test]
fn a_care_plan_grows_by_activities() {
    let activity = |text: &str| NewActivity { description: text.into(), when: Some("every morning".into()) };
    let new = NewCarePlan {
        title: "Diabetes".into(),
        problems: vec!["c1".into()],
        activities: vec![activity("Check feet")],
        ..NewCarePlan::default()
    };
    let plan = only(start_care_plan(&entry("cp"), &new), Compartment::Core);
    let grown = only(add_activity(&entry("-"), &plan, &activity("Measure glucose")), Compartment::Core);
    assert_eq!(grown["activity"].as_array().unwrap().len(), 2);
    assert_eq!(refusal(add_activity(&entry("-"), &grown, &activity(" "))), "CarePlan.activity[2].detail.description");
}

#[test]
fn a_task_moves_only_along_its_steps() {
    let new = NewTask {
        description: "Remove stitches".into(),
        due: Some("2024-05-16".into()),
        practitioner: Some("nurse".into()),
        ..NewTask::default()
    };
    let task = only(add_task(&entry("t1"), &new), Compartment::Workflow);
    let accepted = only(move_task(&entry("-"), &task, TaskStep::Accept, None), Compartment::Workflow);
    let done = only(move_task(&entry("-"), &accepted, TaskStep::Complete, None), Compartment::Workflow);
    for step in TaskStep::ALL {
        assert_eq!(refusal(move_task(&entry("-"), &done, step, Some("why"))), "Task.status", "{step:?}");
    }
    assert_eq!(refusal(move_task(&entry("-"), &task, TaskStep::Reject, None)), "Task.statusReason");
    assert_eq!(
        only(move_task(&entry("-"), &task, TaskStep::Reject, Some("no time")), Compartment::Workflow)["status"],
        "rejected"
    );
    let both = NewTask { organization: Some("o".into()), ..new };
    assert_eq!(refusal(add_task(&entry("t2"), &both)), "Task.owner");
}

#[test]
fn a_referral_is_a_request_and_a_task_for_the_organization_asked() {
    let new = NewReferral {
        service: words("Cataract surgery"),
        organization: "eye-clinic".into(),
        priority: Some("urgent".into()),
        task_id: "t7".into(),
        handed_over: vec!["Condition/c1".into()],
        ..NewReferral::default()
    };
    let edit = refer(&entry("s7"), &new).unwrap();
    let [request, task] = [&edit.resources[0], &edit.resources[1]];
    assert!(request.0 == task.0 && request.0.compartment == Compartment::Workflow);
    assert_eq!(
        (&task.1["focus"]["reference"], &task.1["owner"]["reference"]),
        (&json!("ServiceRequest/s7"), &json!("Organization/eye-clinic"))
    );
    assert_eq!(request.1["supportingInfo"], json!([{"reference": "Condition/c1"}]));
    only(move_task(&entry("-"), &task.1, TaskStep::Accept, None), Compartment::Workflow);
    let mut document = RecordDocument::new();
    document.edit(b"nurse", 0, |editor| edit.put_into(&request.0, editor)).unwrap();
    assert_eq!(document.resource_keys().len(), 2);
}

#[test]
fn a_flag_is_raised_and_lowered_with_a_reason() {
    let flag = only(raise_flag(&entry("f1"), &NewFlag { warning: words("Falls"), category: None }), Compartment::Core);
    assert_eq!(refusal(lower_flag(&entry("-"), &flag, "")), "Flag.status");
    let lowered = only(lower_flag(&entry("-"), &flag, "walks again"), Compartment::Core);
    assert_eq!(lowered["status"], "inactive");
    assert_eq!(refusal(lower_flag(&entry("-"), &lowered, "again")), "Flag.status");
}

#[test]
fn what_was_entered_in_error_is_not_edited() {
    let flag = only(raise_flag(&entry("f1"), &NewFlag { warning: words("Falls"), category: None }), Compartment::Core);
    let mut document = RecordDocument::new();
    let key = ResourceKey::of(&flag).unwrap();
    document.edit(b"nurse", 0, |edit| edit.put_resource(&flag)).unwrap();
    document.edit(b"nurse", 0, |edit| edit.mark_entered_in_error(&key)).unwrap();
    let retracted = document.resource(&key).unwrap();
    assert_eq!(refusal(lower_flag(&entry("-"), &retracted, "why")), "Flag");
}
