//! A lost device: exactly what was on it, and how it is erased.

use sync_protocol::frame::{Answer, CustodyReason, GoodbyeReason};

use super::device::bytes_of;
use super::*;
use crate::relay::{DocumentOnDevice, LostDevice};

const REVOKED: Answer = Answer::Custody(CustodyReason::DeviceRevoked);

fn lost(clinic: &mut Clinic, device: usize) -> LostDevice {
    let id = clinic.device_id(device);
    clinic.admin(|relay, _| relay.lost_device(&id)).unwrap()
}

fn order(clinic: &mut Clinic, device: usize) {
    let id = clinic.device_id(device);
    clinic.admin(|relay, now| relay.order_wipe(&id, now)).unwrap();
}

/// Patient, acknowledged, sent and written changes of each document.
fn versions(documents: &[DocumentOnDevice]) -> Vec<(String, Option<u64>, Option<u64>, u64)> {
    let patient = |d: &DocumentOnDevice| d.descriptor.patient.as_ref().map_or_else(String::new, |p| p.to_string());
    let changes = |v: Option<crate::relay::ShownVersion>| v.map(|v| v.version.changes);
    documents.iter().map(|d| (patient(d), changes(d.acknowledged), changes(d.sent), d.written.changes)).collect()
}

#[test]
fn it_is_known_exactly_which_versions_are_and_may_be_on_a_device() {
    let mut clinic = Clinic::of_two();
    for text in ["one", "two"] {
        clinic.write(0, &core("north", "p1"), text);
    }
    let second = clinic.now;
    clinic.write(1, &core("north", "p2"), "its own");
    clinic.devices[1].acks = false;
    clinic.wait(1_000);
    clinic.write(0, &core("north", "p1"), "three");
    clinic.write(0, &core("north", "p3"), "one");
    clinic.cut(1);
    // While it is away, more happens that it does not have.
    clinic.write(0, &core("north", "p1"), "four");
    clinic.write(0, &core("north", "p4"), "one");
    let lost = lost(&mut clinic, 1);
    let expected = [("p1", Some(2), Some(3), 0), ("p2", None, None, 1), ("p3", None, Some(1), 0)];
    assert_eq!(versions(&lost.on_device), expected.map(|(p, a, s, w)| (p.to_owned(), a, s, w)));
    assert_eq!(lost.on_device[0].acknowledged.unwrap().version.last_change_at, Some(second));
    assert_eq!((lost.removed.len(), lost.wipe), (0, None));
}

#[test]
fn what_was_taken_back_stands_apart_with_whether_it_was_confirmed() {
    let mut clinic = Clinic::of_two();
    for of in ["p1", "p2"] {
        clinic.write(0, &core("north", of), "x");
        let valid = if of == "p1" { HOUR } else { 2 * HOUR };
        clinic.grant("north", of, Grantee::Organization(organization("south")), &[Compartment::Core], valid);
    }
    clinic.wait(HOUR);
    clinic.devices[2].receipts = false;
    clinic.wait(HOUR);
    let lost = lost(&mut clinic, 2);
    let removed: Vec<_> = lost.removed.iter().map(|r| (r.was.descriptor.clone(), r.owed_since)).collect();
    assert_eq!(removed, [(core("north", "p1"), None), (core("north", "p2"), Some(clinic.now))]);
    assert_eq!(lost.on_device, []);
}

#[test]
fn a_device_under_an_order_is_given_nothing_and_what_it_has_unsent_goes_to_custody() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "penicillin");
    clinic.cut(1);
    clinic.devices[1].edit(&core("north", "p1"), "unsent");
    order(&mut clinic, 1);
    clinic.write(0, &core("north", "p2"), "CANARY");
    clinic.sync(1);
    assert!(clinic.devices[1].welcome.as_ref().unwrap().wipe);
    assert_eq!(clinic.push(1), [REVOKED]);
    assert!(!clinic.devices[1].holds(&core("north", "p2")));
    let kept = clinic.relay.custody().unwrap();
    assert_eq!(kept.iter().map(|entry| entry.reason).collect::<Vec<_>>(), [CustodyReason::DeviceRevoked]);
    assert_eq!(clinic.devices[0].text(&core("north", "p1")).len(), 1);
}

#[test]
fn what_the_log_has_of_a_device_under_an_order_needs_no_decision() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(1, &chart, "sent");
    clinic.devices[1].edit(&chart, "unsent");
    let whole = clinic.devices[1].whole(&[chart.id()]);
    order(&mut clinic, 1);
    clinic.sync(1);
    assert_eq!(clinic.push_body(1, &whole), [Answer::AlreadyHad, REVOKED]);
    assert_eq!(clinic.relay.custody().unwrap().len(), 1);
}

#[test]
fn its_receipt_ends_the_order_and_from_then_on_it_is_refused() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "penicillin");
    order(&mut clinic, 1);
    assert_eq!(clinic.devices[1].closed.as_ref().unwrap().1, GoodbyeReason::Unavailable, "it is to come back");
    assert_eq!(clinic.relay.devices_owing(clinic.now).unwrap().len(), 1);
    clinic.sync(1);
    let now = clinic.now;
    let bytes = clinic.devices[1].confirm(Vec::new(), true, now);
    clinic.send_raw(1, &bytes);
    assert_eq!(clinic.devices[1].receipts_kept, [1]);
    assert_eq!(clinic.devices[1].closed.as_ref().unwrap().1, GoodbyeReason::Revoked);
    let lost = lost(&mut clinic, 1);
    assert_eq!((lost.on_device.len(), lost.removed.len()), (0, 1));
    assert_eq!(lost.wipe.unwrap().wiped_at, Some(clinic.now));
    assert_eq!(clinic.relay.devices_owing(clinic.now).unwrap(), []);
    clinic.sync(1);
    assert_eq!(clinic.devices[1].closed.as_ref().unwrap().1, GoodbyeReason::Revoked);
    assert_eq!(clinic.audited("wiped").len(), 1);
}

#[test]
fn an_expired_certificate_does_not_save_a_device_from_the_order() {
    let mut clinic = Clinic::of_two();
    clinic.devices[1].edit(&core("north", "p1"), "unsent");
    let body = clinic.devices[1].unsent();
    order(&mut clinic, 1);
    clinic.wait(366 * DAY);
    clinic.sync(1);
    clinic.wait(1_000);
    assert_eq!(clinic.push_body(1, &body), [REVOKED]);
}

#[test]
fn without_an_order_a_revoked_device_is_refused() {
    let mut clinic = Clinic::of_two();
    let id = clinic.device_id(1);
    clinic.admin(|relay, now| relay.revoke_device(&id, now)).unwrap();
    clinic.sync(1);
    assert_eq!(clinic.devices[1].closed.as_ref().unwrap().1, GoodbyeReason::Revoked);
    assert!(clinic.devices[1].session.as_ref().unwrap().receipt(1, Vec::new(), true, clinic.now).is_none());
}

#[test]
fn the_trail_of_a_device_under_an_order_is_kept() {
    let mut clinic = Clinic::of_two();
    order(&mut clinic, 1);
    clinic.sync(1);
    let entries = sync_protocol::frame::TrailBody::default();
    let bytes = bytes_of(
        clinic.devices[1].session.as_ref().unwrap().trail(1, sync_protocol::TrailHash([0; 32]), &entries).unwrap(),
    );
    clinic.send_raw(1, &bytes);
    assert_eq!(clinic.devices[1].trail_kept, [0]);
}

#[test]
fn changes_of_a_revoked_devices_author_go_to_custody_whoever_brings_them() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.cut(0);
    clinic.devices[0].edit(&chart, "before or after the theft");
    let body = clinic.devices[0].whole(&[chart.id()]);
    let id = clinic.device_id(0);
    clinic.admin(|relay, now| relay.revoke_device(&id, now)).unwrap();
    assert_eq!(clinic.push_body(1, &body), [REVOKED]);
    assert!(!clinic.devices[1].holds(&chart));
}

#[test]
fn a_chart_s_disclosures_name_every_device_version_and_time() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "one");
    let first = clinic.now;
    clinic.wait(HOUR);
    clinic.write(0, &core("north", "p1"), "two");
    clinic.write(0, &core("north", "p2"), "another's");
    clinic.grant("north", "p1", Grantee::Organization(organization("south")), &[Compartment::Core], HOUR);
    let found = clinic.admin(|relay, now| relay.disclosures(&organization("north"), &patient("p1"), now)).unwrap();
    let sent: Vec<_> = found
        .sent
        .iter()
        .map(|s| {
            (s.at, s.practitioner.as_deref().unwrap(), s.organization.as_deref().unwrap(), s.version.version.changes)
        })
        .collect();
    let second = clinic.now;
    assert_eq!(sent, [(first, "dr-b", "north", 1), (second, "dr-b", "north", 2), (second, "dr-s", "south", 2)]);
    assert!(found.sent.iter().all(|sent| sent.acknowledged_at.is_some()));
}

#[test]
fn a_device_under_an_order_has_more_room_in_custody_as_what_it_cannot_send_is_lost() {
    let mut clinic = Clinic::of_two();
    clinic.cut(1);
    order(&mut clinic, 1);
    clinic.restart_with(LedgerSettings { custody_changes: 1, ..LedgerSettings::default() });
    clinic.sync(1);
    for n in 0..4 {
        assert_eq!(clinic.write(1, &core("north", "p1"), &format!("{n}")), [REVOKED]);
    }
    let full = Answer::Refused(sync_protocol::frame::RefusalReason::CustodyFull);
    assert_eq!(clinic.write(1, &core("north", "p1"), "one too many"), [full]);
}

#[test]
fn what_lies_sealed_on_a_device_is_listed_apart_and_owed_until_it_is_erased() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "x");
    clinic.cut(2);
    let id = clinic.device_id(2);
    clinic.sql(&format!(
        "INSERT INTO staged (device, document, position, at_ms, acknowledged) VALUES (x'{id}', 1, 1, 5, 1)"
    ));
    order(&mut clinic, 2);
    let listed = lost(&mut clinic, 2);
    let sealed: Vec<_> = listed.sealed.iter().map(|s| (s.descriptor.clone(), s.version.version.changes)).collect();
    assert_eq!((sealed, listed.on_device.len()), (vec![(core("north", "p1"), 1)], 0));
    assert_eq!(clinic.relay.devices_owing(clinic.now).unwrap()[0].documents, 1);
    clinic.sync(2);
    let now = clinic.now;
    let bytes = clinic.devices[2].confirm(Vec::new(), true, now);
    clinic.send_raw(2, &bytes);
    assert_eq!(lost(&mut clinic, 2).sealed, []);
    assert_eq!(clinic.relay.devices_owing(clinic.now).unwrap(), []);
}
