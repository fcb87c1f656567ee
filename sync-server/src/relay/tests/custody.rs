//! Changes without the right to be written: kept, never delivered, and their answers tell nothing.

use sync_protocol::frame::{Answer, CustodyReason};

use super::*;

const NOT_PERMITTED: Answer = Answer::Custody(CustodyReason::NotPermitted);

#[test]
fn a_change_without_the_right_is_kept_and_reaches_nobody() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "penicillin");
    let before = clinic.devices[0].seen.len();
    assert_eq!(clinic.write(2, &chart, "CANARY"), [NOT_PERMITTED]);
    assert_eq!(clinic.devices[0].seen.len(), before);
    let kept = clinic.relay.custody().unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].practitioner.as_str(), kept[0].organization.as_str()), ("dr-s", "south"));
    assert!(kept[0].signature.is_some_and(|signature| signature.tip == kept[0].hash));
    // Again, after a restart, on a resume, to a device that arrives: nowhere.
    clinic.restart();
    (0..3).for_each(|device| clinic.sync(device));
    let late = clinic.enrolled("dr-b", "north");
    clinic.sync(late);
    for device in [0, 1, late] {
        assert_eq!(clinic.devices[device].text(&chart).len(), 1);
        assert!(clinic.devices[device].agrees());
    }
}

#[test]
fn the_same_change_twice_is_kept_once() {
    let mut clinic = Clinic::of_two();
    clinic.devices[2].edit(&core("north", "p1"), "x");
    let body = clinic.devices[2].unsent();
    for _ in 0..3 {
        assert_eq!(clinic.push_body(2, &body), [NOT_PERMITTED]);
    }
    assert_eq!(clinic.relay.custody().unwrap().len(), 1);
}

#[test]
fn custody_answers_tell_nothing_of_what_exists() {
    let mut clinic = Clinic::of_two();
    let (there, absent) = (core("north", "p1"), core("north", "p2"));
    clinic.write(0, &there, "penicillin");
    // A change that exists, one that builds on it, one on what is nowhere, one of an organization that is not there.
    let stolen = clinic.devices[0].disk.documents[&there.id()].content.clone();
    clinic.devices[2].disk.documents.clear();
    let mut answers = Vec::new();
    for chart in [&there, &absent, &core("nowhere", "p1")] {
        clinic.devices[2].edit(chart, "first");
        clinic.devices[2].edit(chart, "second");
        let held = clinic.devices[2].disk.documents.get_mut(&chart.id()).unwrap();
        held.content.merge(&mut stolen.clone()).unwrap();
        clinic.devices[2].edit(chart, "on top");
        let sizes: Vec<_> = [clinic.push(2)].into_iter().collect();
        answers.push((sizes, clinic.devices[2].seen.last().unwrap().1.len()));
    }
    assert_eq!(answers[0].0, [vec![NOT_PERMITTED; 3]]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[test]
fn what_builds_on_custody_goes_there_too() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "penicillin");
    assert_eq!(clinic.write(2, &chart, "unasked"), [NOT_PERMITTED]);
    clinic.affiliate("north", "south", &[Compartment::Core], true);
    assert!(clinic.devices[2].text(&chart).contains("penicillin"));
    for text in ["on top", "and more"] {
        assert_eq!(clinic.write(2, &chart, text), [Answer::Custody(CustodyReason::BuildsOnCustody)]);
    }
    assert_eq!(clinic.devices[0].text(&chart).len(), 1);
    // Once its author may write, the first one is taken when it is sent again, and so is what builds on it.
    let whole = clinic.devices[2].whole(&[chart.id()]);
    let answers = clinic.push_body(2, &whole);
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted | Answer::AlreadyHad)), "{answers:?}");
    assert_eq!(clinic.devices[0].text(&chart).len(), 4);
}

#[test]
fn losing_the_right_turns_the_next_change_to_custody() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    assert_eq!(clinic.write(1, &chart, "before"), [Answer::Accepted]);
    clinic.devices[1].edit(&chart, "unsent");
    let body = clinic.devices[1].unsent();
    clinic.no_role("dr-b", "north", Role::Physician);
    assert!(!clinic.devices[1].holds(&chart), "withdrawn");
    assert_eq!(clinic.push_body(1, &body), [NOT_PERMITTED]);
}

#[test]
fn a_device_brings_others_changes_only_within_its_own_right() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.cut(0);
    clinic.devices[0].edit(&chart, "penicillin");
    let body = clinic.devices[0].whole(&[chart.id()]);
    assert_eq!(clinic.push_body(2, &body), [NOT_PERMITTED]);
    assert_eq!(clinic.push_body(1, &body), [Answer::Accepted]);
    assert_eq!(clinic.push_body(2, &body), [NOT_PERMITTED], "also when the log has it");
    // Whoever may write learns that it is there, even after its author has lost the right.
    clinic.no_role("dr-a", "north", Role::Physician);
    assert_eq!(clinic.push_body(1, &body), [Answer::AlreadyHad]);
    assert_eq!(clinic.relay.custody().unwrap().len(), 1);
}

#[test]
fn categories_without_end_are_begun_by_nobody_without_an_officer() {
    let mut clinic = Clinic::of_two();
    let officer = clinic.officer("north");
    clinic.grant("north", "p1", Grantee::Organization(organization("south")), &[Compartment::Sensitive], DAY);
    let category = |n: usize| document("north", "p1", Compartment::Sensitive, &format!("C{n}"));
    (0..130).for_each(|n| _ = clinic.devices[2].edit(&category(n), "x"));
    let body = clinic.devices[2].unsent();
    let order: Vec<_> = body.documents.iter().map(|document| document.descriptor.part.clone()).collect();
    let answers = clinic.push_body(2, &body);
    let kept = Answer::Custody(CustodyReason::NotPermitted);
    assert_eq!(answers[..128], vec![Answer::Accepted; 128]);
    assert_eq!(answers[128..], [kept.clone(), kept]);
    // Those that are there go on, and an officer may let one more in.
    let there = DocumentDescriptor { part: order[0].clone(), ..category(0) };
    assert_eq!(clinic.write(2, &there, "more"), [Answer::Accepted]);
    clinic.admin(|relay, now| relay.accept_custody(&officer, 1, "a category of ours", now)).unwrap();
    let there = DocumentDescriptor { part: order[128].clone(), ..category(0) };
    assert_eq!(clinic.write(2, &there, "more"), [Answer::Accepted]);
}
