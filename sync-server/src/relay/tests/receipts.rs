//! Receipts: what was withdrawn is owed until the device's signed word comes.

use sync_protocol::frame::{Frame, PurgeReceipt, encode};
use sync_protocol::identity::SecretKey;

use super::*;
use crate::store::AlertKind;

/// `south` has the charts of two patients for an hour, and its device (2) does not confirm by itself.
fn granted() -> Clinic {
    let mut clinic = Clinic::of_two();
    clinic.devices[2].receipts = false;
    for of in ["p1", "p2"] {
        clinic.write(0, &core("north", of), "penicillin");
        clinic.grant("north", of, Grantee::Organization(organization("south")), &[Compartment::Core], HOUR);
    }
    clinic
}

fn owing(clinic: &Clinic) -> Vec<(usize, UnixMillis, u64)> {
    let number = |id| (0..clinic.devices.len()).find(|device| clinic.device_id(*device) == id).unwrap();
    let owing = clinic.relay.devices_owing(clinic.now).unwrap();
    owing.into_iter().map(|owing| (number(owing.device), owing.since, owing.documents)).collect()
}

fn confirm(clinic: &mut Clinic, device: usize, documents: Vec<sync_protocol::DocumentId>) {
    let bytes = clinic.devices[device].confirm(documents, false, UnixMillis(-7));
    clinic.send_raw(device, &bytes);
}

#[test]
fn a_device_owes_a_receipt_from_the_withdrawal_until_it_confirms() {
    let mut clinic = granted();
    assert_eq!(owing(&clinic), []);
    clinic.wait(HOUR);
    let since = clinic.now;
    assert_eq!(owing(&clinic), [(2, since, 2)]);
    clinic.wait(HOUR);
    confirm(&mut clinic, 2, vec![core("north", "p2").id()]);
    assert_eq!((owing(&clinic), clinic.devices[2].receipts_kept.clone()), (vec![(2, since, 1)], vec![1]));
    clinic.restart();
    clinic.sync(2);
    confirm(&mut clinic, 2, vec![core("north", "p1").id()]);
    assert_eq!(owing(&clinic), []);
    assert_eq!(clinic.audited("receipt").len(), 2);
    assert_eq!(clinic.relay.verify_audit().unwrap().1, None);
}

#[test]
fn repeated_foreign_and_unknown_receipts_do_no_harm() {
    let mut clinic = granted();
    clinic.wait(HOUR);
    let since = clinic.now;
    // Documents that nobody has, that it never had, none at all; and what another device holds.
    let others = vec![core("nowhere", "p9").id(), core("north", "p1").id()];
    confirm(&mut clinic, 1, others.clone());
    confirm(&mut clinic, 2, vec![core("nowhere", "p9").id()]);
    confirm(&mut clinic, 2, Vec::new());
    assert_eq!(owing(&clinic), [(2, since, 2)]);
    for _ in 0..3 {
        confirm(&mut clinic, 2, others.clone());
    }
    assert_eq!(owing(&clinic), [(2, since, 1)]);
    assert_eq!(clinic.devices[2].receipts_kept, [1, 2, 3, 4, 5], "each is answered");
    assert_eq!(clinic.audited("receipt").len(), 1, "one of them settled something");
}

#[test]
fn a_receipt_that_another_key_signed_ends_the_connection_and_settles_nothing() {
    let mut clinic = granted();
    clinic.wait(HOUR);
    let documents = vec![core("north", "p1").id(), core("north", "p2").id()];
    let forger = SecretKey::from_seed([9; 32]);
    let forged = PurgeReceipt::sign(&forger, &clinic.relay.id(), 1, documents, false, clinic.now);
    clinic.send_raw(2, &encode(&Frame::PurgeReceipt(forged)));
    assert!(clinic.devices[2].closed.is_some());
    assert_eq!(owing(&clinic)[0].2, 2);
}

#[test]
fn access_that_comes_back_ends_what_was_owed_and_a_new_end_owes_anew() {
    let mut clinic = granted();
    clinic.wait(HOUR);
    clinic.grant("north", "p1", Grantee::Organization(organization("south")), &[Compartment::Core], HOUR);
    assert_eq!(owing(&clinic)[0].2, 1);
    assert!(clinic.devices[2].holds(&core("north", "p1")));
    let first = owing(&clinic)[0].1;
    clinic.wait(HOUR);
    assert_eq!(owing(&clinic), [(2, first, 2)]);
    confirm(&mut clinic, 2, vec![core("north", "p2").id()]);
    assert_eq!(owing(&clinic), [(2, clinic.now, 1)], "the second end counts, not the first");
}

#[test]
fn being_told_again_does_not_move_the_time_since_when_it_owes() {
    let mut clinic = granted();
    clinic.cut(2);
    clinic.wait(HOUR);
    clinic.sync(2);
    let since = clinic.now;
    clinic.wait(DAY);
    for _ in 0..3 {
        clinic.resync(2);
    }
    assert_eq!(owing(&clinic), [(2, since, 2)]);
}

#[test]
fn a_revoked_device_owes_everything_that_it_was_given() {
    let mut clinic = granted();
    let id = clinic.device_id(2);
    clinic.admin(|relay, now| relay.revoke_device(&id, now)).unwrap();
    assert_eq!(owing(&clinic), [(2, clinic.now, 2)]);
}

#[test]
fn privacy_officers_of_the_devices_organization_hear_of_a_receipt_that_is_overdue() {
    let mut clinic = granted();
    clinic.wait(HOUR);
    clinic.wait(6 * DAY);
    assert_eq!(clinic.alerts_of("south"), []);
    clinic.wait(DAY);
    clinic.wait(DAY);
    let alerts = clinic.alerts_of("south");
    assert_eq!(alerts.iter().map(|a| (a.kind, a.count)).collect::<Vec<_>>(), [(AlertKind::OwedReceipt, 1)]);
    assert_eq!((clinic.alerts_of("north"), clinic.metrics.unseen_alerts.get()), (Vec::new(), 1));
    clinic.admin(|relay, now| relay.alert_seen(alerts[0].id, "officer", now)).unwrap();
    assert_eq!(clinic.metrics.unseen_alerts.get(), 0);
    // A device that is lost owes for ever, and that was seen.
    clinic.wait(DAY);
    assert_eq!((clinic.alerts_of("south").len(), clinic.metrics.unseen_alerts.get()), (1, 0));
    // What it is told to remove later is another matter, once what it was told first is settled.
    confirm(&mut clinic, 2, vec![core("north", "p1").id(), core("north", "p2").id()]);
    clinic.grant("north", "p1", Grantee::Organization(organization("south")), &[Compartment::Core], HOUR);
    clinic.wait(HOUR);
    clinic.wait(8 * DAY);
    assert_eq!((clinic.alerts_of("south").len(), clinic.metrics.unseen_alerts.get()), (2, 1));
}
