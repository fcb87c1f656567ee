//! What two devices changed while apart: conflicts shown, decided, and told in the history.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use clinical_record::{DocumentEditor, ElementPath, FieldConflict, RecordDocument, RecordError, ResourceKey, Touch};
use serde_json::{Value, json};

fn order() -> Value {
    json!({"resourceType": "MedicationRequest", "id": "m", "status": "active",
        "dosageInstruction": [{"text": "1 daily"}, {"text": "at night"}], "note": [{"text": "with food"}]})
}

fn key() -> ResourceKey {
    ResourceKey::new("MedicationRequest", "m")
}

fn edit<T>(
    document: &mut RecordDocument,
    actor: &str,
    time_ms: i64,
    edit: impl FnOnce(&mut DocumentEditor<'_>) -> Result<T, RecordError>,
) {
    document.edit(actor.as_bytes(), time_ms, edit).unwrap();
}

/// Gives each of the two documents the changes of the other.
fn exchange(a: &mut RecordDocument, b: &mut RecordDocument) {
    let (from_a, from_b) = (a.changes_since(&[]).unwrap(), b.changes_since(&[]).unwrap());
    a.apply(from_b.iter().map(|change| change.bytes.as_slice())).unwrap();
    b.apply(from_a.iter().rev().map(|change| change.bytes.as_slice())).unwrap();
    assert_eq!(a.heads(), b.heads());
    assert_eq!(a.conflicts(), b.conflicts());
    assert_eq!(a.overridden_edits(), b.overridden_edits());
    assert!(a.resources().eq(b.resources()));
}

fn two_devices() -> (RecordDocument, RecordDocument) {
    let mut a = RecordDocument::new();
    edit(&mut a, "nurse", 1, |edit| edit.put_resource(&order()));
    let b = a.clone();
    (a, b)
}

fn values(conflict: &FieldConflict) -> Vec<Value> {
    let mut values: Vec<_> = conflict.values.iter().map(|one| one.value.clone()).collect();
    values.sort_by_key(Value::to_string);
    values
}

fn with(pointer: &str, value: impl Into<Value>) -> Value {
    let mut order = order();
    *order.pointer_mut(pointer).unwrap() = value.into();
    order
}

#[test]
fn two_doses_for_one_order_are_both_kept_with_their_authors() {
    let (mut a, mut b) = two_devices();
    edit(&mut a, "nurse", 10, |edit| edit.put_resource(&with("/dosageInstruction/0/text", "2 daily")));
    edit(&mut b, "physician", 20, |edit| edit.put_resource(&with("/dosageInstruction/0/text", "3 daily")));
    exchange(&mut a, &mut b);
    let conflicts = a.conflicts();
    assert_eq!(conflicts.len(), 1);
    assert_eq!((&conflicts[0].key, conflicts[0].path.to_string().as_str()), (&key(), "dosageInstruction[0].text"));
    assert_eq!(values(&conflicts[0]), ["2 daily", "3 daily"]);
    let physician = conflicts[0].values.iter().find(|one| one.value == "3 daily").unwrap();
    assert_eq!((physician.actor.as_slice(), physician.seq, physician.time_ms), (&b"physician"[..], 1, 20));
    let shown = &a.resource(&key()).unwrap()["dosageInstruction"][0]["text"];
    assert_eq!(&conflicts[0].values.last().unwrap().value, shown);
}

#[test]
fn edits_of_different_fields_and_equal_edits_are_no_conflict() {
    let (mut a, mut b) = two_devices();
    edit(&mut a, "nurse", 0, |edit| edit.put_resource(&with("/status", "stopped")));
    let mut both = with("/dosageInstruction/1/text", "at noon");
    both["status"] = "stopped".into();
    edit(&mut b, "physician", 0, |edit| edit.put_resource(&both));
    exchange(&mut a, &mut b);
    assert_eq!(a.conflicts(), []);
    assert_eq!(a.resource(&key()), Some(both));
}

#[test]
fn deciding_a_conflict_ends_it_on_every_device() {
    let (mut a, mut b) = two_devices();
    edit(&mut a, "nurse", 0, |edit| edit.put_resource(&with("/status", "stopped")));
    edit(&mut b, "physician", 0, |edit| edit.put_resource(&with("/status", "on-hold")));
    exchange(&mut a, &mut b);
    for status in ["stopped", "on-hold"] {
        let (mut decided, mut other) = (a.clone(), b.clone());
        let path: ElementPath = "status".parse().unwrap();
        edit(&mut decided, "nurse", 0, |edit| edit.settle_element(&key(), &path, Some(&status.into())));
        exchange(&mut decided, &mut other);
        assert_eq!(other.conflicts(), []);
        assert_eq!(other.resource(&key()).unwrap()["status"], status);
    }
}

#[test]
fn an_unrelated_edit_leaves_a_conflict_open() {
    let (mut a, mut b) = two_devices();
    edit(&mut a, "nurse", 0, |edit| edit.put_resource(&with("/status", "stopped")));
    edit(&mut b, "physician", 0, |edit| edit.put_resource(&with("/status", "on-hold")));
    exchange(&mut a, &mut b);
    let mut seen = a.resource(&key()).unwrap();
    seen["dosageInstruction"][1]["text"] = "at noon".into();
    edit(&mut a, "nurse", 0, |edit| edit.put_resource(&seen));
    exchange(&mut a, &mut b);
    assert_eq!(b.conflicts().len(), 1);
}

#[test]
fn a_resource_created_twice_alike_is_no_conflict() {
    let (mut a, mut b) = (RecordDocument::new(), RecordDocument::new());
    edit(&mut a, "nurse", 0, |edit| edit.put_resource(&order()));
    edit(&mut b, "physician", 0, |edit| edit.put_resource(&order()));
    exchange(&mut a, &mut b);
    assert_eq!(a.conflicts(), []);
    assert_eq!(a.resource(&key()), Some(order()));
}

#[test]
fn a_resource_created_twice_differently_conflicts_as_a_whole_until_settled() {
    let (mut a, mut b) = (RecordDocument::new(), RecordDocument::new());
    edit(&mut a, "nurse", 0, |edit| edit.put_resource(&order()));
    edit(&mut b, "physician", 0, |edit| edit.put_resource(&with("/status", "draft")));
    exchange(&mut a, &mut b);
    let conflicts = a.conflicts();
    assert_eq!((conflicts.len(), conflicts[0].path.is_empty()), (1, true));
    assert_eq!(values(&conflicts[0]).len(), 2);
    let mut edited = a.resource(&key()).unwrap();
    edited["intent"] = "plan".into();
    edit(&mut a, "nurse", 0, |edit| edit.put_resource(&edited));
    exchange(&mut a, &mut b);
    assert_eq!(b.conflicts().len(), 1, "writing to the visible version keeps the other one in sight");
    assert_eq!(b.resource(&key()), Some(edited));
    edit(&mut b, "physician", 0, |edit| edit.settle_resource(&order()));
    exchange(&mut a, &mut b);
    assert_eq!((a.conflicts(), a.resource(&key())), (vec![], Some(order())));
}

/// The one overridden edit: its path, and whether the change of `a` is the one not seen.
fn only_overridden(a: &RecordDocument, first_of_a: [u8; 32]) -> (String, bool) {
    let found = a.overridden_edits();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].key, key());
    (found[0].path.to_string(), found[0].lost == first_of_a)
}

#[test]
fn a_dose_changed_in_an_instruction_that_someone_removes_is_reported() {
    let (mut a, mut b) = two_devices();
    edit(&mut a, "nurse", 0, |edit| edit.put_resource(&with("/dosageInstruction/1/text", "at noon")));
    let of_a = a.heads()[0];
    edit(&mut b, "physician", 0, |edit| edit.put_resource(&with("/dosageInstruction", json!([{"text": "1 daily"}]))));
    exchange(&mut a, &mut b);
    assert_eq!(a.conflicts(), []);
    assert_eq!(only_overridden(&a, of_a), ("dosageInstruction".to_owned(), true));
}

#[test]
fn a_removal_that_a_concurrent_value_undoes_is_reported() {
    let (mut a, mut b) = two_devices();
    let mut without = order();
    without.as_object_mut().unwrap().remove("status");
    edit(&mut a, "nurse", 0, |edit| edit.put_resource(&without));
    let of_a = a.heads()[0];
    edit(&mut b, "physician", 0, |edit| edit.put_resource(&with("/status", "stopped")));
    exchange(&mut a, &mut b);
    assert_eq!(only_overridden(&b, of_a), ("status".to_owned(), true));
    let path: ElementPath = "status".parse().unwrap();
    edit(&mut a, "nurse", 0, |edit| edit.settle_element(&key(), &path, None));
    exchange(&mut a, &mut b);
    assert_eq!(b.overridden_edits(), [], "a later decision on the element ends it");
}

#[test]
fn an_acknowledged_overridden_edit_is_not_reported_again() {
    let (mut a, mut b) = two_devices();
    edit(&mut a, "nurse", 0, |edit| edit.append_text(&key(), &"note[0].text".parse().unwrap(), " always"));
    let of_a = a.heads()[0];
    edit(&mut b, "physician", 0, |edit| edit.put_resource(&with("/note", json!([]))));
    exchange(&mut a, &mut b);
    assert_eq!(only_overridden(&a, of_a), ("note".to_owned(), true));
    let found = a.overridden_edits();
    edit(&mut b, "physician", 0, |edit| edit.acknowledge_overridden(&found[0]));
    exchange(&mut a, &mut b);
    assert_eq!(a.overridden_edits(), []);
    assert_eq!(a.resource_keys(), [key()]);
}

#[test]
fn edits_made_one_after_another_are_never_overridden() {
    let (mut a, mut b) = two_devices();
    edit(&mut a, "nurse", 0, |edit| edit.put_resource(&with("/dosageInstruction/1/text", "at noon")));
    exchange(&mut a, &mut b);
    edit(&mut b, "physician", 0, |edit| edit.put_resource(&with("/dosageInstruction", json!([]))));
    edit(&mut a, "nurse", 0, |edit| edit.put_resource(&json!({"resourceType": "Flag", "id": "f"})));
    exchange(&mut a, &mut b);
    assert_eq!(a.overridden_edits(), []);
}

#[test]
fn history_tells_who_touched_what_in_causal_order() {
    let mut document = RecordDocument::new();
    edit(&mut document, "nurse", 5, |edit| edit.put_resource(&order()));
    edit(&mut document, "nurse", 6, |edit| edit.put_resource(&json!({"resourceType": "Flag", "id": "f"})));
    edit(&mut document, "physician", 7, |edit| {
        edit.set_message("dose review");
        edit.put_resource(&with("/dosageInstruction/0/text", "2 daily"))
    });
    let mut newer = with("/dosageInstruction", json!([{"text": "2 daily"}]));
    newer["note"] = json!([{"text": "with much food"}, {"text": "second"}]);
    newer["priority"] = "urgent".into();
    edit(&mut document, "nurse", 8, |edit| edit.put_resource(&newer));
    let history = document.history(Some(&key()));
    let told: Vec<Vec<_>> = history
        .iter()
        .map(|entry| entry.touched.iter().map(|one| (one.path.to_string(), one.what.clone())).collect())
        .collect();
    let path = |text: &str, what| (text.to_owned(), what);
    assert_eq!(told[0], [path("", Touch::Created)]);
    assert_eq!(told[1], [path("dosageInstruction[0].text", Touch::Set("2 daily".into()))]);
    assert_eq!(
        told[2],
        [
            path("dosageInstruction[1]", Touch::Removed),
            path("note[0].text", Touch::TextEdited),
            path("note[1]", Touch::Created),
            path("priority", Touch::Set("urgent".into())),
        ]
    );
    assert_eq!((history[1].message.as_deref(), history[1].time_ms, history[1].seq), (Some("dose review"), 7, 1));
    assert_eq!(history[1].actor, b"physician");
    assert_eq!(document.history(None).len(), 4);
}
