//! Documents laid ready, sealed, on devices whose practitioners may not read them.

use super::*;
use crate::access::Relationship;

const SECRET: &[u8] = b"penicillin";

/// North treats p1 and p2; east treats p1 too. `dr-e` at east has a device (3), which is connected.
fn east() -> Clinic {
    let mut clinic = Clinic::of_two();
    clinic.organization("east");
    clinic.role("dr-e", "east", Role::Physician, &[]);
    for patient in ["p1", "p2"] {
        clinic.write(0, &core("north", patient), "penicillin");
        clinic.write(0, &document("north", patient, Compartment::Results, ""), "penicillin");
    }
    relate(&mut clinic, true);
    let device = clinic.enrolled("dr-e", "east");
    clinic.sync(device);
    clinic
}

fn relate(clinic: &mut Clinic, treats: bool) {
    relate_to(clinic, "p1", treats);
}

fn relate_to(clinic: &mut Clinic, who: &str, treats: bool) {
    let (organization, partner) = (organization("north"), organization("east"));
    let relationship = Relationship { organization, patient: patient(who), partner };
    let change = |relay: &mut Relay, now| match treats {
        true => relay.put_relationship(&relationship, now),
        false => relay.remove_relationship(&relationship, now),
    };
    clinic.admin(change).unwrap();
}

/// Times 30,000 characters that cannot be made smaller than half.
fn write_much(clinic: &mut Clinic, patient: &str, times: u64) {
    for seed in 0..times {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bytes = [0; 15_000];
        rng.fill_bytes(&mut bytes);
        let text = hex::encode(bytes);
        let answers = clinic.write(0, &core("north", patient), &text);
        assert_eq!(answers, [Answer::Accepted]);
    }
}

fn sealed(clinic: &Clinic) -> Vec<DocumentDescriptor> {
    let patients = ["p1", "p2"].iter().flat_map(|p| [core("north", p), document("north", p, Compartment::Results, "")]);
    patients.filter(|descriptor| clinic.devices[3].disk.sealed.contains_key(&descriptor.id())).collect()
}

#[test]
fn what_policy_stages_lies_sealed_on_the_device_and_nothing_else() {
    let clinic = east();
    assert_eq!(sealed(&clinic), [core("north", "p1")]);
    assert!(clinic.devices[3].disk.documents.is_empty(), "nothing of it is open");
    assert!(clinic.devices[3].agrees());
}

#[test]
fn sealed_bytes_show_nothing_and_open_with_the_devices_key() {
    let clinic = east();
    let device = &clinic.devices[3];
    assert!(!device.seen.iter().any(|(_, bytes)| bytes.windows(SECRET.len()).any(|some| some == SECRET)));
    let sealed = &device.disk.sealed[&core("north", "p1").id()];
    let body = sealed.open(&device.secret).unwrap();
    let [delivered] = &body.documents[..] else { panic!("{body:?}") };
    assert!(delivered.changes.iter().any(|change| change.windows(SECRET.len()).any(|some| some == SECRET)));
    assert_eq!(delivered.descriptor, Some(core("north", "p1")));
    assert_eq!((body.certificates.len(), body.organization_keys.len()), (1, 1), "it can be checked by itself");
    assert_eq!(sealed.for_ms, 4 * HOUR as u64, "as the policy says");
    assert!(sealed.open(&clinic.devices[0].secret).is_err());
}

#[test]
fn a_later_version_replaces_the_one_that_lies_there() {
    let mut clinic = east();
    let before = clinic.devices[3].disk.sealed.clone();
    clinic.write(0, &core("north", "p1"), "later");
    clinic.resync(3);
    assert_ne!(clinic.devices[3].disk.sealed, before);
    let again = clinic.devices[3].disk.sealed.clone();
    clinic.resync(3);
    assert_eq!(clinic.devices[3].disk.sealed, again, "nothing changed, nothing is sent");
}

#[test]
fn who_is_told_that_all_was_sent_is_told_whether_sealed_documents_follow() {
    let mut clinic = east();
    clinic.write(0, &core("north", "p1"), "later");
    clinic.devices[3].stages.clear();
    clinic.resync(3);
    let device = &clinic.devices[3];
    assert_eq!((device.caught_up.last().unwrap().stage, &device.stages[..]), (true, &[(1, false)][..]));
    clinic.resync(3);
    let device = &clinic.devices[3];
    assert_eq!((device.caught_up.last().unwrap().stage, device.stages.len()), (false, 1), "nothing is left to send");
}

#[test]
fn more_than_one_frame_takes_is_announced_frame_by_frame() {
    let mut clinic = east();
    clinic.cut(3);
    for patient in ["p3", "p4", "p5", "p6"] {
        write_much(&mut clinic, patient, 16);
        relate_to(&mut clinic, patient, true);
    }
    clinic.devices[3].stages.clear();
    clinic.sync(3);
    let stages = &clinic.devices[3].stages;
    assert!(stages.len() > 1, "{stages:?}");
    let (last, before) = stages.split_last().unwrap();
    assert!(before.iter().all(|(_, more)| *more) && !last.1, "{stages:?}");
}

#[test]
fn who_waits_for_sealed_documents_is_told_when_there_are_none() {
    let mut clinic = east();
    // Too large to be laid ready, which shows when it is sealed.
    write_much(&mut clinic, "p1", 80);
    clinic.devices[3].stages.clear();
    clinic.resync(3);
    let device = &clinic.devices[3];
    assert_eq!((device.caught_up.last().unwrap().stage, &device.stages[..]), (true, &[(0, false)][..]));
}

#[test]
fn what_may_lie_there_no_more_is_taken_back_until_a_receipt_comes() {
    let mut clinic = east();
    clinic.devices[3].receipts = false;
    relate(&mut clinic, false);
    assert_eq!(sealed(&clinic), []);
    clinic.devices[3].withdrawn.clear();
    clinic.devices[3].receipts = true;
    clinic.resync(3);
    assert_eq!(clinic.devices[3].withdrawn, [core("north", "p1").id()], "told again: nobody said that it is gone");
    clinic.devices[3].withdrawn.clear();
    clinic.resync(3);
    assert_eq!(clinic.devices[3].withdrawn, []);
}

#[test]
fn each_laying_ready_is_in_the_audit_trail_before_it_leaves() {
    let clinic = east();
    let rows = clinic.relay.audit_after(0, 1_000).unwrap();
    let row = rows.iter().find(|row| row.action == "lay-ready-sealed").unwrap();
    assert_eq!(row.practitioner.as_deref(), Some("dr-e"));
    let number = clinic.relay.store.document(&core("north", "p1").id()).unwrap().unwrap().number;
    let last = clinic.relay.store.last_position(number).unwrap();
    assert_eq!(row.detail, format!("{{\"documents-upto\":[[{number},{}]]}}", last.0));
}

#[test]
fn a_document_that_opens_regularly_needs_no_sealed_copy() {
    let mut clinic = east();
    clinic.affiliate("north", "east", &[Compartment::Core], false);
    assert!(clinic.devices[3].holds(&core("north", "p1")));
    let device = DeviceId::of_key(&clinic.devices[3].secret.public());
    assert_eq!(clinic.relay.store.staged(&device).unwrap(), []);
}

#[test]
fn what_was_to_be_given_back_is_owed_until_a_receipt_comes_and_alerted_when_it_is_overdue() {
    let mut clinic = east();
    clinic.devices[3].receipts = false;
    relate(&mut clinic, false);
    let (id, since) = (clinic.device_id(3), clinic.now);
    let owing = |clinic: &Clinic| {
        let owing = clinic.relay.devices_owing(clinic.now).unwrap();
        owing.iter().map(|owing| (owing.device, owing.since, owing.documents)).collect::<Vec<_>>()
    };
    assert_eq!(owing(&clinic), [(id, since, 1)]);
    clinic.wait(HOUR);
    clinic.resync(3);
    assert_eq!(owing(&clinic), [(id, since, 1)], "being told again does not move the time");
    clinic.wait(8 * DAY);
    assert_eq!(clinic.alerts_of("east").len(), 1);
    clinic.devices[3].receipts = true;
    clinic.resync(3);
    assert_eq!(owing(&clinic), []);
}

#[test]
fn what_may_lie_there_again_is_owed_no_more() {
    let mut clinic = east();
    clinic.devices[3].receipts = false;
    relate(&mut clinic, false);
    // A withdrawal of something that was open beside it is owed on its own.
    clinic.affiliate("north", "east", &[Compartment::Results], false);
    let affiliation = (organization("north"), organization("east"));
    clinic.admin(|relay, now| relay.remove_affiliation(&affiliation.0, &affiliation.1, now)).unwrap();
    assert_eq!(clinic.relay.devices_owing(clinic.now).unwrap()[0].documents, 3);
    relate(&mut clinic, true);
    clinic.resync(3);
    assert_eq!(clinic.relay.devices_owing(clinic.now).unwrap()[0].documents, 2);
}
