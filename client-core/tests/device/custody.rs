//! Work that was not permitted: shown as such, then accepted, or returned to its author as a draft.

use client_core::sync::{Input, SyncEvent};
use client_core::{ChangeHash, ChartRef, ChartWork, DocumentId, ImportOptions, NewPatient, ResourceKey, UnixMillis};
use serde_json::{Value, json};
use sync_protocol::AuthorId;
use sync_protocol::frame::Decision;

use crate::relay::Relay;
use crate::world::{Node, START, allergy, assert_converged};

const WHY: &str = "not your patient any more";

/// The author's device, another one, and a chart that both have.
fn two() -> (Relay, Node, Node, ChartRef) {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    let chart = a.chart("Silva");
    a.device.put_resource(&chart, &medication(&chart), START).unwrap();
    a.sync(&mut relay);
    b.sync(&mut relay);
    (relay, a, b, chart)
}

fn medication(chart: &ChartRef) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
        "medicationCodeableConcept": {"text": "Warfarin"},
        "subject": {"reference": format!("Patient/{}", chart.patient)}, "dosageInstruction": [{"text": "1 daily"}],
    })
}

fn set(node: &mut Node, chart: &ChartRef, resource: &str, path: &str, value: Value) -> ChangeHash {
    let (resource_type, id) = resource.split_once('/').unwrap();
    let key = ResourceKey::new(resource_type, id);
    let receipt = node.device.set_element(chart, &key, &path.parse().unwrap(), value, START).unwrap();
    receipt.change.unwrap()
}

fn shown(node: &mut Node, chart: &ChartRef, resource: &str) -> Value {
    let (resource_type, id) = resource.split_once('/').unwrap();
    node.device.resource(chart, &ResourceKey::new(resource_type, id), START).unwrap()
}

fn forbid(relay: &mut Relay, node: &Node, practitioner: &str) {
    let practitioner = client_core::PractitionerId::new(practitioner).unwrap();
    relay.accounts.may_not_write.insert(AuthorId::of(&node.key(), &practitioner));
}

/// The document of the only change in custody that others may build on.
fn first_in_custody(relay: &Relay) -> (DocumentId, ChangeHash) {
    relay.decidable()[0]
}

#[test]
fn an_accepted_change_is_shared_and_those_that_build_on_it_follow() {
    let (mut relay, mut a, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    set(&mut b, &chart, "MedicationRequest/m1", "status", json!("stopped"));
    b.connect(&mut relay, START);
    relay.accounts.may_not_write.clear();
    set(&mut b, &chart, "MedicationRequest/m1", "intent", json!("plan"));
    b.connect(&mut relay, START);
    let work = b.device.status(START).unwrap().work_per_chart;
    assert_eq!(work, [(Some(chart.clone()), ChartWork { in_custody: 2, ..ChartWork::default() })]);
    let own = b.device.own_work(START).unwrap();
    assert!(own.iter().all(|one| one.state == client_core::KeptState::Custody && !one.taken_back));
    assert_eq!(b.device.export_own_work(&own[0], START).unwrap()[0].value, json!("stopped"));
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, true, "");
    let events = b.sync(&mut relay);
    assert!(events.contains(&SyncEvent::Decided { accepted: 1, returned: 0, drafts: 0 }), "{events:?}");
    assert!(relay.accounts.decisions.is_empty(), "known");
    assert!(b.device.status(START).unwrap().work_per_chart.is_empty());
    a.sync(&mut relay);
    assert_converged(&a, &b);
    assert_eq!(shown(&mut a, &chart, "MedicationRequest/m1")["intent"], "plan");
}

#[test]
fn a_returned_change_leaves_the_document_and_becomes_a_draft_with_the_reason() {
    let (mut relay, a, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    set(&mut b, &chart, "MedicationRequest/m1", "dosageInstruction[0].text", json!("9 daily"));
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    let events = b.sync(&mut relay);
    assert!(events.contains(&SyncEvent::Decided { accepted: 0, returned: 1, drafts: 1 }), "{events:?}");
    assert_eq!(shown(&mut b, &chart, "MedicationRequest/m1")["dosageInstruction"][0]["text"], "1 daily");
    assert_converged(&a, &b);
    let drafts = b.device.drafts(START).unwrap();
    assert_eq!((drafts.len(), drafts[0].reason.as_str()), (1, WHY));
    assert_eq!(drafts[0].json.as_ref().unwrap()["dosageInstruction"][0]["text"], "9 daily");
    let text = drafts[0].text();
    for part in ["MedicationRequest/m1", WHY, "dosageInstruction", "1 daily", "9 daily"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!format!("{drafts:?}").contains("daily"));
    let work = b.device.status(START).unwrap().work_per_chart;
    assert_eq!(work, [(Some(chart), ChartWork { drafts: 1, ..ChartWork::default() })]);
    let b = b.reopen(6, START);
    assert_eq!(b.device.status(START).unwrap().work_per_chart.len(), 1, "it survives a restart");
}

#[test]
fn the_text_of_a_returned_note_can_be_read_and_exported() {
    let (mut relay, _, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    b.device.add_note(&chart, "Seen at home, stable.", None, START).unwrap();
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    b.sync(&mut relay);
    let number = b.device.drafts(START).unwrap()[0].number;
    let exported = b.device.export_draft(number, START).unwrap();
    assert!(exported.text().contains("Seen at home, stable."), "{}", exported.text());
    assert_eq!(exported.to_json()["json"]["resourceType"], "DocumentReference");
    let actions: Vec<_> = b.device.trail(0, 99).unwrap().into_iter().map(|record| record.entry.action).collect();
    assert!(actions.contains(&"draft-exported".to_owned()) && actions.contains(&"custody-returned".to_owned()));
}

#[test]
fn a_dose_meant_for_a_returned_drug_is_not_signed_for_the_drug_before_it() {
    let (mut relay, mut a, mut b, chart) = two();
    let drug = |name: &str| json!({"text": name});
    set(&mut a, &chart, "MedicationRequest/m1", "medicationCodeableConcept", drug("Drug-A"));
    a.sync(&mut relay);
    b.sync(&mut relay);
    forbid(&mut relay, &b, "dr-b");
    let returned = set(&mut b, &chart, "MedicationRequest/m1", "medicationCodeableConcept", drug("Drug-B"));
    set(&mut b, &chart, "MedicationRequest/m1", "dosageInstruction[0].text", json!("Dose-For-B"));
    b.connect(&mut relay, START);
    relay.accounts.may_not_write.clear();
    relay.decide(relay.decidable()[0].0, returned, false, WHY);
    b.sync(&mut relay);
    b.sync(&mut relay);
    a.sync(&mut relay);
    assert_converged(&a, &b);
    let request = shown(&mut a, &chart, "MedicationRequest/m1");
    let dose = &request["dosageInstruction"][0]["text"];
    assert_eq!((&request["medicationCodeableConcept"]["text"], dose), (&json!("Drug-A"), &json!("1 daily")));
    let drafts = b.device.drafts(START).unwrap();
    assert_eq!((drafts.len(), drafts[0].steps.len()), (1, 2));
    assert!(drafts[0].text().contains("Drug-B") && drafts[0].text().contains("Dose-For-B"));
}

#[test]
fn a_change_is_made_anew_whole_or_not_at_all() {
    let (mut relay, mut a, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    let returned = set(&mut b, &chart, "MedicationRequest/m1", "status", json!("stopped"));
    // One import: the request that was stopped, and an allergy; then the allergy again.
    let mut request = shown(&mut b, &chart, "MedicationRequest/m1");
    request["intent"] = json!("plan");
    let entries = [request, allergy(&chart, "a1", "Amoxicillin")];
    let entries: Vec<Value> = entries.into_iter().map(|resource| json!({"resource": resource})).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    let bundle = serde_json::to_vec(&bundle).unwrap();
    b.device.import(&bundle, &ImportOptions::default(), START, |_, _| {}).unwrap();
    set(&mut b, &chart, "AllergyIntolerance/a1", "criticality", json!("high"));
    b.device.put_resource(&chart, &allergy(&chart, "new", "Nuts"), START).unwrap();
    b.connect(&mut relay, START);
    relay.accounts.may_not_write.clear();
    relay.decide(relay.decidable()[0].0, returned, false, WHY);
    b.sync(&mut relay);
    b.sync(&mut relay);
    a.sync(&mut relay);
    assert_converged(&a, &b);
    assert_eq!(shown(&mut a, &chart, "AllergyIntolerance/a1"), allergy(&chart, "a1", "Penicillin"));
    assert_eq!(shown(&mut a, &chart, "AllergyIntolerance/new")["code"]["text"], "Nuts");
    assert_eq!(b.device.drafts(START).unwrap().iter().map(|draft| draft.steps.len()).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn later_edits_elsewhere_are_made_anew_and_those_of_the_same_resource_join_the_draft() {
    let (mut relay, mut a, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    let returned = set(&mut b, &chart, "MedicationRequest/m1", "dosageInstruction[0].text", json!("9 daily"));
    set(&mut b, &chart, "MedicationRequest/m1", "status", json!("on-hold"));
    set(&mut b, &chart, "MedicationRequest/m1", "dosageInstruction[0].text", json!("8 daily"));
    set(&mut b, &chart, "AllergyIntolerance/a1", "code.text", json!("Amoxicillin"));
    b.device.put_resource(&chart, &allergy(&chart, "new", "Nuts"), START).unwrap();
    b.connect(&mut relay, START);
    relay.accounts.may_not_write.clear();
    relay.decide(relay.decidable()[0].0, returned, false, WHY);
    b.sync(&mut relay);
    b.sync(&mut relay);
    a.sync(&mut relay);
    assert_converged(&a, &b);
    let request = shown(&mut a, &chart, "MedicationRequest/m1");
    assert_eq!((&request["status"], &request["dosageInstruction"][0]["text"]), (&json!("active"), &json!("1 daily")));
    assert_eq!(shown(&mut a, &chart, "AllergyIntolerance/a1")["code"]["text"], "Amoxicillin");
    assert_eq!(shown(&mut a, &chart, "AllergyIntolerance/new")["code"]["text"], "Nuts");
    let drafts = b.device.drafts(START).unwrap();
    let text = drafts[0].text();
    assert!(drafts.len() == 1 && text.contains("9 daily") && text.contains("8 daily") && text.contains("on-hold"));
    assert!(b.device.history(&chart, None, START).unwrap().iter().all(|entry| entry.signed && entry.sent));
}

#[test]
fn what_was_returned_only_along_with_another_change_is_made_anew_too() {
    let (mut relay, mut a, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    let returned = set(&mut b, &chart, "MedicationRequest/m1", "intent", json!("plan"));
    let along = set(&mut b, &chart, "AllergyIntolerance/a1", "criticality", json!("high"));
    b.connect(&mut relay, START);
    relay.accounts.may_not_write.clear();
    let document = relay.decidable()[0].0;
    relay.decide(document, returned, false, WHY);
    let change = sync_protocol::frame::ChangeName { document, hash: along };
    let reason = Decision::RETURNED_ALONG.to_owned();
    let decision = Decision { change, accepted: false, reason };
    relay.accounts.decisions.push((b.key(), decision));
    b.sync(&mut relay);
    b.sync(&mut relay);
    a.sync(&mut relay);
    assert_converged(&a, &b);
    assert_eq!(shown(&mut a, &chart, "AllergyIntolerance/a1")["criticality"], "high");
    let drafts = b.device.drafts(START).unwrap();
    assert_eq!((drafts.len(), drafts[0].steps.len(), drafts[0].reason.as_str()), (1, 1, WHY));
}

#[test]
fn a_concurrent_value_stays_in_conflict_with_the_one_made_anew() {
    let (mut relay, mut a, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    let returned = set(&mut b, &chart, "MedicationRequest/m1", "intent", json!("plan"));
    set(&mut b, &chart, "AllergyIntolerance/a1", "criticality", json!("high"));
    set(&mut a, &chart, "AllergyIntolerance/a1", "criticality", json!("low"));
    a.sync(&mut relay);
    b.connect(&mut relay, START);
    relay.accounts.may_not_write.clear();
    relay.decide(relay.decidable()[0].0, returned, false, WHY);
    b.sync(&mut relay);
    b.sync(&mut relay);
    a.sync(&mut relay);
    assert_converged(&a, &b);
    let conflicts = a.device.conflicts(&chart, START).unwrap();
    assert_eq!((conflicts.len(), conflicts[0].path.to_string()), (1, "criticality".to_owned()));
}

#[test]
fn work_on_a_resource_that_only_the_returned_change_made_joins_its_draft() {
    let (mut relay, a, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    b.device.put_resource(&chart, &allergy(&chart, "new", "Nuts"), START).unwrap();
    set(&mut b, &chart, "AllergyIntolerance/new", "code.text", json!("Peanuts"));
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    b.sync(&mut relay);
    assert_converged(&a, &b);
    let drafts = b.device.drafts(START).unwrap();
    assert_eq!((drafts.len(), drafts[0].steps.len()), (1, 2));
    assert_eq!(drafts[0].json.as_ref().unwrap()["code"]["text"], "Peanuts");
}

#[test]
fn a_patient_that_was_returned_is_not_listed_any_more_and_can_be_registered_from_the_draft() {
    let mut relay = Relay::new();
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    forbid(&mut relay, &b, "dr-b");
    let patient = NewPatient { family: Some("Silva".into()), ..NewPatient::default() };
    let chart = b.device.register_patient(&patient, START).unwrap();
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    b.sync(&mut relay);
    assert!(b.device.search("silva", START).unwrap().is_empty());
    assert!(b.device.documents().unwrap().is_empty());
    relay.accounts.may_not_write.clear();
    let number = b.device.drafts(START).unwrap()[0].number;
    b.device.apply_draft(number, false, START).unwrap();
    assert_eq!(b.device.search("silva", START).unwrap()[0].chart, chart);
    b.sync(&mut relay);
    assert_eq!(relay.changes(), 1);
}

#[test]
fn a_draft_applied_is_an_edit_like_any_other() {
    let (mut relay, mut a, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    set(&mut b, &chart, "MedicationRequest/m1", "dosageInstruction[0].text", json!("9 daily"));
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    b.sync(&mut relay);
    relay.accounts.may_not_write.clear();
    let number = b.device.drafts(START).unwrap()[0].number;
    assert!(b.device.apply_draft(number, false, START).unwrap().change.is_some());
    assert!(b.device.drafts(START).unwrap().is_empty());
    assert!(b.device.apply_draft(number, false, START).is_err());
    b.sync(&mut relay);
    a.sync(&mut relay);
    assert_converged(&a, &b);
    assert_eq!(shown(&mut a, &chart, "MedicationRequest/m1")["dosageInstruction"][0]["text"], "9 daily");
}

#[test]
fn a_draft_does_not_overwrite_what_its_author_has_not_seen_unless_told_to() {
    let (mut relay, mut a, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    set(&mut b, &chart, "MedicationRequest/m1", "status", json!("stopped"));
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    set(&mut a, &chart, "MedicationRequest/m1", "status", json!("completed"));
    a.sync(&mut relay);
    b.sync(&mut relay);
    let number = b.device.drafts(START).unwrap()[0].number;
    let refused = b.device.apply_draft(number, false, START).unwrap_err().to_string();
    assert!(refused.contains("overwrite"), "{refused}");
    assert_eq!(shown(&mut b, &chart, "MedicationRequest/m1")["status"], "completed");
    b.device.apply_draft(number, true, START).unwrap();
    assert_eq!(shown(&mut b, &chart, "MedicationRequest/m1")["status"], "stopped");
}

#[test]
fn a_draft_stays_until_its_author_discards_it() {
    let (mut relay, _, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    set(&mut b, &chart, "MedicationRequest/m1", "status", json!("stopped"));
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    b.sync(&mut relay);
    let number = b.device.drafts(START).unwrap()[0].number;
    b.device.discard_draft(number, START).unwrap();
    assert!(b.device.drafts(START).unwrap().is_empty());
}

#[test]
fn of_a_draft_in_a_chart_that_is_taken_back_only_what_the_author_wrote_stays() {
    let (mut relay, _, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    set(&mut b, &chart, "AllergyIntolerance/a1", "code.text", json!("Own-Words"));
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    b.sync(&mut relay);
    relay.conduct.withdraw = relay.documents.keys().copied().collect();
    b.connect(&mut relay, START);
    assert!(b.files_hold("Own-Words") && !b.files_hold("Penicillin"));
    let draft = b.device.drafts(START).unwrap().remove(0);
    assert_eq!((draft.json, draft.steps[0].after.clone()), (None, Some(json!("Own-Words"))));
}

/// A note of another, to which the author of a returned change had added; then the chart is taken back.
fn draft_of_an_addition_once_the_chart_is_gone(
    of_other: &str,
    add: impl FnOnce(&mut Node, &ChartRef, &ResourceKey),
) -> Node {
    let (mut relay, mut a, mut b, chart) = two();
    let note = a.device.add_note(&chart, of_other, None, START).unwrap().resource;
    a.sync(&mut relay);
    b.sync(&mut relay);
    forbid(&mut relay, &b, "dr-b");
    add(&mut b, &chart, &note);
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    b.sync(&mut relay);
    relay.conduct.withdraw = relay.documents.keys().copied().collect();
    b.connect(&mut relay, START);
    b
}

#[test]
fn of_a_note_that_the_author_added_to_nothing_of_the_others_words_stays() {
    let words = "Theirz-One at home.\nTheirz-Two since May.";
    let mut b = draft_of_an_addition_once_the_chart_is_gone(words, |b, chart, note| {
        b.device.append_to_note(chart, note, "\nOwn-Line, seen today.", START).unwrap();
        b.device.splice_note(chart, note, 12, 0, "Own-Word ", START).unwrap();
    });
    let text = b.device.drafts(START).unwrap()[0].text();
    assert!(text.contains("Own-Line, seen today."), "{text}");
    for foreign in ["Theirz-One", "Theirz-Two"] {
        assert!(!text.contains(foreign), "{text}");
        let base64 = |bytes: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        assert!(!b.files_hold(foreign) && !b.files_hold(&base64(words)[..24]));
    }
}

#[test]
fn of_a_list_that_the_author_added_to_nothing_of_the_others_items_stays() {
    let (mut relay, mut a, mut b, chart) = two();
    set(&mut a, &chart, "MedicationRequest/m1", "note", json!([{"text": "Theirz-Note"}, {"text": "Theirz-Second"}]));
    a.sync(&mut relay);
    b.sync(&mut relay);
    forbid(&mut relay, &b, "dr-b");
    let with_own =
        json!([{"text": "Theirz-Note"}, {"text": "Own-Item", "time": "2026"}, {"text": "Theirz-Second, Own-End"}]);
    set(&mut b, &chart, "MedicationRequest/m1", "note", with_own);
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    b.sync(&mut relay);
    relay.conduct.withdraw = relay.documents.keys().copied().collect();
    b.connect(&mut relay, START);
    let text = b.device.drafts(START).unwrap()[0].text();
    assert!(text.contains("Own-Item") && text.contains("2026") && text.contains("Own-End"), "{text}");
    assert!(!text.contains("Theirz") && !b.files_hold("Theirz"), "{text}");
}

#[test]
fn a_decision_told_twice_changes_nothing_the_second_time() {
    let (mut relay, _, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    set(&mut b, &chart, "MedicationRequest/m1", "status", json!("stopped"));
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    let told = relay.accounts.decisions.clone();
    b.sync(&mut relay);
    let before = b.device.raw_changes(&document, START).unwrap();
    relay.accounts.decisions = told;
    b.sync(&mut relay);
    assert_eq!(b.device.raw_changes(&document, START).unwrap(), before);
    assert_eq!(b.device.drafts(START).unwrap().len(), 1);
}

#[test]
fn later_edits_use_no_sequence_number_twice() {
    let (mut relay, mut a, mut b, chart) = two();
    set(&mut b, &chart, "MedicationRequest/m1", "status", json!("on-hold"));
    b.sync(&mut relay);
    forbid(&mut relay, &b, "dr-b");
    set(&mut b, &chart, "MedicationRequest/m1", "status", json!("stopped"));
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    b.sync(&mut relay);
    relay.accounts.may_not_write.clear();
    set(&mut b, &chart, "MedicationRequest/m1", "status", json!("draft"));
    b.sync(&mut relay);
    a.sync(&mut relay);
    assert_converged(&a, &b);
    let changes = b.device.raw_changes(&document, START).unwrap();
    let metas: Vec<_> = changes.iter().map(|(_, bytes)| clinical_record::inspect_change(bytes).unwrap()).collect();
    let places: std::collections::BTreeSet<_> = metas.iter().map(|meta| (meta.actor.clone(), meta.seq)).collect();
    assert_eq!(places.len(), metas.len());
    let returned_actor = AuthorId::of(&b.key(), &client_core::PractitionerId::new("dr-b").unwrap());
    assert!(metas.last().unwrap().actor.starts_with(&returned_actor.0) && metas.last().unwrap().seq == 1);
}

#[test]
fn a_decision_on_work_kept_aside_is_heeded_when_the_chart_returns() {
    let (mut relay, _, mut b, chart) = two();
    forbid(&mut relay, &b, "dr-b");
    set(&mut b, &chart, "MedicationRequest/m1", "status", json!("stopped"));
    b.connect(&mut relay, START);
    relay.conduct.withdraw = relay.documents.keys().copied().collect();
    b.connect(&mut relay, START);
    let (document, hash) = first_in_custody(&relay);
    relay.decide(document, hash, false, WHY);
    b.connect(&mut relay, START);
    assert_eq!(b.device.status(START).unwrap().kept_aside.len(), 1);
    let work = b.device.own_work(START).unwrap();
    assert_eq!((work.len(), work[0].state, work[0].taken_back), (1, client_core::KeptState::Returned, true));
    assert_eq!(work[0].reason.as_deref(), Some(WHY));
    let told = b.device.export_own_work(&work[0], START).unwrap();
    assert_eq!(told.iter().map(|one| one.value.clone()).collect::<Vec<_>>(), [json!("stopped")], "and nothing else");
    relay.conduct.withdraw.clear();
    relay.epoch = sync_protocol::EpochId([9; 16]);
    b.give(Some(&mut relay), Input::Start, UnixMillis(START.0));
    assert!(b.device.status(START).unwrap().kept_aside.is_empty());
    assert_eq!(b.device.drafts(START).unwrap()[0].reason, WHY);
    assert_eq!(shown(&mut b, &chart, "MedicationRequest/m1")["status"], "active");
}

#[test]
fn what_the_relay_had_no_room_for_is_sent_again_at_the_next_connection() {
    let (mut relay, _, mut b, chart) = two();
    set(&mut b, &chart, "MedicationRequest/m1", "status", json!("stopped"));
    let full = sync_protocol::frame::RefusalReason::CustodyFull;
    relay.conduct.answer = Some(sync_protocol::frame::Answer::Refused(full));
    b.connect(&mut relay, START);
    let work = b.device.status(START).unwrap().work_per_chart;
    assert_eq!(work, [(Some(chart), ChartWork { refused: 1, ..ChartWork::default() })]);
    relay.conduct.answer = None;
    b.sync(&mut relay);
    assert!(b.device.status(START).unwrap().work_per_chart.is_empty());
}
