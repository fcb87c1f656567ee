//! Pushes of honest devices, and what an honest device may still get wrong.

use sync_protocol::frame::{Answer, PushBody, RefusalReason};
use sync_protocol::limits::MAX_CHANGES_PER_PUSH;

use super::*;
use automerge::transaction::Transactable;
use sync_protocol::frame::GoodbyeReason;

#[test]
fn a_change_is_accepted_once_and_had_from_then_on() {
    let mut clinic = Clinic::of_two();
    clinic.devices[0].edit(&core("north", "p1"), "penicillin");
    let body = clinic.devices[0].unsent();
    assert_eq!(clinic.push_body(0, &body), [Answer::Accepted]);
    assert_eq!(clinic.push_body(0, &body), [Answer::AlreadyHad]);
    clinic.resync(0);
    assert_eq!(clinic.push_body(0, &body), [Answer::AlreadyHad]);
    // The same document twice in one push.
    clinic.devices[0].edit(&core("north", "p1"), "latex");
    let mut twice = clinic.devices[0].unsent();
    twice.documents.push(twice.documents[0].clone());
    assert_eq!(clinic.push_body(0, &twice), [Answer::Accepted, Answer::AlreadyHad]);
    assert_eq!(clinic.relay.size(), (1, 2));
}

#[test]
fn what_a_change_builds_on_is_asked_for() {
    let mut clinic = Clinic::of_two();
    let first = clinic.devices[0].edit(&core("north", "p1"), "penicillin");
    clinic.devices[0].edit(&core("north", "p1"), "latex");
    let whole = clinic.devices[0].unsent();
    let mut second = whole.clone();
    second.documents[0].changes.remove(0);
    assert_eq!(clinic.push_body(0, &second), [Answer::Needs(vec![first])]);
    assert_eq!(clinic.relay.size().1, 0);
    assert_eq!(clinic.push_body(0, &whole), [Answer::Accepted, Answer::Accepted]);
    assert_eq!(clinic.devices[1].text(&core("north", "p1")).len(), 2);
}

#[test]
fn a_device_that_was_set_back_is_told_that_its_numbers_are_used_and_goes_on_as_another_incarnation() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "one");
    let disk = clinic.devices[0].disk.clone();
    clinic.write(0, &chart, "two");
    clinic.cut(0);
    clinic.devices[0].disk = disk;
    clinic.devices[0].edit(&chart, "other two");
    clinic.sync(0);
    assert_eq!(clinic.push(0), [Answer::Refused(RefusalReason::SequenceReused)]);
    // It has what it lost from the relay and starts anew.
    clinic.devices[0].disk.documents.clear();
    clinic.devices[0].disk.cursor = None;
    clinic.resync(0);
    clinic.devices[0].incarnation = 1;
    assert_eq!(clinic.write(0, &chart, "other two"), [Answer::Accepted]);
    assert_eq!(clinic.devices[1].text(&chart).len(), 3);
    clinic.resync(1);
    assert!(clinic.devices[1].agrees());
}

#[test]
fn two_devices_that_begin_the_same_document_offline_share_one() {
    let mut clinic = Clinic::of_two();
    clinic.cut(0);
    clinic.cut(1);
    let chart = core("north", "p1");
    clinic.devices[0].edit(&chart, "penicillin");
    clinic.devices[1].edit(&chart, "latex");
    for device in [0, 1, 0] {
        clinic.resync(device);
        clinic.push(device);
        clinic.resync(device);
        assert!(clinic.devices[device].agrees());
    }
    assert_eq!(clinic.devices[0].text(&chart), clinic.devices[1].text(&chart));
    assert_eq!(clinic.relay.size().0, 1);
}

#[test]
fn a_merge_of_two_branches_is_numbered_after_both() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "base");
    clinic.cut(1);
    for text in ["a1", "a2", "a3"] {
        clinic.write(0, &chart, text);
    }
    clinic.devices[1].edit(&chart, "b1");
    clinic.sync(1);
    assert_eq!(clinic.push(1), [Answer::Accepted]);
    assert_eq!(clinic.write(0, &chart, "merged"), [Answer::Accepted]);
    // An empty change, as Automerge makes to record a merge.
    let held = clinic.devices[1].disk.documents.get_mut(&chart.id()).unwrap();
    held.content.empty_change(automerge::transaction::CommitOptions::default());
    let change = held.content.get_last_local_change().unwrap();
    let hash = sync_protocol::ChangeHash(change.hash().0);
    held.unsent.push((hash, change.raw_bytes().to_vec()));
    let (secret, author) = (clinic.devices[1].secret.clone(), clinic.devices[1].author);
    clinic.devices[1].disk.documents.get_mut(&chart.id()).unwrap().sign(&secret, author, hash);
    assert_eq!(clinic.push(1), [Answer::Accepted]);
    assert_eq!(clinic.write(1, &chart, "after"), [Answer::Accepted]);
    assert_eq!(clinic.devices[0].text(&chart).len(), 7);
}

#[test]
fn a_long_text_and_its_deletion_are_ordinary_changes() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "begun");
    let (secret, author) = (clinic.devices[0].secret.clone(), clinic.devices[0].author);
    let held = clinic.devices[0].disk.documents.get_mut(&chart.id()).unwrap();
    let text = held.content.put_object(automerge::ROOT, "note", automerge::ObjType::Text).unwrap();
    held.content.splice_text(&text, 0, 0, &"x".repeat(100_000)).unwrap();
    let mut hashes = Vec::new();
    for _ in 0..2 {
        held.content.commit();
        let change = held.content.get_last_local_change().unwrap();
        hashes.push(sync_protocol::ChangeHash(change.hash().0));
        held.unsent.push((hashes[hashes.len() - 1], change.raw_bytes().to_vec()));
        held.content.splice_text(&text, 0, 100_000, "").unwrap();
    }
    held.sign(&secret, author, hashes[1]);
    assert_eq!(clinic.push(0), [Answer::Accepted, Answer::Accepted]);
    assert!(clinic.devices[1].holds(&chart));
}

#[test]
fn a_push_of_more_changes_than_allowed_ends_the_connection_and_keeps_nothing() {
    let mut clinic = Clinic::of_two();
    clinic.devices[0].edit(&core("north", "p1"), "penicillin");
    let mut body: PushBody = clinic.devices[0].unsent();
    let change = body.documents[0].changes[0].clone();
    body.documents[0].changes = vec![change; MAX_CHANGES_PER_PUSH / 2 + 1];
    body.documents.push(body.documents[0].clone());
    assert_eq!(clinic.push_body(0, &body), []);
    let (_, reason, detail) = clinic.devices[0].closed.as_ref().unwrap();
    assert_eq!((*reason, detail.as_str()), (GoodbyeReason::ProtocolViolation, "too many changes in one push"));
    assert_eq!(clinic.relay.size().1, 0);
}

#[test]
fn an_empty_push_is_answered() {
    let mut clinic = Clinic::of_two();
    assert_eq!(clinic.push_body(0, &PushBody::default()), []);
    assert!(clinic.devices[0].closed.is_none() && clinic.devices[0].answers.len() == 1);
}
