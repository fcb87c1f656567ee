//! What a clinician enters with typed edits: stored, shown, queued and checked as one.

use client_core::clinical::{
    Concept, Dosage, NewActivity, NewAllergy, NewCarePlan, NewEncounter, NewFlag, NewImmunization, NewMedication,
    NewNote, NewPatient, NewProblem, NewProcedure, NewReferral, NewResult, NewTask, Quantity, ResultValue, TaskStep,
};
use client_core::{
    ActReceipt, ChartRef, Device, DeviceError, Occasion, Registration, ResourceKey, VitalReading, duplicates,
};
use serde_json::{Value, json};
use sync_protocol::Compartment;

use crate::relay::Relay;
use crate::world::{Node, START};

fn node() -> (Node, ChartRef) {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    let new = NewPatient {
        family: Some("Okonkwo".into()),
        given: vec!["Chidi".into()],
        birth_date: Some("1960-04-02".into()),
        gender: Some("male".into()),
        ..NewPatient::default()
    };
    let chart = node.device.register_patient(&new, START).unwrap();
    (node, chart)
}

fn words(text: &str) -> Concept {
    Concept::words(text)
}

fn id(receipt: &ActReceipt) -> String {
    receipt.resources[0].id.clone()
}

fn read(device: &mut Device, chart: &ChartRef, receipt: &ActReceipt) -> Value {
    device.resource(chart, &receipt.resources[0], START).unwrap()
}

fn medication() -> NewMedication {
    let dosage = Dosage { text: "1 tablet a day".into(), frequency: Some(1), ..Dosage::default() };
    NewMedication { medication: words("Warfarin 5 mg"), dosage, ..NewMedication::default() }
}

#[test]
fn each_use_case_makes_a_resource_that_is_shown_and_queued_in_one_change() {
    let (mut node, chart) = node();
    let (at, device) = (Occasion::new(&chart, START), &mut node.device);
    let text = || Some("a remark".to_owned());
    let problem = NewProblem { problem: words("Asthma"), note: text(), ..NewProblem::default() };
    let vaccine = NewImmunization { vaccine: words("BCG"), lot: Some("L1".into()), ..NewImmunization::default() };
    let procedure = NewProcedure { procedure: words("Suture"), ..NewProcedure::default() };
    let result = NewResult {
        test: words("Haemoglobin"),
        value: ResultValue::Quantity(Quantity { value: 12.into(), unit: "g/dL".into() }),
        collected: None,
        preliminary: false,
        expected: None,
        note: None,
    };
    let plan = NewCarePlan { title: "Asthma plan".into(), ..NewCarePlan::default() };
    let task = NewTask { description: "Call back".into(), due: Some("2024-05-01".into()), ..NewTask::default() };
    let done = [
        device.record_allergy(&at, &NewAllergy { substance: words("Penicillin"), ..NewAllergy::default() }).unwrap(),
        device.record_problem(&at, &problem).unwrap(),
        device.start_medication(&at, &medication()).unwrap(),
        device.record_immunization(&at, &vaccine).unwrap(),
        device.record_procedure(&at, &procedure).unwrap(),
        device.record_result(&at, &result).unwrap(),
        device.start_care_plan(&at, &plan).unwrap(),
        device.add_task(&at, &task).unwrap(),
        device.raise_flag(&at, &NewFlag { warning: words("Falls"), category: None }).unwrap(),
        device.write_note(&at, &NewNote { text: "Seen.".into(), ..NewNote::default() }).unwrap(),
        device.open_encounter(&at, &NewEncounter::default()).unwrap(),
    ];
    assert!(done.iter().all(|one| one.changes.len() == 1 && one.resources.len() == 1));
    assert_eq!(device.status(START).unwrap().unsent, 12, "one change each, and the registration");
    let shown = device.chart(&chart, START).unwrap();
    for receipt in &done {
        let key = &receipt.resources[0];
        let group = shown.groups.iter().find(|group| group.resource_type == key.resource_type);
        assert!(group.is_some_and(|group| group.resources.iter().any(|entry| entry.key == *key)), "{key}");
    }
    let plan = id(&done[6]);
    device.add_activity(&at, &plan, &NewActivity { description: "Inhaler".into(), when: None }).unwrap();
    let read = device.resource(&chart, &done[6].resources[0], START).unwrap();
    assert_eq!(read["activity"][0]["detail"]["description"], "Inhaler");
}

#[test]
fn a_medicine_is_started_changed_and_stopped_with_reasons_that_the_history_keeps() {
    let (mut node, chart) = node();
    let (at, device) = (Occasion::new(&chart, START), &mut node.device);
    let started = device.start_medication(&at, &medication()).unwrap();
    let more = Dosage { text: "2 tablets a day".into(), frequency: Some(2), ..Dosage::default() };
    assert!(matches!(device.change_dose(&at, &id(&started), &more, " "), Err(DeviceError::Clinical(_))));
    device.change_dose(&at, &id(&started), &more, "INR 1.4").unwrap();
    device.stop_medication(&at, &id(&started), "bleeding").unwrap();
    let order = read(device, &chart, &started);
    assert_eq!(order["status"], "stopped");
    assert_eq!(order["dosageInstruction"][0]["text"], "2 tablets a day");
    let refused = device.stop_medication(&at, &id(&started), "again").unwrap_err();
    assert!(refused.to_string().starts_with("MedicationRequest.status "), "{refused}");
    let history = device.history(&chart, Some(&started.resources[0]), START).unwrap();
    let reasons: Vec<_> = history.iter().map(|entry| entry.message.as_deref()).collect();
    assert_eq!(reasons, [None, Some("INR 1.4"), Some("bleeding")]);
    assert!(history.iter().all(|entry| entry.signed));
}

#[test]
fn what_is_entered_in_a_visit_goes_to_its_document() {
    let (mut node, chart) = node();
    let at = Occasion::new(&chart, START);
    let visit = node.device.open_encounter(&at, &NewEncounter::default()).unwrap();
    let visit_id = id(&visit);
    let inside = at.during(&visit_id);
    let pulse = VitalReading { loinc: "8867-4".into(), value: 72.into(), unit: None };
    let vitals = node.device.record_vitals(&inside, &[pulse], None).unwrap();
    assert_eq!(vitals.changes[0].0, visit.changes[0].0);
    let note = NewNote { text: "Well.".into(), ..NewNote::default() };
    assert_eq!(node.device.write_note(&inside, &note).unwrap().changes[0].0, visit.changes[0].0);
    node.device.close_encounter(&at, &visit_id).unwrap();
    assert_eq!(read(&mut node.device, &chart, &visit)["status"], "finished");
    let nowhere = node.device.write_note(&at.during("no-such-visit"), &note);
    assert!(matches!(nowhere, Err(DeviceError::UnknownResource { .. })));
}

#[test]
fn vital_signs_that_no_living_person_has_are_refused_and_unusual_ones_pointed_out() {
    let (mut node, chart) = node();
    let at = Occasion::new(&chart, START);
    let reading = |loinc: &str, value: &str, unit: &str| VitalReading {
        loinc: loinc.into(),
        value: value.parse().unwrap(),
        unit: Some(unit.into()),
    };
    let fever = [reading("8310-5", "104.9", "[degF]")];
    let warned = VitalReading::check(&fever, START).unwrap();
    assert_eq!(warned[0].problem, "is unusually high");
    assert_eq!(node.device.record_vitals(&at, &fever, None).unwrap().warnings, warned);
    let unsent = node.device.status(START).unwrap().unsent;
    let impossible = node.device.record_vitals(&at, &[reading("8310-5", "71", "Cel")], None).unwrap_err();
    assert!(impossible.to_string().starts_with("Observation.valueQuantity.value is not possible"), "{impossible}");
    let half = node.device.record_vitals(&at, &[reading("8480-6", "120", "mm[Hg]")], None).unwrap_err();
    assert!(half.to_string().starts_with("Observation.component[1] is missing"), "{half}");
    assert_eq!(node.device.status(START).unwrap().unsent, unsent, "nothing of it was stored");
    let both = [reading("8480-6", "120", "mm[Hg]"), reading("8462-4", "80", "mm[Hg]")];
    let pressure = node.device.record_vitals(&at, &both, None).unwrap();
    let shown = read(&mut node.device, &chart, &pressure);
    assert_eq!(shown["component"][0]["valueQuantity"]["code"], "mm[Hg]");
    assert_eq!(shown["component"][1]["valueQuantity"]["value"], json!(80));
}

#[test]
fn a_referral_is_a_request_and_a_task_in_the_workflow_document_and_is_accepted() {
    let (mut node, chart) = node();
    let at = Occasion::new(&chart, START);
    let new = NewReferral { service: words("Cardiology"), organization: "south".into(), ..NewReferral::default() };
    let referred = node.device.refer(&at, &new).unwrap();
    let types: Vec<_> = referred.resources.iter().map(|key| key.resource_type.as_str()).collect();
    assert_eq!(types, ["ServiceRequest", "Task"]);
    assert_eq!(referred.changes.len(), 1);
    assert_eq!(referred.changes[0].0, node.document(&chart, Compartment::Workflow));
    let task = referred.resources[1].id.clone();
    let silent = node.device.move_task(&at, &task, TaskStep::Reject, None);
    assert!(matches!(silent, Err(DeviceError::Clinical(_))), "no is explained");
    node.device.move_task(&at, &task, TaskStep::Accept, None).unwrap();
    let shown = node.device.resource(&chart, &referred.resources[1], START).unwrap();
    assert_eq!(shown["status"], "accepted");
}

#[test]
fn a_signed_note_is_amended_and_not_rewritten_by_any_way() {
    let (mut node, chart) = node();
    let at = Occasion::new(&chart, START);
    let note = node.device.write_note(&at, &NewNote { text: "Stable.".into(), ..NewNote::default() }).unwrap();
    let key = note.resources[0].clone();
    node.device.sign_note(&at, &key.id).unwrap();
    let mut rewritten = node.device.resource(&chart, &key, START).unwrap();
    rewritten["content"][0]["attachment"]["data"] = json!("YQ==");
    let path = "content[0].attachment.data".parse().unwrap();
    let tries = [
        node.device.put_resource(&chart, &rewritten, START),
        node.device.set_element(&chart, &key, &path, json!("YQ=="), START),
        node.device.append_to_note(&chart, &key, "more", START),
        node.device.set_element(&chart, &key, &"docStatus".parse().unwrap(), json!("preliminary"), START),
    ];
    for tried in tries {
        assert_eq!(tried.unwrap_err().to_string(), format!("{key} is signed: amend it"));
    }
    let amended = node.device.amend_note(&at, &key.id, "It was the left knee.", "side was wrong").unwrap();
    assert_eq!(amended.resources.len(), 2);
    let addition = node.device.resource(&chart, &amended.resources[1], START).unwrap();
    assert_eq!(addition["relatesTo"][0]["target"]["reference"], key.to_string());
    assert_eq!(node.device.resource(&chart, &key, START).unwrap()["docStatus"], "amended");
}

#[test]
fn what_is_put_is_checked_against_r4_and_extensions_that_nobody_knows_survive() {
    let (mut node, chart) = node();
    let mut flag = json!({"resourceType": "Flag", "id": "f", "status": "active", "code": {"text": "Dog"},
        "subject": {"reference": format!("Patient/{}", chart.patient)},
        "extension": [{"url": "https://elsewhere.example/x", "valueDecimal": 1}]});
    node.device.put_resource(&chart, &flag, START).unwrap();
    assert_eq!(node.device.resource(&chart, &ResourceKey::new("Flag", "f"), START).unwrap(), flag);
    flag["period"] = json!({"start": "yesterday"});
    let error = node.device.put_resource(&chart, &flag, START).unwrap_err();
    assert!(error.to_string().starts_with("Flag.period.start "), "{error}");
    let key = ResourceKey::new("Flag", "f");
    let error = node.device.set_element(&chart, &key, &"status".parse().unwrap(), json!("up"), START).unwrap_err();
    assert!(error.to_string().starts_with("Flag.status "), "{error}");
}

#[test]
fn a_person_who_is_registered_already_is_found_offline_and_may_be_registered_anyway() {
    let (mut node, chart) = node();
    let again = NewPatient {
        family: Some("Okonkwó".into()),
        given: vec!["Chidi".into()],
        birth_date: Some("1960-02-04".into()),
        gender: Some("male".into()),
        ..NewPatient::default()
    };
    let known = match node.device.register_unless_known(&again, duplicates::POSSIBLE, START).unwrap() {
        Registration::Known(known) => known,
        Registration::Registered(_) => panic!("registered twice"),
    };
    assert_eq!((known.len(), &known[0].patient.chart), (1, &chart));
    assert!(known[0].found.reasons.contains(&duplicates::MatchReason::DayAndMonthSwapped));
    assert_eq!(node.device.status(START).unwrap().patients, 1);
    let other = NewPatient { family: Some("Lindqvist".into()), ..NewPatient::default() };
    let registered = node.device.register_unless_known(&other, duplicates::POSSIBLE, START).unwrap();
    assert!(matches!(registered, Registration::Registered(_)));
    let twin = node.device.register_patient(&again, START).unwrap();
    let likely = node.device.duplicates_of(&twin, duplicates::LIKELY, START).unwrap();
    assert_eq!((likely.len(), &likely[0].patient.chart), (1, &chart));
    let nobody = node.device.register_patient(&NewPatient::default(), START).unwrap_err();
    assert!(nobody.to_string().starts_with("Patient.name is missing"), "{nobody}");
}

#[test]
fn the_trail_says_of_each_act_which_chart_and_documents() {
    let (mut node, chart) = node();
    let allergy = NewAllergy { substance: words("Latex"), ..NewAllergy::default() };
    let done = node.device.record_allergy(&Occasion::new(&chart, START), &allergy).unwrap();
    let trail = node.device.trail(0, 10).unwrap();
    let newest = &trail.last().unwrap().entry;
    assert_eq!((newest.action.as_str(), newest.patient.as_ref()), ("edit", Some(&chart.patient)));
    assert_eq!(newest.documents, [done.changes[0].0]);
    assert!(!format!("{trail:?}").contains("Latex"));
}
