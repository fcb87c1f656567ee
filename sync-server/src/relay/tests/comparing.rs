//! Restored backups on either side: comparing what is held heals both.

use super::*;
use sync_protocol::frame::{Answer, Inventory, InventoryEntry};
use sync_protocol::{Checksum, DocumentId, Frame, encode};

/// Compares, gives back what the relay wants, and syncs again.
fn heal(clinic: &mut Clinic, device: usize) {
    clinic.cut(device);
    clinic.devices[device].wanted.clear();
    let mut resume = clinic.devices[device].resume();
    resume.compare = !clinic.devices[device].agrees();
    clinic.connect(device, Intent::Sync(resume));
    clinic.run();
    let wanted = std::mem::take(&mut clinic.devices[device].wanted);
    let body = clinic.devices[device].whole(&wanted);
    let answers = clinic.push_body(device, &body);
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted | Answer::AlreadyHad)), "{answers:?}");
    clinic.resync(device);
}

#[test]
fn a_cursor_of_another_device_or_epoch_leads_to_a_comparison() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "x");
    clinic.cut(1);
    let own = clinic.devices[1].disk.clone();
    clinic.devices[1].disk.cursor = clinic.devices[0].disk.cursor.clone();
    clinic.sync(1);
    assert!(clinic.devices[1].resumed.iter().rev().nth(1).unwrap().compare);
    clinic.cut(1);
    clinic.devices[1].disk = own.clone();
    clinic.devices[1].disk.epoch = Some(sync_protocol::EpochId([9; 16]));
    clinic.sync(1);
    assert!(clinic.devices[1].resumed.iter().rev().nth(1).unwrap().compare);
    clinic.cut(1);
    clinic.devices[1].disk = own;
    clinic.devices[1].disk.cursor = Some(sync_protocol::frame::Cursor(vec![1; 44].into()));
    clinic.sync(1);
    assert!(clinic.devices[1].resumed.iter().rev().nth(1).unwrap().compare);
    assert_eq!(clinic.devices[1].deliveries, [], "what is the same is not sent");
    assert!(clinic.devices[1].agrees());
}

#[test]
fn a_relay_set_back_to_an_old_copy_is_given_back_what_devices_hold() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "one");
    let copy = clinic.backup();
    clinic.write(1, &core("north", "p1"), "two");
    clinic.write(0, &core("north", "p1"), "three");
    clinic.write(0, &core("north", "p2"), "a new patient");
    clinic.restore(&copy);
    assert_eq!(clinic.relay.size().1, 1);
    // The device brings its colleague's change back as well, with the certificate that it kept.
    clinic.sync(0);
    heal(&mut clinic, 0);
    assert_eq!(clinic.relay.size(), (2, 4));
    heal(&mut clinic, 1);
    for device in [0, 1] {
        assert!(clinic.devices[device].agrees());
        assert_eq!(clinic.devices[device].text(&core("north", "p1")).len(), 3);
        assert!(clinic.devices[device].holds(&core("north", "p2")));
    }
}

#[test]
fn a_device_set_back_finds_out_and_is_sent_what_it_lost() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "one");
    clinic.cut(1);
    let disk = clinic.devices[1].disk.clone();
    clinic.sync(1);
    clinic.write(0, &core("north", "p2"), "granted later");
    clinic.write(1, &core("north", "p1"), "own");
    clinic.cut(1);
    clinic.devices[1].disk = disk;
    clinic.sync(1);
    assert!(!clinic.devices[1].agrees(), "its own change is not sent back unless it says that it lacks it");
    heal(&mut clinic, 1);
    assert!(clinic.devices[1].agrees());
    assert_eq!(clinic.devices[1].text(&core("north", "p1")).len(), 2);
}

#[test]
fn a_batch_that_was_acknowledged_and_then_lost_is_found_by_the_checksum_and_sent_again() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "one");
    clinic.write(0, &core("north", "p2"), "two");
    clinic.cut(1);
    // The cursor says that it is there.
    clinic.devices[1].disk.documents.remove(&core("north", "p2").id()).unwrap();
    clinic.sync(1);
    assert!(!clinic.devices[1].agrees());
    heal(&mut clinic, 1);
    assert!(clinic.devices[1].agrees() && clinic.devices[1].holds(&core("north", "p2")));
}

#[test]
fn a_device_set_back_to_a_time_when_it_had_more_rights_is_told_to_remove_what_it_no_longer_may_have() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "one");
    clinic.grant("north", "p1", Grantee::Organization(organization("south")), &[Compartment::Core], HOUR);
    let disk = clinic.devices[2].disk.clone();
    clinic.wait(HOUR);
    clinic.resync(2);
    clinic.cut(2);
    clinic.devices[2].disk = disk;
    clinic.devices[2].withdrawn.clear();
    let mut resume = clinic.devices[2].resume();
    resume.compare = true;
    clinic.connect(2, Intent::Sync(resume));
    clinic.run();
    assert_eq!(clinic.devices[2].withdrawn, [core("north", "p1").id()]);
}

#[test]
fn an_inventory_is_no_oracle_for_what_exists() {
    let mut clinic = Clinic::of_two();
    let there = core("north", "p1");
    clinic.write(0, &there, "one");
    let fingerprint = clinic.devices[0].disk.documents[&there.id()].fingerprint(&there.id());
    clinic.cut(2);
    clinic.devices[2].tells = false;
    let mut resume = clinic.devices[2].resume();
    resume.compare = true;
    clinic.connect(2, Intent::Sync(resume));
    clinic.run();
    let absent = DocumentId([7; 16]);
    let entry = |document, fingerprint| InventoryEntry { document, fingerprint };
    let documents = vec![
        entry(there.id(), fingerprint),
        entry(there.id(), Checksum::default()),
        entry(absent, fingerprint),
        entry(absent, Checksum::default()),
    ];
    clinic.send_raw(2, &encode(&Frame::Inventory(Inventory { documents, more: false })));
    assert_eq!(clinic.devices[2].wanted, [there.id(), there.id(), absent, absent]);
    assert_eq!(clinic.devices[2].withdrawn, []);
    assert_eq!(clinic.devices[2].resumed.last().unwrap().documents, 0);
}

#[test]
fn what_changes_while_a_device_still_tells_its_inventory_is_not_missed() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "one");
    clinic.cut(1);
    clinic.devices[1].tells = false;
    let mut resume = clinic.devices[1].resume();
    resume.compare = true;
    clinic.connect(1, Intent::Sync(resume));
    clinic.run();
    let fingerprint = clinic.devices[1].disk.documents[&chart.id()].fingerprint(&chart.id());
    let documents = vec![InventoryEntry { document: chart.id(), fingerprint }];
    clinic.send_raw(1, &encode(&Frame::Inventory(Inventory { documents, more: true })));
    clinic.write(0, &chart, "meanwhile");
    clinic.write(0, &core("north", "p2"), "another");
    clinic.send_raw(1, &encode(&Frame::Inventory(Inventory { documents: Vec::new(), more: false })));
    assert!(clinic.devices[1].text(&chart).contains("meanwhile"));
    assert!(clinic.devices[1].holds(&core("north", "p2")));
    assert!(clinic.devices[1].agrees());
}

#[test]
fn a_long_inventory_is_answered_in_frames_that_devices_take() {
    let mut clinic = Clinic::of_two();
    clinic.cut(2);
    clinic.devices[2].tells = false;
    let mut resume = clinic.devices[2].resume();
    resume.compare = true;
    clinic.connect(2, Intent::Sync(resume));
    clinic.run();
    let id = |n: u32| DocumentId([n.to_be_bytes(); 4].concat().try_into().unwrap());
    let entry = |n| InventoryEntry { document: id(n), fingerprint: Checksum(u128::from(n)) };
    for frame in 0..4u32 {
        let documents = (frame * 40_000..(frame + 1) * 40_000).map(entry).collect();
        clinic.send_raw(2, &encode(&Frame::Inventory(Inventory { documents, more: frame < 3 })));
    }
    assert!(clinic.devices[2].closed.is_none());
    assert_eq!(clinic.devices[2].wanted.len(), 160_000);
}
