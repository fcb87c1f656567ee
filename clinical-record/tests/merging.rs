//! What merges by itself, what becomes a conflict, and how a conflict is settled.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use clinical_record::{
    DocumentEditor, ElementPath, FieldConflict, RecordDocument, RecordError, ResourceKey, Touch, merging_markdown,
};
use serde_json::{Value, json};

type Edit<'e> = &'e dyn Fn(&mut Value);

/// A document that starts with `resource`, edited apart by a nurse and a physician, then exchanged both ways.
struct Apart {
    nurse: RecordDocument,
    physician: RecordDocument,
    key: ResourceKey,
}

impl Apart {
    fn new(resource: &Value, nurse: Edit<'_>, physician: Edit<'_>) -> Self {
        let mut first = RecordDocument::new();
        first.edit(b"clerk", 1, |edit| edit.put_resource(resource)).unwrap();
        let key = ResourceKey::of(resource).unwrap();
        let mut apart = Self { nurse: first.clone(), physician: first, key };
        put(&mut apart.nurse, b"nurse", &apart.key, nurse);
        put(&mut apart.physician, b"physician", &apart.key, physician);
        apart.exchange();
        apart
    }

    fn exchange(&mut self) {
        let sent = [self.nurse.changes_since(&[]).unwrap(), self.physician.changes_since(&[]).unwrap()];
        for document in [&mut self.nurse, &mut self.physician] {
            for changes in &sent {
                document.apply(changes.iter().rev().map(|change| change.bytes.as_slice())).unwrap();
            }
        }
        assert_eq!(self.nurse.heads(), self.physician.heads());
        assert_eq!(self.nurse.conflicts(), self.physician.conflicts());
        assert_eq!(self.nurse.resource(&self.key), self.physician.resource(&self.key));
    }

    fn shown(&self) -> Value {
        self.nurse.resource(&self.key).unwrap()
    }

    fn only_conflict(&self) -> FieldConflict {
        let conflicts = self.nurse.conflicts();
        assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
        conflicts[0].clone()
    }

    fn settle(&mut self, path: &str, value: Option<&Value>) {
        let path: ElementPath = path.parse().unwrap();
        self.nurse.edit(b"nurse", 9, |edit| edit.settle(&self.key, &path, value, "asked the patient")).unwrap();
        self.exchange();
    }
}

fn put(document: &mut RecordDocument, actor: &[u8], key: &ResourceKey, change: Edit<'_>) {
    let mut resource = document.resource(key).unwrap();
    change(&mut resource);
    document.edit(actor, 5, |edit| edit.put_resource(&resource)).unwrap();
}

fn order() -> Value {
    json!({"resourceType": "MedicationRequest", "id": "m", "status": "active", "dosageInstruction": [{
        "text": "1 daily", "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}]}]})
}

#[test]
fn number_and_unit_of_a_dose_never_mix() {
    let number =
        |order: &mut Value| order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] = 10.into();
    let unit =
        |order: &mut Value| order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["unit"] = "mL".into();
    let mut apart = Apart::new(&order(), &number, &unit);
    let conflict = apart.only_conflict();
    assert_eq!((conflict.path.to_string().as_str(), conflict.mixed), ("dosageInstruction[0].doseAndRate[0]", false));
    let shown = apart.shown()["dosageInstruction"][0]["doseAndRate"][0].clone();
    let doses =
        [json!({"doseQuantity": {"value": 10, "unit": "mg"}}), json!({"doseQuantity": {"value": 5, "unit": "mL"}})];
    assert!(doses.contains(&shown) && doses.iter().all(|dose| conflict.values.iter().any(|one| one.value == *dose)));
    apart.settle("dosageInstruction[0].doseAndRate[0]", Some(&doses[0]));
    assert_eq!(apart.nurse.conflicts(), []);
    assert_eq!(apart.shown()["dosageInstruction"][0]["doseAndRate"][0], doses[0]);
}

#[test]
fn a_dose_and_its_frequency_changed_apart_are_a_conflict_over_the_instruction() {
    let dose = |order: &mut Value| order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] = 10.into();
    let timing = |order: &mut Value| order["dosageInstruction"][0]["timing"]["repeat"]["frequency"] = 3.into();
    let mut apart = Apart::new(&order(), &dose, &timing);
    let conflict = apart.only_conflict();
    assert_eq!((conflict.path.to_string().as_str(), conflict.mixed), ("dosageInstruction", true));
    let mut wanted = [order(), order()];
    dose(&mut wanted[0]);
    timing(&mut wanted[1]);
    for (wanted, author) in wanted.iter().zip([&b"nurse"[..], b"physician"]) {
        let side = conflict.values.iter().find(|side| side.actor == author).unwrap();
        assert_eq!((&side.value, side.time_ms), (&wanted["dosageInstruction"], 5));
    }
    apart.settle("dosageInstruction", Some(&wanted[1]["dosageInstruction"]));
    assert_eq!((apart.nurse.conflicts(), apart.shown()), (vec![], wanted[1].clone()));
}

#[test]
fn two_instructions_added_apart_do_not_add_up_in_silence() {
    let add = |text: &'static str| {
        move |order: &mut Value| order["dosageInstruction"].as_array_mut().unwrap().push(json!({"text": text}))
    };
    let apart = Apart::new(&order(), &add("1 at noon"), &add("2 at night"));
    assert_eq!(apart.shown()["dosageInstruction"].as_array().unwrap().len(), 3);
    let conflict = apart.only_conflict();
    assert_eq!((conflict.path.to_string().as_str(), conflict.values.len()), ("dosageInstruction", 2));
    assert!(conflict.values.iter().all(|side| side.value.as_array().unwrap().len() == 2));
}

#[test]
fn one_author_who_changes_dose_and_frequency_is_no_conflict() {
    let both = |order: &mut Value| {
        order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] = 10.into();
        order["dosageInstruction"][0]["timing"]["repeat"]["frequency"] = 3.into();
    };
    let apart = Apart::new(&order(), &both, &|order| order["priority"] = "urgent".into());
    assert_eq!(apart.nurse.conflicts(), []);
    assert_eq!(apart.shown()["priority"], "urgent");
}

#[test]
fn an_instruction_conflict_ends_when_someone_who_saw_both_replaces_a_part() {
    let dose = |order: &mut Value| order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] = 10.into();
    let timing = |order: &mut Value| order["dosageInstruction"][0]["timing"]["repeat"]["frequency"] = 3.into();
    let mut apart = Apart::new(&order(), &dose, &timing);
    let unrelated = |order: &mut Value| order["priority"] = "urgent".into();
    put(&mut apart.nurse, b"nurse", &apart.key, &unrelated);
    apart.exchange();
    assert_eq!(apart.only_conflict().path.to_string(), "dosageInstruction");
}

#[test]
fn reactions_begun_apart_are_shown_together_and_equal_ones_once() {
    let allergy = json!({"resourceType": "AllergyIntolerance", "id": "a", "code": {"text": "Penicillin"}});
    let rash = json!({"manifestation": [{"text": "Rash"}]});
    let (wheeze, shock) = (json!({"manifestation": [{"text": "Wheeze"}]}), json!({"severity": "severe"}));
    let nurse = |one: &mut Value| one["reaction"] = json!([rash, wheeze]);
    let physician = |one: &mut Value| one["reaction"] = json!([shock, rash]);
    let mut apart = Apart::new(&allergy, &nurse, &physician);
    assert_eq!(apart.nurse.conflicts(), []);
    let shown = apart.shown()["reaction"].as_array().unwrap().clone();
    assert_eq!(shown.len(), 3);
    assert!([&rash, &wheeze, &shock].iter().all(|one| shown.contains(one)));
    // Editing an entry that only the list not chosen by the engine holds.
    let last = shown.len() - 1;
    let severity = |one: &mut Value| one["reaction"][last]["severity"] = "mild".into();
    put(&mut apart.physician, b"physician", &apart.key, &severity);
    apart.exchange();
    let mut expected = shown.clone();
    expected[last]["severity"] = "mild".into();
    assert_eq!(apart.shown()["reaction"], Value::Array(expected));
    assert_eq!((apart.nurse.conflicts(), apart.nurse.overridden_edits()), (vec![], vec![]));
}

#[test]
fn a_position_in_a_collection_begun_apart_means_what_everybody_sees() {
    let allergy = json!({"resourceType": "AllergyIntolerance", "id": "a"});
    let nurse = |one: &mut Value| one["note"] = json!([{"text": "nurse"}]);
    let physician = |one: &mut Value| one["note"] = json!([{"text": "physician"}]);
    let mut apart = Apart::new(&allergy, &nurse, &physician);
    let second = apart.shown()["note"][1]["text"].as_str().unwrap().to_owned();
    let path = "note[1].text".parse().unwrap();
    apart.nurse.edit(b"nurse", 7, |edit| edit.append_text(&apart.key, &path, "!")).unwrap();
    apart.exchange();
    assert_eq!(apart.shown()["note"][1]["text"], format!("{second}!"));
    assert_eq!(apart.shown()["note"].as_array().unwrap().len(), 2);
}

#[test]
fn codings_added_apart_merge_and_one_coding_changed_twice_is_a_conflict() {
    let coding = |code: &str| json!({"system": "http://snomed.info/sct", "code": code, "display": code});
    let problem = json!({"resourceType": "Condition", "id": "c", "code": {"coding": [coding("1")]}});
    let add = |code: &'static str| {
        let coding = coding(code);
        move |one: &mut Value| one["code"]["coding"].as_array_mut().unwrap().push(coding.clone())
    };
    let apart = Apart::new(&problem, &add("2"), &add("3"));
    assert_eq!((apart.nurse.conflicts(), apart.shown()["code"]["coding"].as_array().unwrap().len()), (vec![], 3));
    let code = |one: &mut Value| one["code"]["coding"][0]["code"] = "8".into();
    let display = |one: &mut Value| one["code"]["coding"][0]["display"] = "9".into();
    let apart = Apart::new(&problem, &code, &display);
    assert_eq!(apart.only_conflict().path.to_string(), "code.coding[0]");
}

#[test]
fn criticality_verification_identity_and_death_are_conflicts() {
    let verification = |code: &str| json!({"coding": [{"system": "http://s", "code": code}]});
    let allergy =
        json!({"resourceType": "AllergyIntolerance", "id": "a", "verificationStatus": verification("unconfirmed")});
    let patient = json!({"resourceType": "Patient", "id": "p", "birthDate": "1970-01-02", "gender": "female"});
    for (resource, element, one, other) in [
        (&allergy, "criticality", json!("high"), json!("low")),
        (&allergy, "verificationStatus", verification("confirmed"), verification("refuted")),
        (&patient, "birthDate", json!("1970-02-01"), json!("1971-01-02")),
        (&patient, "gender", json!("male"), json!("other")),
        (&patient, "deceasedBoolean", json!(true), json!(false)),
    ] {
        let apart =
            Apart::new(resource, &|value| value[element] = one.clone(), &|value| value[element] = other.clone());
        let conflict = apart.only_conflict();
        assert_eq!(conflict.path.to_string(), element);
        assert_eq!(conflict.values.len(), 2);
        assert!([&one, &other].iter().all(|value| conflict.values.iter().any(|side| side.value == **value)));
    }
}

#[test]
fn a_death_entered_in_two_forms_is_a_conflict_until_one_is_chosen() {
    let patient = json!({"resourceType": "Patient", "id": "p"});
    let alive = |one: &mut Value| one["deceasedBoolean"] = false.into();
    let dead = |one: &mut Value| one["deceasedDateTime"] = "2024-03-01".into();
    for chosen in [json!({"deceasedBoolean": false}), json!({"deceasedDateTime": "2024-03-01"})] {
        let mut apart = Apart::new(&patient, &alive, &dead);
        let conflict = apart.only_conflict();
        assert_eq!((conflict.path.to_string().as_str(), conflict.values.len()), ("deceased[x]", 2));
        apart.settle("deceased[x]", Some(&chosen));
        let mut expected = patient.clone();
        expected.as_object_mut().unwrap().extend(chosen.as_object().unwrap().clone());
        assert_eq!((apart.nurse.conflicts(), apart.shown()), (vec![], expected));
    }
}

#[test]
fn a_choice_settled_differently_apart_is_asked_again_and_nothing_is_lost() {
    let patient = json!({"resourceType": "Patient", "id": "p"});
    let alive = |one: &mut Value| one["deceasedBoolean"] = false.into();
    let dead = |one: &mut Value| one["deceasedDateTime"] = "2024-03-01".into();
    let mut apart = Apart::new(&patient, &alive, &dead);
    let path: ElementPath = "deceased[x]".parse().unwrap();
    let key = apart.key.clone();
    let settle = |document: &mut RecordDocument, actor: &[u8], value: &Value| {
        document.edit(actor, 9, |edit| edit.settle(&key, &path, Some(value), "checked")).unwrap();
    };
    settle(&mut apart.nurse, b"nurse", &json!({"deceasedBoolean": false}));
    settle(&mut apart.physician, b"physician", &json!({"deceasedDateTime": "2024-03-01"}));
    apart.exchange();
    assert_eq!(apart.only_conflict().values.len(), 2);
}

#[test]
fn settling_alike_apart_ends_the_conflict_and_settling_differently_makes_a_new_one() {
    for (first, second, left) in [("stopped", "stopped", 0), ("stopped", "on-hold", 1)] {
        let mut apart = Apart::new(&order(), &|order| order["status"] = "stopped".into(), &|order| {
            order["status"] = "on-hold".into();
        });
        let (key, path) = (apart.key.clone(), "status".parse().unwrap());
        let decide = |value: &'static str| {
            let (key, path) = (key.clone(), &path);
            move |edit: &mut DocumentEditor<'_>| edit.settle(&key, path, Some(&value.into()), "by telephone")
        };
        apart.nurse.edit(b"nurse", 8, decide(first)).unwrap();
        apart.physician.edit(b"physician", 8, decide(second)).unwrap();
        apart.exchange();
        assert_eq!(apart.nurse.conflicts().len(), left, "{first} {second}");
        let reasons = apart.nurse.history(Some(&key)).into_iter().filter_map(|entry| entry.message).count();
        assert_eq!(reasons, 2);
    }
}

#[test]
fn settling_needs_a_reason_and_the_right_resource() {
    let mut apart =
        Apart::new(&order(), &|order| order["status"] = "stopped".into(), &|order| order["status"] = "on-hold".into());
    let (key, path) = (apart.key.clone(), "status".parse().unwrap());
    let blank = apart.nurse.edit(b"nurse", 9, |edit| edit.settle(&key, &path, None, "  "));
    assert_eq!(blank.unwrap_err(), RecordError::NoReason);
    let other = json!({"resourceType": "MedicationRequest", "id": "other"});
    let wrong = apart.nurse.edit(b"nurse", 9, |edit| edit.settle(&key, &ElementPath::default(), Some(&other), "why"));
    assert!(matches!(wrong.unwrap_err(), RecordError::NotAResource(_)));
    assert_eq!(apart.nurse.conflicts().len(), 1);
}

#[test]
fn bookkeeping_never_asks_a_clinician() {
    let apart = Apart::new(
        &json!({"resourceType": "Basic", "id": "b", "meta": {"lastUpdated": "2024-01-01T00:00:00Z"}}),
        &|one| one["meta"]["lastUpdated"] = "2024-01-02T00:00:00Z".into(),
        &|one| one["meta"]["lastUpdated"] = "2024-01-03T00:00:00Z".into(),
    );
    assert_eq!(apart.nurse.conflicts(), []);
    let written: Vec<_> = apart.nurse.history(None).into_iter().flat_map(|entry| entry.touched).collect();
    assert!(written.iter().any(|touch| touch.what == Touch::Set("2024-01-02T00:00:00Z".into())));
    assert!(written.iter().any(|touch| touch.what == Touch::Set("2024-01-03T00:00:00Z".into())));
}

#[test]
fn an_entry_added_behind_one_that_someone_removes_undoes_no_removal() {
    let allergy = json!({"resourceType": "AllergyIntolerance", "id": "a", "reaction": [{"severity": "mild"}, {"severity": "severe"}]});
    let remove = |one: &mut Value| drop(one["reaction"].as_array_mut().unwrap().pop());
    let add = |one: &mut Value| one["reaction"].as_array_mut().unwrap().push(json!({"severity": "moderate"}));
    let apart = Apart::new(&allergy, &remove, &add);
    assert_eq!(apart.shown()["reaction"], json!([{"severity": "mild"}, {"severity": "moderate"}]));
    assert_eq!(apart.nurse.overridden_edits(), []);
}

#[test]
fn the_document_for_clinicians_holds_the_table_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/MERGING.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (before, rest) = document.split_once("<!-- table -->\n").unwrap();
    let (table, after) = rest.split_once("<!-- end of table -->\n").unwrap();
    if std::env::var_os("WRITE_MERGING_TABLE").is_some() {
        let text = format!("{before}<!-- table -->\n{}<!-- end of table -->\n{after}", merging_markdown());
        return std::fs::write(path, text).unwrap();
    }
    assert!(table == merging_markdown(), "docs/MERGING.md is out of date: run this test with WRITE_MERGING_TABLE=1");
}
