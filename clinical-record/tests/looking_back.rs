//! The record as it was, what changed between two moments, who answers for it, and signed notes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use clinical_record::clinical::{Entry, NewNote, add_note, amend_note, note_text_path, sign_note};
use clinical_record::{ChangeAgent, RecordDocument, RecordError, ResourceKey, compare, is_entered_in_error, validate};
use serde_json::{Value, json};

fn key() -> ResourceKey {
    ResourceKey::new("Flag", "f")
}

fn flag(status: &str) -> Value {
    json!({"resourceType": "Flag", "id": "f", "status": status, "code": {"text": "Falls"}, "subject": {"reference": "Patient/p"}})
}

fn put(document: &mut RecordDocument, actor: &[u8], time_ms: i64, resource: &Value) -> [u8; 32] {
    document.edit(actor, time_ms, |edit| edit.put_resource(resource)).unwrap().1.unwrap().meta.hash
}

fn receive(document: &mut RecordDocument, from: &RecordDocument) {
    let sent = from.changes_since(&[]).unwrap();
    document.apply(sent.iter().map(|change| change.bytes.as_slice())).unwrap();
}

#[test]
fn the_document_is_seen_as_the_author_of_a_change_saw_it() {
    let mut nurse = RecordDocument::new();
    let first = put(&mut nurse, b"nurse", 10, &flag("active"));
    let mut physician = nurse.clone();
    let second = put(&mut nurse, b"nurse", 20, &flag("inactive"));
    let apart = put(&mut physician, b"physician", 30, &json!({"resourceType": "Flag", "id": "g", "status": "active"}));
    receive(&mut nurse, &physician);
    let at = |heads: &[[u8; 32]]| nurse.at_heads(heads).unwrap();
    assert_eq!(at(&[first]).resource(&key()).unwrap()["status"], "active");
    assert_eq!(
        (at(&[apart]).resource(&key()).unwrap()["status"].clone(), at(&[apart]).resource_keys().len()),
        (json!("active"), 2)
    );
    assert_eq!(at(&[second]).resource_keys().len(), 1);
    assert_eq!(at(&[second, apart]).heads(), nurse.heads());
    assert_eq!(at(&[]).resource_keys(), []);
    assert_eq!(nurse.at_heads(&[[7; 32]]).unwrap_err(), RecordError::UnknownChange);
}

#[test]
fn a_moment_is_told_by_the_authors_clocks_and_a_wrong_clock_is_admitted() {
    let mut document = RecordDocument::new();
    put(&mut document, b"nurse", 10, &flag("active"));
    put(&mut document, b"physician", 500, &flag("inactive"));
    // A clock far behind, in a change that builds on the one before.
    put(&mut document, b"clerk", 11, &json!({"resourceType": "Flag", "id": "g", "status": "active"}));
    let at = |time| document.as_of(time).unwrap();
    assert_eq!((at(9).document.resource_keys().len(), at(9).out_of_order), (0, 0));
    assert_eq!(at(10).document.resource(&key()).unwrap()["status"], "active");
    assert_eq!((at(20).document.resource_keys().len(), at(20).out_of_order), (1, 1));
    assert_eq!((at(500).document.heads(), at(500).out_of_order), (document.heads(), 0));
}

#[test]
fn two_moments_are_compared_by_element() {
    let mut document = RecordDocument::new();
    put(&mut document, b"nurse", 10, &flag("active"));
    put(&mut document, b"nurse", 20, &flag("inactive"));
    let (then, now) = (document.as_of(10).unwrap().document, document.as_of(20).unwrap().document);
    let found = compare(&then, &now);
    assert_eq!((found.len(), found[0].path.to_string().as_str()), (1, "status"));
    assert_eq!((found[0].before.clone(), found[0].after.clone()), (Some(json!("active")), Some(json!("inactive"))));
}

#[test]
fn the_history_is_exported_as_valid_provenance() {
    let mut document = RecordDocument::new();
    let first = put(&mut document, b"nurse", 1_700_000_000_123, &flag("active"));
    let lowered = document.edit(b"physician", 1_700_000_100_000, |edit| {
        edit.set_message("walks again");
        edit.put_resource(&flag("inactive"))
    });
    lowered.unwrap();
    put(&mut document, b"stranger", i64::MAX, &flag("active"));
    let exported = document.provenance(&|entry| match entry.actor.as_slice() {
        b"stranger" => None,
        actor => Some(ChangeAgent {
            practitioner: String::from_utf8(actor.to_vec()).unwrap(),
            organization: Some("clinic".into()),
            device: Some("tablet".into()),
            signature: Some((vec![1, 2, 3], "application/vnd.satchel.ed25519".into())),
        }),
    });
    assert_eq!(exported.len(), 3);
    for provenance in &exported {
        assert_eq!(validate(provenance), []);
    }
    let hex: String = first.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((&exported[0]["id"], &exported[0]["recorded"]), (&json!(hex), &json!("2023-11-14T22:13:20.123Z")));
    assert_eq!(exported[0]["activity"]["coding"][0]["code"], "CREATE");
    assert_eq!(exported[0]["target"], json!([{"reference": "Flag/f"}]));
    assert_eq!(exported[1]["target"][0]["extension"][0]["valueString"], "Flag.status");
    assert_eq!(exported[1]["reason"], json!([{"text": "walks again"}]));
    assert_eq!(
        (&exported[1]["agent"][0]["who"]["reference"], &exported[1]["signature"][0]["data"]),
        (&json!("Practitioner/physician"), &json!("AQID"))
    );
    assert_eq!(
        exported[2]["agent"],
        json!([{"type": {"coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "author"}]}, "who": {"display": "unknown"}}])
    );
}

#[test]
fn what_was_entered_in_error_is_hidden_but_kept() {
    let mut document = RecordDocument::new();
    put(&mut document, b"nurse", 10, &flag("active"));
    document.edit(b"nurse", 20, |edit| edit.mark_entered_in_error(&key())).unwrap();
    assert_eq!(document.shown_resources().count(), 0);
    assert!(is_entered_in_error(&document.resource(&key()).unwrap()));
    assert_eq!(document.history(Some(&key())).len(), 2);
    assert_eq!(document.as_of(10).unwrap().document.shown_resources().count(), 1);
}

fn entry(id: &str) -> Entry<'_> {
    Entry { patient: "p", encounter: Some("e"), author: "physician", now: "2024-05-06T07:08:09Z", id }
}

/// A document with a note `n`, unsigned.
fn noted() -> (RecordDocument, ResourceKey) {
    let note = add_note(&entry("n"), &NewNote { text: "No fever.".into(), ..NewNote::default() }).unwrap();
    let mut document = RecordDocument::new();
    put(&mut document, b"nurse", 1, &note.resources[0].1);
    (document, ResourceKey::new("DocumentReference", "n"))
}

fn sign(document: &mut RecordDocument, key: &ResourceKey) {
    let signed = sign_note(&entry("-"), &document.resource(key).unwrap()).unwrap();
    put(document, b"physician", 5, &signed.resources[0].1);
}

#[test]
fn a_signed_note_is_amended_not_edited() {
    let (mut document, key) = noted();
    assert_eq!(document.signed_version(&key), None);
    sign(&mut document, &key);
    let typed = document.edit(b"nurse", 6, |edit| edit.append_text(&key, &note_text_path(), " Cough."));
    assert_eq!(typed.unwrap_err(), RecordError::Signed(key.clone()));
    let note = document.resource(&key).unwrap();
    assert_eq!(
        amend_note(&entry("n2"), &note, "Cough since.", " ").err().unwrap().path,
        "DocumentReference.description"
    );
    let amendment = amend_note(&entry("n2"), &note, "Cough since.", "seen again").unwrap();
    let place = amendment.resources[0].0.clone();
    assert!(amendment.resources.iter().all(|(key, _)| *key == place), "beside the note");
    document.edit(b"physician", 7, |edit| amendment.put_into(&place, edit)).unwrap();
    let second = document.resource(&ResourceKey::new("DocumentReference", "n2")).unwrap();
    assert_eq!(second["relatesTo"][0]["target"]["reference"], "DocumentReference/n");
    assert_eq!(document.resource(&key).unwrap()["docStatus"], "amended");
    let version = document.signed_version(&key).unwrap();
    assert_eq!((version.altered, version.actor.as_slice(), version.time_ms), (false, &b"physician"[..], 5));
    let (mut unsigned, key) = noted();
    let early = amend_note(&entry("n2"), &unsigned.resource(&key).unwrap(), "x", "y");
    assert_eq!(early.err().unwrap().path, "DocumentReference.docStatus");
    unsigned.edit(b"nurse", 6, |edit| edit.append_text(&key, &note_text_path(), " Cough.")).unwrap();
}

#[test]
fn text_typed_while_another_signs_is_kept_and_the_note_says_it_is_not_what_was_signed() {
    let (mut nurse, key) = noted();
    let mut physician = nurse.clone();
    sign(&mut physician, &key);
    nurse.edit(b"nurse", 6, |edit| edit.append_text(&key, &note_text_path(), " Cough.")).unwrap();
    receive(&mut nurse, &physician);
    let version = nurse.signed_version(&key).unwrap();
    assert!(version.altered);
    assert_eq!(version.signed["content"], physician.resource(&key).unwrap()["content"]);
    assert_ne!(version.signed["content"], nurse.resource(&key).unwrap()["content"]);
}
