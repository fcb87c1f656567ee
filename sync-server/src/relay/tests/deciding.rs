//! A privacy officer's decisions on custody, and how they reach everyone they concern.

use sync_protocol::ChangeHash;
use sync_protocol::frame::{Answer, CustodyReason, RefusalReason};

use super::*;
use crate::relay::Decided;
use crate::store::{AlertKind, CustodyState, StoreError};

const NOT_PERMITTED: Answer = Answer::Custody(CustodyReason::NotPermitted);

/// `south` may read the core of `p1` and not write it; dr-s's device (2) has it. The officer of `north` is there.
fn reading() -> (Clinic, Subject, DocumentDescriptor) {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "penicillin");
    clinic.affiliate("north", "south", &[Compartment::Core], false);
    assert!(clinic.devices[2].holds(&chart));
    let officer = clinic.officer("north");
    (clinic, officer, chart)
}

fn accept(clinic: &mut Clinic, officer: &Subject, id: u64) -> Result<Decided, StoreError> {
    clinic.admin(|relay, now| relay.accept_custody(officer, id, "checked with the author", now))
}

fn give_back(clinic: &mut Clinic, officer: &Subject, id: u64) -> Result<Decided, StoreError> {
    clinic.admin(|relay, now| relay.return_custody(officer, id, "wrong patient", now))
}

fn refusal(outcome: Result<Decided, StoreError>) -> String {
    let Err(StoreError::Conflict(why)) = outcome else { panic!("{outcome:?}") };
    why
}

/// The device sends whole what the relay asked it for.
fn send_wanted(clinic: &mut Clinic, device: usize) -> Vec<Answer> {
    let mut wanted = std::mem::take(&mut clinic.devices[device].wanted);
    wanted.dedup();
    assert!(!wanted.is_empty(), "nothing is wanted");
    let body = clinic.devices[device].whole(&wanted);
    clinic.push_body(device, &body)
}

fn texts(clinic: &Clinic, device: usize, chart: &DocumentDescriptor) -> Vec<String> {
    clinic.devices[device].text(chart).into_iter().collect()
}

/// Everyone who may read it shows the same, and agrees with the relay after a reconnect.
fn all_agree(clinic: &mut Clinic, chart: &DocumentDescriptor, expected: &[&str]) {
    clinic.restart();
    for device in 0..3 {
        clinic.sync(device);
        assert_eq!(texts(clinic, device, chart), expected, "device {device}");
        assert!(clinic.devices[device].agrees(), "device {device}");
        assert!(clinic.devices[device].resumed.iter().all(|resumed| !resumed.compare), "device {device} compared");
    }
}

#[test]
fn an_accepted_change_reaches_everyone_who_may_read_it_and_its_author_hears_of_it() {
    let (mut clinic, officer, chart) = reading();
    assert_eq!(clinic.write(2, &chart, "ibuprofen"), [NOT_PERMITTED]);
    let decided = accept(&mut clinic, &officer, 1).unwrap();
    assert_eq!((decided.state, decided.released.len()), (CustodyState::Accepted, 1));
    assert_eq!(clinic.devices[2].decided.len(), 1);
    assert_eq!(
        (clinic.devices[2].decided[0].accepted, clinic.devices[2].decided[0].reason.as_str()),
        (true, "checked with the author")
    );
    all_agree(&mut clinic, &chart, &["ibuprofen", "penicillin"]);
    assert_eq!(clinic.devices[2].decided.len(), 1, "told once, as it knows");
    let row = &clinic.audited("custody-accept")[0];
    assert_eq!(row.practitioner.as_deref(), Some("officer-north"));
}

#[test]
fn an_accepted_change_begins_a_document_that_was_not_there() {
    let (mut clinic, officer, _) = reading();
    let chart = core("north", "p9");
    clinic.write(2, &chart, "found in the field");
    accept(&mut clinic, &officer, 1).unwrap();
    all_agree(&mut clinic, &chart, &["found in the field"]);
}

#[test]
fn a_returned_change_is_taken_out_with_what_builds_on_it_and_its_author_goes_on() {
    let (mut clinic, officer, chart) = reading();
    clinic.write(2, &chart, "first");
    clinic.write(2, &chart, "second");
    let decided = give_back(&mut clinic, &officer, 1).unwrap();
    assert_eq!((decided.state, decided.building_on_it.clone()), (CustodyState::Returned, vec![2]));
    let told: Vec<_> = clinic.devices[2].decided.iter().map(|d| (d.accepted, d.reason.as_str())).collect();
    assert_eq!(told, [(false, "wrong patient"), (false, "it builds on a change that was returned")]);
    assert_eq!(texts(&clinic, 2, &chart), ["penicillin"]);
    // Given the right, it writes on under the next incarnation.
    clinic.affiliate("north", "south", &[Compartment::Core], true);
    assert_eq!(clinic.write(2, &chart, "third"), [Answer::Accepted]);
    all_agree(&mut clinic, &chart, &["penicillin", "third"]);
}

#[test]
fn a_decision_is_repeated_until_it_is_known() {
    let (mut clinic, officer, chart) = reading();
    clinic.write(2, &chart, "x");
    clinic.devices[2].heeds = false;
    give_back(&mut clinic, &officer, 1).unwrap();
    clinic.resync(2);
    clinic.restart();
    clinic.sync(2);
    assert_eq!(clinic.devices[2].decided.len(), 3);
    clinic.devices[2].heeds = true;
    (0..3).for_each(|_| clinic.resync(2));
    assert_eq!(clinic.devices[2].decided.len(), 4);
}

#[test]
fn a_decision_made_while_its_author_is_away_is_told_when_it_comes() {
    let (mut clinic, officer, chart) = reading();
    clinic.write(2, &chart, "x");
    clinic.cut(2);
    accept(&mut clinic, &officer, 1).unwrap();
    assert_eq!(clinic.devices[2].decided.len(), 0);
    clinic.sync(2);
    assert_eq!(clinic.devices[2].decided.len(), 1);
    all_agree(&mut clinic, &chart, &["penicillin", "x"]);
}

#[test]
fn what_is_sent_again_after_it_was_returned_is_told_again_and_kept_once() {
    let (mut clinic, officer, chart) = reading();
    clinic.devices[2].edit(&chart, "x");
    let (old, body) = (clinic.devices[2].disk.clone(), clinic.devices[2].unsent());
    clinic.push(2);
    give_back(&mut clinic, &officer, 1).unwrap();
    // Set back to before it was decided on; even with the right to write, the decision stands.
    clinic.cut(2);
    clinic.affiliate("north", "south", &[Compartment::Core], true);
    clinic.devices[2].disk = old;
    clinic.sync(2);
    assert_eq!(clinic.push_body(2, &body), [NOT_PERMITTED]);
    assert_eq!(clinic.devices[2].decided.len(), 2);
    assert_eq!(texts(&clinic, 2, &chart), ["penicillin"]);
    // So is what builds on it.
    clinic.devices[2].decided.clear();
    clinic.devices[2].heeds = false;
    assert_eq!(clinic.devices[0].text(&chart).len(), 1);
}

#[test]
fn what_builds_on_a_returned_change_is_returned_as_it_comes() {
    let (mut clinic, officer, chart) = reading();
    clinic.devices[2].heeds = false;
    clinic.write(2, &chart, "first");
    give_back(&mut clinic, &officer, 1).unwrap();
    clinic.affiliate("north", "south", &[Compartment::Core], true);
    let second = clinic.devices[2].edit(&chart, "second, not knowing");
    assert_eq!(clinic.push(2), [Answer::Custody(CustodyReason::BuildsOnCustody)]);
    let told = clinic.devices[2].decided.last().unwrap();
    assert_eq!((told.change.hash, told.accepted), (second, false));
}

#[test]
fn a_change_is_accepted_after_what_it_builds_on_only() {
    let (mut clinic, officer, chart) = reading();
    clinic.write(2, &chart, "first");
    clinic.write(2, &chart, "second");
    let why = refusal(accept(&mut clinic, &officer, 2));
    assert!(why.contains("builds on 1"), "{why}");
    let decided = accept(&mut clinic, &officer, 1).unwrap();
    assert_eq!(decided.building_on_it, [2], "it is asked about what builds on it");
    accept(&mut clinic, &officer, 2).unwrap();
    all_agree(&mut clinic, &chart, &["first", "penicillin", "second"]);
    assert!(refusal(accept(&mut clinic, &officer, 1)).contains("already"));
    assert!(refusal(give_back(&mut clinic, &officer, 2)).contains("already"));
    assert!(matches!(accept(&mut clinic, &officer, 99), Err(StoreError::NotFound(_))));
}

#[test]
fn what_is_meant_for_an_organization_that_does_not_exist_is_returned_by_its_authors_officers() {
    let (mut clinic, officer, _) = reading();
    clinic.write(2, &core("nowhere", "p1"), "mistyped");
    let own = clinic.officer("south");
    let listed = |clinic: &Clinic, at: &str| {
        let scope = crate::store::Scope::Of(vec![organization(at)]);
        clinic.relay.custody_page(&scope, 0, 10).unwrap().len()
    };
    assert_eq!((listed(&clinic, "south"), listed(&clinic, "north"), listed(&clinic, "nowhere")), (1, 0, 1));
    assert!(matches!(give_back(&mut clinic, &officer, 1), Err(StoreError::NotPermitted)));
    assert!(clinic.admin(|relay, now| relay.custody_material(&own, 1, now)).is_ok());
    assert!(refusal(accept(&mut clinic, &own, 1)).contains("no organization manages"));
    assert_eq!(give_back(&mut clinic, &own, 1).unwrap().state, CustodyState::Returned);
    assert!(!clinic.devices[2].decided.last().unwrap().accepted);
    // Once there is one of that name it decides itself.
    clinic.write(2, &core("later", "p1"), "too early");
    clinic.organization("later");
    assert!(matches!(give_back(&mut clinic, &own, 2), Err(StoreError::NotPermitted)));
}

#[test]
fn only_an_officer_of_the_managing_organization_decides() {
    let (mut clinic, _, chart) = reading();
    clinic.write(2, &chart, "x");
    let other = clinic.officer("south");
    let physician = Subject { practitioner: practitioner("dr-a"), organization: organization("north") };
    for who in [other, physician] {
        assert!(matches!(accept(&mut clinic, &who, 1), Err(StoreError::NotPermitted)));
        assert!(matches!(give_back(&mut clinic, &who, 1), Err(StoreError::NotPermitted)));
    }
    let officer = clinic.officer("north");
    let without = clinic.admin(|relay, now| relay.return_custody(&officer, 1, " ", now));
    assert!(refusal(without).contains("say why"));
    let long = "x".repeat(2_000);
    assert!(matches!(clinic.admin(|r, now| r.return_custody(&officer, 1, &long, now)), Err(StoreError::Conflict(_))));
    assert_eq!(clinic.devices[0].text(&chart).len(), 1);
}

/// dr-s makes two changes and signs the second only.
fn signed_together(clinic: &mut Clinic, chart: &DocumentDescriptor) -> [ChangeHash; 2] {
    let hashes = ["kept", "dropped"].map(|text| clinic.devices[2].edit(chart, text));
    let held = clinic.devices[2].disk.documents.get_mut(&chart.id()).unwrap();
    held.signatures.retain(|signature| signature.tip != hashes[0]);
    assert_eq!(clinic.push(2), [NOT_PERMITTED; 2]);
    hashes
}

#[test]
fn a_change_whose_signature_covers_a_later_one_waits_for_that() {
    let (mut clinic, officer, chart) = reading();
    let [first, second] = signed_together(&mut clinic, &chart);
    let decided = accept(&mut clinic, &officer, 1).unwrap();
    assert_eq!((decided.state, decided.released.len()), (CustodyState::WaitsForSignature, 0));
    assert_eq!(clinic.devices[0].text(&chart).len(), 1, "nobody is sent what is not signed");
    let decided = accept(&mut clinic, &officer, 2).unwrap();
    assert_eq!(decided.released, [first, second]);
    all_agree(&mut clinic, &chart, &["dropped", "kept", "penicillin"]);
}

#[test]
fn when_the_signed_change_is_returned_its_author_is_asked_to_sign_what_was_accepted() {
    let (mut clinic, officer, chart) = reading();
    let [first, _] = signed_together(&mut clinic, &chart);
    accept(&mut clinic, &officer, 1).unwrap();
    // Asked at once; while the device still has the second it cannot sign the first alone.
    assert_eq!(send_wanted(&mut clinic, 2), [Answer::AlreadyHad, NOT_PERMITTED, NOT_PERMITTED]);
    give_back(&mut clinic, &officer, 2).unwrap();
    assert_eq!(send_wanted(&mut clinic, 2), [Answer::AlreadyHad, Answer::Accepted]);
    assert!(clinic.devices[0].text(&chart).contains("kept"));
    all_agree(&mut clinic, &chart, &["kept", "penicillin"]);
    assert!(clinic.devices[2].disk.documents[&chart.id()].shared.contains(&first));
    clinic.resync(2);
    assert!(clinic.devices[2].wanted.is_empty(), "nothing waits any more");
}

#[test]
fn it_is_asked_again_when_it_connects() {
    let (mut clinic, officer, chart) = reading();
    signed_together(&mut clinic, &chart);
    clinic.cut(2);
    accept(&mut clinic, &officer, 1).unwrap();
    give_back(&mut clinic, &officer, 2).unwrap();
    clinic.restart();
    clinic.sync(2);
    assert!(send_wanted(&mut clinic, 2).contains(&Answer::Accepted));
    all_agree(&mut clinic, &chart, &["kept", "penicillin"]);
}

#[test]
fn what_waits_for_a_signature_can_still_be_returned() {
    let (mut clinic, officer, chart) = reading();
    signed_together(&mut clinic, &chart);
    accept(&mut clinic, &officer, 1).unwrap();
    assert_eq!(give_back(&mut clinic, &officer, 1).unwrap().building_on_it, [2]);
    all_agree(&mut clinic, &chart, &["penicillin"]);
}

#[test]
fn an_officer_who_lost_the_right_has_accepted_nothing_that_is_not_in_the_log() {
    let (mut clinic, officer, chart) = reading();
    signed_together(&mut clinic, &chart);
    accept(&mut clinic, &officer, 1).unwrap();
    give_back(&mut clinic, &officer, 2).unwrap();
    clinic.no_role("officer-north", "north", Role::PrivacyOfficer);
    assert_eq!(send_wanted(&mut clinic, 2), [Answer::AlreadyHad, NOT_PERMITTED]);
    assert_eq!(clinic.metrics.rollbacks.get(), 0);
}

#[test]
fn a_change_that_no_longer_fits_the_log_is_not_accepted() {
    let (mut clinic, officer, chart) = reading();
    clinic.devices[2].heeds = false;
    let before = clinic.devices[2].disk.clone();
    clinic.write(2, &chart, "one");
    // The device is set back, gets the right to write, and uses the number again.
    clinic.devices[2].disk = before;
    clinic.affiliate("north", "south", &[Compartment::Core], true);
    assert_eq!(clinic.write(2, &chart, "another"), [Answer::Accepted]);
    let why = refusal(accept(&mut clinic, &officer, 1));
    assert!(why.contains("same number"), "{why}");
    give_back(&mut clinic, &officer, 1).unwrap();
    assert_eq!(clinic.devices[0].text(&chart).len(), 2);
}

#[test]
fn changes_given_back_after_a_restore_whose_author_has_left_can_be_accepted() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    let copy = clinic.backup();
    clinic.write(1, &chart, "by dr-b");
    clinic.restore(&copy);
    clinic.no_role("dr-b", "north", Role::Physician);
    let officer = clinic.officer("north");
    clinic.sync(0);
    clinic.devices[0].wanted.clear();
    let whole = clinic.devices[0].whole(&[chart.id()]);
    assert_eq!(clinic.push_body(0, &whole), [NOT_PERMITTED]);
    accept(&mut clinic, &officer, 1).unwrap();
    assert_eq!(clinic.devices[0].decided.len(), 1, "who brought it hears of it");
    let late = clinic.enrolled("dr-a", "north");
    clinic.sync(late);
    assert_eq!(texts(&clinic, late, &chart), ["by dr-b"]);
}

#[test]
fn a_change_that_comes_again_with_the_right_to_write_leaves_custody() {
    let (mut clinic, officer, chart) = reading();
    clinic.write(2, &chart, "x");
    clinic.affiliate("north", "south", &[Compartment::Core], true);
    let whole = clinic.devices[2].whole(&[chart.id()]);
    assert_eq!(clinic.push_body(2, &whole), [Answer::AlreadyHad, Answer::Accepted]);
    assert!(refusal(accept(&mut clinic, &officer, 1)).contains("already"));
    all_agree(&mut clinic, &chart, &["penicillin", "x"]);
}

#[test]
fn custody_of_one_device_is_bounded_and_what_does_not_fit_is_refused_for_now() {
    let (mut clinic, officer, chart) = reading();
    let other = core("north", "p2");
    clinic.restart_with(LedgerSettings { custody_changes: 2, ..LedgerSettings::default() });
    clinic.sync(2);
    let full = Answer::Refused(RefusalReason::CustodyFull);
    for (text, answer) in [("1", NOT_PERMITTED), ("2", NOT_PERMITTED), ("3", full.clone())] {
        clinic.devices[2].edit(&chart, text);
        assert_eq!(clinic.push(2), [answer]);
    }
    // What is there is known, also when it is full; and other devices have room of their own.
    let whole = clinic.devices[2].whole(&[chart.id()]);
    assert_eq!(clinic.push_body(2, &whole)[1..], [NOT_PERMITTED, NOT_PERMITTED, full]);
    let neighbour = clinic.enrolled("dr-s", "south");
    clinic.sync(neighbour);
    assert_eq!(clinic.write(neighbour, &other, "room"), [NOT_PERMITTED]);
    let kinds: Vec<_> = clinic.alerts_of("south").iter().map(|alert| (alert.kind, alert.count)).collect();
    assert_eq!(kinds, [(AlertKind::CustodyFull, 2)]);
    give_back(&mut clinic, &officer, 1).unwrap();
    assert_eq!(clinic.write(2, &other, "again"), [NOT_PERMITTED]);
}

#[test]
fn what_builds_on_a_returned_change_fills_custody_too_for_a_month() {
    let (mut clinic, officer, chart) = reading();
    clinic.restart_with(LedgerSettings { custody_changes: 3, ..LedgerSettings::default() });
    clinic.sync(2);
    clinic.devices[2].heeds = false;
    clinic.write(2, &chart, "returned");
    give_back(&mut clinic, &officer, 1).unwrap();
    let answers: Vec<_> = (0..5).flat_map(|n| clinic.write(2, &chart, &format!("on it {n}"))).collect();
    let full = Answer::Refused(RefusalReason::CustodyFull);
    assert!(answers[..3].iter().all(|answer| matches!(answer, Answer::Custody(_))), "{answers:?}");
    assert_eq!(answers[3..], [full.clone(), full]);
    clinic.wait(31 * DAY);
    clinic.resync(2);
    assert!(matches!(clinic.write(2, &core("north", "p2"), "a month later")[..], [Answer::Custody(_)]));
}

#[test]
fn a_push_into_custody_keeps_a_signature_for_each_change_and_repeating_it_keeps_no_more() {
    const CHANGES: usize = 300;
    let (mut clinic, _, chart) = reading();
    clinic.sql(
        "CREATE TABLE tried (n INTEGER);
         CREATE TRIGGER tries BEFORE INSERT ON custody_signature BEGIN INSERT INTO tried VALUES (1); END",
    );
    (0..CHANGES).for_each(|n| _ = clinic.devices[2].edit(&chart, &format!("{n}")));
    let mut body = clinic.devices[2].unsent();
    body.documents[0].signatures = clinic.devices[2].disk.documents[&chart.id()].signatures.clone();
    assert!(body.documents[0].signatures.len() >= CHANGES, "each is signed by itself");
    for times in 1..=2 {
        let answers = clinic.push_body(2, &body);
        assert!(answers.iter().all(|answer| matches!(answer, Answer::Custody(_))));
        assert_eq!(clinic.rows("custody"), CHANGES);
        assert_eq!((clinic.rows("custody_signature"), clinic.rows("tried")), (CHANGES, times * CHANGES));
    }
}

#[test]
fn signatures_over_what_custody_has_no_room_for_are_not_kept() {
    let (mut clinic, _, chart) = reading();
    clinic.restart_with(LedgerSettings { custody_changes: 2, ..LedgerSettings::default() });
    clinic.sync(2);
    (0..10).for_each(|n| _ = clinic.devices[2].edit(&chart, &format!("{n}")));
    let mut body = clinic.devices[2].unsent();
    body.documents[0].signatures = clinic.devices[2].disk.documents[&chart.id()].signatures.clone();
    clinic.push_body(2, &body);
    assert_eq!((clinic.rows("custody"), clinic.rows("custody_signature")), (2, 2));
}

#[test]
fn custody_is_bounded_in_bytes_too() {
    let (mut clinic, _, chart) = reading();
    clinic.restart_with(LedgerSettings { custody_bytes: 500, ..LedgerSettings::default() });
    clinic.sync(2);
    assert_eq!(clinic.write(2, &chart, &"x".repeat(600)), [Answer::Refused(RefusalReason::CustodyFull)]);
    assert_eq!(clinic.write(2, &core("north", "p2"), "small"), [NOT_PERMITTED]);
}

#[test]
fn the_managing_organizations_officers_are_alerted_once_for_what_waits() {
    let (mut clinic, _, chart) = reading();
    (0..3).for_each(|n| _ = clinic.write(2, &chart, &format!("{n}")));
    clinic.write(2, &core("nowhere", "p1"), "no such organization");
    let alerts = |at: &str| clinic.alerts_of(at).iter().map(|alert| (alert.kind, alert.count)).collect::<Vec<_>>();
    assert_eq!((alerts("north"), alerts("south")), (vec![(AlertKind::Custody, 3)], vec![(AlertKind::Custody, 1)]));
}
