//! Putting, reading and changing resources in one document.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use clinical_record::{RecordDocument, RecordError, ResourceKey, inspect_change};
use serde_json::{Value, json};

const NURSE: &[u8] = b"nurse";
const PHYSICIAN: &[u8] = b"physician";

fn order() -> Value {
    serde_json::from_str(
        r#"{"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
            "dosageInstruction": [{"text": "1 daily", "doseAndRate": [{"doseQuantity": {"value": 1.50, "unit": "mg"}}]}],
            "note": [{"text": "take with food"}], "_status": {"extension": [{"url": "x", "valueDecimal": 1e3}]}}"#,
    )
    .unwrap()
}

fn key() -> ResourceKey {
    ResourceKey::new("MedicationRequest", "m1")
}

fn put(document: &mut RecordDocument, actor: &[u8], resource: &Value) -> Option<Vec<u8>> {
    document.edit(actor, 1_700_000_000_123, |edit| edit.put_resource(resource)).unwrap().1.map(|change| change.bytes)
}

#[test]
fn a_resource_reads_back_with_every_literal() {
    let mut document = RecordDocument::new();
    put(&mut document, NURSE, &order());
    assert_eq!(document.resource(&key()).unwrap(), order());
    assert!(document.resource(&key()).unwrap().to_string().contains("1.50"));
    assert_eq!(document.resource_keys(), [key()]);
}

#[test]
fn putting_an_equal_resource_makes_no_change() {
    let mut document = RecordDocument::new();
    put(&mut document, NURSE, &order());
    assert_eq!(put(&mut document, PHYSICIAN, &order()), None);
}

#[test]
fn a_change_says_who_when_and_what_it_builds_on() {
    let mut document = RecordDocument::new();
    let first = document.edit(NURSE, 5, |edit| edit.put_resource(&order())).unwrap().1.unwrap();
    let second = document.edit(PHYSICIAN, -7, |edit| edit.mark_entered_in_error(&key())).unwrap().1.unwrap();
    assert_eq!(inspect_change(&second.bytes).unwrap(), second.meta);
    assert_eq!(second.meta.actor, PHYSICIAN);
    assert_eq!((second.meta.seq, second.meta.time_ms), (1, -7));
    assert_eq!(second.meta.deps, [first.meta.hash]);
    assert!(first.meta.continues([]) && second.meta.continues([&first.meta]) && !second.meta.continues([]));
    assert_eq!(document.heads(), [second.meta.hash]);
    assert_eq!(document.changes_since(&[]).unwrap(), [first.clone(), second.clone()]);
    assert_eq!(document.changes_since(&[first.meta.hash]).unwrap(), [second]);
}

#[test]
fn a_document_loads_from_changes_in_any_order() {
    let mut document = RecordDocument::new();
    let mut changes = vec![put(&mut document, NURSE, &order()).unwrap()];
    let mut newer = order();
    newer["status"] = "stopped".into();
    changes.push(put(&mut document, PHYSICIAN, &newer).unwrap());
    let loaded = RecordDocument::load(changes.iter().rev().map(Vec::as_slice)).unwrap();
    assert_eq!(loaded.resource(&key()), Some(newer));
    assert_eq!(loaded.heads(), document.heads());
}

#[test]
fn a_change_waits_for_what_it_builds_on() {
    let mut document = RecordDocument::new();
    let first = document.edit(NURSE, 0, |edit| edit.put_resource(&order())).unwrap().1.unwrap();
    let second = document.edit(NURSE, 0, |edit| edit.mark_entered_in_error(&key())).unwrap().1.unwrap();
    let mut other = RecordDocument::new();
    other.apply([second.bytes.as_slice()]).unwrap();
    assert_eq!(other.missing_deps(), [first.meta.hash]);
    assert!(!other.contains(&second.meta.hash));
    other.apply([first.bytes.as_slice()]).unwrap();
    assert_eq!(other.heads(), document.heads());
    assert!(other.missing_deps().is_empty());
}

#[test]
fn a_second_change_of_one_author_with_the_same_number_is_refused() {
    let (mut a, mut b) = (RecordDocument::new(), RecordDocument::new());
    put(&mut a, NURSE, &order());
    let forged = put(&mut b, NURSE, &json!({"resourceType": "Flag", "id": "f"})).unwrap();
    let heads = a.heads();
    assert_eq!(a.apply([forged.as_slice()]), Err(RecordError::DuplicateSequence { seq: 1 }));
    assert_eq!((a.heads(), a.resource_keys()), (heads, vec![key()]));
}

#[test]
fn a_waiting_change_that_proves_inconsistent_does_not_hold_up_sound_ones() {
    let mut document = RecordDocument::new();
    let first = document.edit(NURSE, 0, |edit| edit.put_resource(&order())).unwrap().1.unwrap();
    let mut fork = document.clone();
    let second = document.edit(NURSE, 0, |edit| edit.mark_entered_in_error(&key())).unwrap().1.unwrap();
    let other = fork.edit(NURSE, 0, |edit| edit.put_resource(&json!({"resourceType": "Flag", "id": "f"}))).unwrap().1;
    let mut receiver = RecordDocument::new();
    receiver.apply([second.bytes.as_slice()]).unwrap();
    receiver.apply([first.bytes.as_slice(), other.unwrap().bytes.as_slice()]).unwrap();
    assert_eq!(receiver.heads(), fork.heads());
    assert!(!receiver.contains(&second.meta.hash));
}

#[test]
fn an_abandoned_edit_leaves_the_document_as_it_was() {
    let mut document = RecordDocument::new();
    put(&mut document, NURSE, &order());
    let (heads, mut newer) = (document.heads(), order());
    newer["note"][0]["text"] = "with plenty of food".into();
    newer["dosageInstruction"] = json!([]);
    let failed = document.edit(PHYSICIAN, 0, |edit| -> Result<(), _> {
        edit.put_resource(&newer)?;
        edit.put_resource(&json!({"resourceType": "Flag", "id": "f"}))?;
        Err(RecordError::Abandoned("changed my mind"))
    });
    assert_eq!(failed.unwrap_err(), RecordError::Abandoned("changed my mind"));
    assert_eq!(document.heads(), heads);
    assert_eq!(document.resources().map(|(_, value)| value).collect::<Vec<_>>(), [order()]);
    assert!(put(&mut document, PHYSICIAN, &newer).is_some());
    assert_eq!(document.resource(&key()), Some(newer));
}

#[test]
fn two_people_typing_in_one_note_keep_every_character() {
    let mut base = RecordDocument::new();
    put(&mut base, NURSE, &order());
    let (mut a, mut b) = (base.clone(), base.clone());
    let text = "note[0].text".parse().unwrap();
    let first = a.edit(NURSE, 0, |edit| edit.splice_text(&key(), &text, 0, 4, "Take")).unwrap().1.unwrap();
    let mut newer = order();
    newer["note"][0]["text"] = "take with food. é𝄞 twice".into();
    let second = put(&mut b, PHYSICIAN, &newer).unwrap();
    a.apply([second.as_slice()]).unwrap();
    b.apply([first.bytes.as_slice()]).unwrap();
    assert_eq!(a.resource(&key()).unwrap()["note"][0]["text"], "Take with food. é𝄞 twice");
    assert_eq!(a.resource(&key()), b.resource(&key()));
}

#[test]
fn a_text_attachment_is_edited_as_text_and_read_as_base64() {
    let note = json!({"resourceType": "DocumentReference", "id": "d", "status": "current",
        "content": [{"attachment": {"contentType": "text/plain", "data": "SGVsbG8="}}]});
    let key = ResourceKey::new("DocumentReference", "d");
    let path = "content[0].attachment.data".parse().unwrap();
    let mut document = RecordDocument::new();
    put(&mut document, NURSE, &note);
    assert_eq!(document.resource(&key), Some(note));
    document.edit(NURSE, 0, |edit| edit.append_text(&key, &path, "!")).unwrap();
    assert_eq!(document.resource(&key).unwrap()["content"][0]["attachment"]["data"], "SGVsbG8h");
}

#[test]
fn text_positions_out_of_range_and_plain_elements_are_refused() {
    let mut document = RecordDocument::new();
    put(&mut document, NURSE, &order());
    let mut splice = |path: &str, position, delete| {
        document
            .edit(NURSE, 0, |edit| edit.splice_text(&key(), &path.parse().unwrap(), position, delete, "x"))
            .unwrap_err()
    };
    assert_eq!(splice("note[0].text", 10, 5), RecordError::TextOutOfRange { position: 15, length: 14 });
    assert!(matches!(splice("note[0].text", 1, usize::MAX), RecordError::TextOutOfRange { .. }));
    assert!(matches!(splice("status", 0, 0), RecordError::NoSuchElement { .. }));
    assert!(matches!(splice("note[3].text", 0, 0), RecordError::NoSuchElement { .. }));
}

#[test]
fn entry_metadata_is_kept_beside_the_resource() {
    let mut document = RecordDocument::new();
    put(&mut document, NURSE, &order());
    let metadata = json!({"fullUrl": "http://example.org/MedicationRequest/m1"});
    document.edit(NURSE, 0, |edit| edit.set_entry_metadata(&key(), Some(&metadata))).unwrap();
    assert_eq!(document.entry_metadata(&key()), Some(metadata.clone()));
    assert_eq!(document.resource_keys(), [key()]);
    let again = document.edit(NURSE, 0, |edit| edit.set_entry_metadata(&key(), Some(&metadata))).unwrap();
    assert_eq!(again.1, None);
}

#[test]
fn json_nested_too_deep_is_refused_before_it_is_written() {
    let mut value = json!(1);
    for _ in 0..clinical_record::MAX_DEPTH {
        value = json!([value]);
    }
    let resource = json!({"resourceType": "Basic", "id": "b", "extension": value});
    let error = RecordDocument::new().edit(NURSE, 0, |edit| edit.put_resource(&resource)).unwrap_err();
    assert_eq!(error, RecordError::TooDeep { key: ResourceKey::new("Basic", "b"), limit: 64 });
}

#[test]
fn two_devices_creating_resources_in_a_new_document_shadow_nothing() {
    let (mut a, mut b) = (RecordDocument::new(), RecordDocument::new());
    let first = put(&mut a, NURSE, &order()).unwrap();
    let second = put(&mut b, PHYSICIAN, &json!({"resourceType": "Flag", "id": "f"})).unwrap();
    a.apply([second.as_slice()]).unwrap();
    b.apply([first.as_slice()]).unwrap();
    assert_eq!(a.resource_keys().len(), 2);
    assert_eq!(a.heads(), b.heads());
}
