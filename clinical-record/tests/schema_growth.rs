//! Old and new code in one document: nothing is lost, and devices that upgrade apart agree.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use clinical_record::{CURRENT_SCHEMA, RecordDocument, ResourceKey, Schema, SchemaStep};
use serde_json::{Value, json};

/// A later version that keeps the warning of a Flag as a concept, tags what it upgraded, and adds a category.
static LATER: Schema = Schema { version: 3, steps: &[TO_CONCEPT, WITH_CATEGORY] };
static MIDDLE: Schema = Schema { version: 2, steps: &[TO_CONCEPT] };

const TO_CONCEPT: SchemaStep = SchemaStep {
    to: 2,
    why: "the warning was a string",
    upgrade: |flag| {
        if let Some(text) = flag["code"].as_str().map(str::to_owned) {
            flag["code"] = json!({"text": text, "coding": []});
        }
    },
};

const WITH_CATEGORY: SchemaStep = SchemaStep {
    to: 3,
    why: "every flag has a safety category",
    upgrade: |flag| {
        if let Some(categories) = flag.get_mut("category").and_then(Value::as_array_mut)
            && !categories.iter().any(|category| category["text"] == "safety")
        {
            categories.push(json!({"text": "safety"}));
        }
    },
};

fn key() -> ResourceKey {
    ResourceKey::new("Flag", "f")
}

fn old_flag() -> Value {
    json!({"resourceType": "Flag", "id": "f", "status": "active", "code": "Falls", "category": [{"text": "clinical"}]})
}

fn new_flag() -> Value {
    let mut flag = old_flag();
    flag["code"] = json!({"text": "Falls", "coding": []});
    flag["category"] = json!([{"text": "clinical"}, {"text": "safety"}]);
    flag
}

fn old_document() -> RecordDocument {
    let mut document = RecordDocument::new();
    document.edit(b"old", 0, |edit| edit.put_resource(&old_flag())).unwrap();
    document
}

fn put(document: &mut RecordDocument, actor: &[u8], change: impl FnOnce(&mut Value)) {
    let mut flag = document.resource(&key()).unwrap();
    change(&mut flag);
    document.edit(actor, 0, |edit| edit.put_resource(&flag)).unwrap();
}

fn exchange(a: &mut RecordDocument, b: &mut RecordDocument) {
    let (from_a, from_b) = (a.changes_since(&[]).unwrap(), b.changes_since(&[]).unwrap());
    a.apply(from_b.iter().map(|change| change.bytes.as_slice())).unwrap();
    b.apply(from_a.iter().map(|change| change.bytes.as_slice())).unwrap();
    assert_eq!(a.heads(), b.heads());
}

#[test]
fn an_old_document_is_read_in_the_new_shape_without_being_written() {
    let document = old_document().with_schema(&LATER);
    let heads = document.heads();
    assert_eq!(document.resource(&key()), Some(new_flag()));
    assert!(document.resources().eq([(key(), new_flag())]));
    assert_eq!((document.heads(), document.schema_version()), (heads, 1));
    let mut document = document;
    let unchanged = document.edit(b"new", 0, |edit| edit.put_resource(&new_flag())).unwrap().1;
    assert!(unchanged.is_none(), "reading and putting back is no edit");
}

#[test]
fn the_first_edit_writes_the_upgrade_and_the_version() {
    let mut document = old_document().with_schema(&LATER);
    put(&mut document, b"new", |flag| flag["status"] = "inactive".into());
    assert_eq!(document.schema_version(), 3);
    let as_stored = document.clone().with_schema(&CURRENT_SCHEMA).resource(&key()).unwrap();
    let mut expected = new_flag();
    expected["status"] = "inactive".into();
    assert_eq!(as_stored, expected);
}

#[test]
fn two_devices_that_upgrade_apart_agree_without_a_conflict() {
    let (mut a, mut b) = (old_document().with_schema(&LATER), old_document().with_schema(&LATER));
    put(&mut a, b"a", |flag| flag["status"] = "inactive".into());
    put(&mut b, b"b", |flag| flag["period"] = json!({"start": "2024"}));
    exchange(&mut a, &mut b);
    let mut expected = new_flag();
    expected["status"] = "inactive".into();
    expected["period"] = json!({"start": "2024"});
    for device in [&a, &b] {
        assert_eq!(device.resource(&key()).as_ref(), Some(&expected));
        assert_eq!((device.conflicts(), device.overridden_edits(), device.schema_version()), (vec![], vec![], 3));
    }
}

#[test]
fn devices_of_three_versions_edit_one_document_and_agree() {
    let [mut old, mut middle, mut new] =
        [&CURRENT_SCHEMA, &MIDDLE, &LATER].map(|schema| old_document().with_schema(schema));
    put(&mut old, b"one", |flag| flag["note"] = "kept".into());
    put(&mut middle, b"two", |flag| flag["status"] = "inactive".into());
    put(&mut new, b"three", |flag| flag["period"] = json!({"start": "2024"}));
    exchange(&mut old, &mut middle);
    exchange(&mut middle, &mut new);
    exchange(&mut old, &mut new);
    exchange(&mut old, &mut middle);
    assert_eq!(old.resource(&key()), new.resource(&key()));
    assert_eq!(middle.resource(&key()), new.resource(&key()));
    let seen = new.resource(&key()).unwrap();
    assert_eq!(
        (&seen["note"], &seen["status"], &seen["period"]["start"]),
        (&json!("kept"), &json!("inactive"), &json!("2024"))
    );
    assert_eq!((new.conflicts(), old.schema_version()), (vec![], 3));
}

#[test]
fn old_code_keeps_what_it_does_not_know() {
    let mut document = old_document().with_schema(&LATER);
    put(&mut document, b"new", |flag| flag["somethingNew"] = json!({"deep": [1, {"x": 2}]}));
    let mut document = document.with_schema(&CURRENT_SCHEMA);
    put(&mut document, b"old", |flag| flag["status"] = "inactive".into());
    assert_eq!(document.schema_version(), 3, "an older writer does not lower the version");
    let seen = document.with_schema(&LATER).resource(&key()).unwrap();
    assert_eq!((&seen["somethingNew"]["deep"][1]["x"], &seen["status"]), (&json!(2), &json!("inactive")));
}

#[test]
fn what_old_code_adds_after_an_upgrade_is_upgraded_all_the_same() {
    let mut document = old_document().with_schema(&LATER);
    put(&mut document, b"new", |flag| flag["status"] = "inactive".into());
    let mut document = document.with_schema(&CURRENT_SCHEMA);
    let late = json!({"resourceType": "Flag", "id": "g", "status": "active", "code": "Dog"});
    document.edit(b"old", 0, |edit| edit.put_resource(&late)).unwrap();
    let seen = document.with_schema(&LATER).resource(&ResourceKey::new("Flag", "g")).unwrap();
    assert_eq!(seen["code"]["text"], "Dog");
}

#[test]
fn every_step_of_this_codes_schema_changes_nothing_the_second_time() {
    assert!(CURRENT_SCHEMA.steps.iter().map(|step| step.to).is_sorted());
    assert!(CURRENT_SCHEMA.steps.iter().all(|step| (2..=CURRENT_SCHEMA.version).contains(&step.to)));
    for step in CURRENT_SCHEMA.steps.iter().chain(LATER.steps) {
        for mut resource in [old_flag(), json!({"resourceType": "Patient", "id": "p"})] {
            (step.upgrade)(&mut resource);
            let once = resource.clone();
            (step.upgrade)(&mut resource);
            assert_eq!(resource, once, "{}", step.why);
        }
    }
}
