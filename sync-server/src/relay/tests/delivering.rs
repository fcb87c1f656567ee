//! What is sent, when, and what is not sent again.

use super::*;
use sync_protocol::limits::BATCH_WINDOW;

/// The device's charts, of device 0's making: `count` documents of about `bytes` bytes.
fn charts(clinic: &mut Clinic, count: usize, bytes: usize) {
    for n in 0..count {
        clinic.devices[0].edit(&core("north", &format!("p{n}")), &format!("{n} {}", "x".repeat(bytes)));
        if n % 5 == 4 || n + 1 == count {
            clinic.push(0);
        }
    }
}

#[test]
fn nothing_changed_sends_nothing() {
    let mut clinic = Clinic::of_two();
    charts(&mut clinic, 10, 100);
    clinic.cut(1);
    let before = clinic.devices[1].seen.len();
    clinic.sync(1);
    let sent: usize = clinic.devices[1].seen[before..].iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(clinic.devices[1].deliveries, []);
    assert!(sent < 700, "{sent} bytes");
    assert!(clinic.devices[1].agrees());
}

#[test]
fn an_acknowledgement_just_before_the_connection_ends_counts() {
    let mut clinic = Clinic::of_two();
    charts(&mut clinic, 3, 100);
    let late = clinic.enrolled("dr-b", "north");
    clinic.devices[late].acks = false;
    clinic.sync(late);
    let batch = clinic.devices[late].deliveries.last().unwrap().batch;
    // Both reach the relay in one round, before it flushes.
    let id = clinic.devices[late].connection.take().unwrap();
    let ack = sync_protocol::Frame::Ack(sync_protocol::frame::Ack { batch });
    clinic.relay.received(id, &sync_protocol::encode(&ack), clinic.now);
    clinic.relay.disconnected(id);
    clinic.run();
    clinic.devices[late].acks = true;
    clinic.sync(late);
    assert_eq!(clinic.devices[late].deliveries, []);
}

#[test]
fn a_first_sync_that_breaks_off_goes_on_where_it_was_acknowledged() {
    let mut clinic = Clinic::of_two();
    charts(&mut clinic, 40, 60_000);
    let late = clinic.enrolled("dr-b", "north");
    let resume = clinic.devices[late].resume();
    clinic.connect(late, Intent::Sync(resume));
    // One round: challenge, proof, batches up to the window, and the connection breaks.
    for _ in 0..2 {
        let outgoing = clinic.relay.flush(clinic.now);
        clinic.hand_out(outgoing);
    }
    let first: Vec<_> = clinic.devices[late].deliveries.iter().map(|d| d.document).collect();
    assert!(first.len() > 4 && first.len() < 40, "{}", first.len());
    clinic.cut(late);
    clinic.sync(late);
    let second: Vec<_> = clinic.devices[late].deliveries.iter().map(|d| d.document).collect();
    assert_eq!(first.len() + second.len(), 40, "nothing that was acknowledged is sent again");
    assert!(second.iter().all(|document| !first.contains(document)));
    assert!(clinic.devices[late].agrees());
}

#[test]
fn a_lost_ack_sends_again_and_harms_nothing() {
    let mut clinic = Clinic::of_two();
    charts(&mut clinic, 5, 100);
    let late = clinic.enrolled("dr-b", "north");
    clinic.devices[late].acks = false;
    clinic.sync(late);
    let held = clinic.devices[late].disk.documents.len();
    clinic.cut(late);
    clinic.devices[late].acks = true;
    clinic.sync(late);
    assert_eq!((held, clinic.devices[late].deliveries.len()), (5, 5));
    assert!(clinic.devices[late].agrees());
    clinic.resync(late);
    assert_eq!(clinic.devices[late].deliveries, []);
}

#[test]
fn no_more_batches_than_the_window_are_on_their_way() {
    let mut clinic = Clinic::of_two();
    charts(&mut clinic, 60, 60_000);
    let late = clinic.enrolled("dr-b", "north");
    clinic.devices[late].acks = false;
    clinic.sync(late);
    let batches = clinic.devices[late].deliveries.iter().map(|d| d.batch).max().unwrap();
    assert_eq!(batches, u64::from(BATCH_WINDOW));
    clinic.wait(1_000);
    clinic.write(0, &core("north", "p0"), "new");
    assert_eq!(clinic.devices[late].deliveries.iter().map(|d| d.batch).max(), Some(batches));
    // One ack lets one more go.
    let ack = sync_protocol::Frame::Ack(sync_protocol::frame::Ack { batch: 1 });
    clinic.send_raw(late, &sync_protocol::encode(&ack));
    assert_eq!(clinic.devices[late].deliveries.iter().map(|d| d.batch).max(), Some(batches + 1));
}

#[test]
fn only_what_changed_is_sent_after_an_absence() {
    let mut clinic = Clinic::of_two();
    charts(&mut clinic, 10, 100);
    clinic.cut(1);
    clinic.write(0, &core("north", "p3"), "new");
    clinic.write(0, &core("north", "p3"), "newer");
    clinic.write(0, &core("north", "p11"), "a new patient");
    clinic.sync(1);
    assert_eq!(clinic.devices[1].resumed.last().unwrap().documents, 2);
    let sent: Vec<_> = clinic.devices[1].deliveries.iter().map(|d| (d.document, d.changes, d.whole)).collect();
    assert_eq!(sent, [(core("north", "p3").id(), 2, false), (core("north", "p11").id(), 1, true)]);
    // What the device wrote itself does not come back to it, and is not announced.
    clinic.write(1, &core("north", "p3"), "own");
    clinic.resync(1);
    assert_eq!(clinic.devices[1].resumed.last().unwrap().documents, 0);
    assert!(clinic.devices[1].agrees());
}

#[test]
fn the_most_urgent_compartments_come_first() {
    let mut clinic = Clinic::of_two();
    for compartment in [Compartment::Administrative, Compartment::Core, Compartment::PatientIndex] {
        clinic.write(0, &document("north", "p1", compartment, ""), "x");
    }
    clinic.write(0, &document("north", "", Compartment::Directory, ""), "x");
    let late = clinic.enrolled("dr-b", "north");
    clinic.sync(late);
    let order: Vec<_> = clinic.devices[late]
        .deliveries
        .iter()
        .map(|delivery| clinic.devices[late].disk.documents[&delivery.document].descriptor.compartment)
        .collect();
    let expected = [Compartment::Directory, Compartment::PatientIndex, Compartment::Core, Compartment::Administrative];
    assert_eq!(order, expected);
}

#[test]
fn a_restart_of_the_relay_changes_nothing_for_devices() {
    let mut clinic = Clinic::of_two();
    charts(&mut clinic, 5, 100);
    clinic.restart();
    for device in [0, 1] {
        clinic.sync(device);
        assert_eq!(clinic.devices[device].deliveries, []);
        assert!(clinic.devices[device].agrees());
    }
    clinic.write(0, &core("north", "p1"), "after");
    assert_eq!(clinic.relay.size(), (5, 6));
    assert!(clinic.devices[1].text(&core("north", "p1")).contains("after"));
}

#[test]
fn many_small_documents_make_no_batch_larger_than_devices_take() {
    let mut clinic = Clinic::of_two();
    let long = "o".repeat(60);
    clinic.organization(&long);
    clinic.role("dr-a", &long, Role::Physician, &[]);
    let writer = clinic.enrolled("dr-a", &long);
    clinic.sync(writer);
    for n in 0..6_000 {
        let encounter = document(&long, &format!("{n:060}"), Compartment::Encounter, &format!("{n:060}"));
        clinic.devices[writer].edit(&encounter, "");
        if n % 1_000 == 999 {
            clinic.push(writer);
        }
    }
    let reader = clinic.enrolled("dr-a", &long);
    clinic.sync(reader);
    assert!(clinic.devices[reader].closed.is_none(), "{:?}", clinic.devices[reader].closed);
    assert_eq!(clinic.devices[reader].disk.documents.len(), 6_000);
    let mut counts = std::collections::BTreeMap::new();
    clinic.devices[reader].deliveries.iter().for_each(|delivery| *counts.entry(delivery.batch).or_insert(0) += 1);
    assert!(counts.values().all(|documents| *documents < 1_000), "{counts:?}");
    let largest = clinic.devices[reader].seen.iter().map(|(_, bytes)| bytes.len()).max().unwrap();
    assert!(largest < sync_protocol::limits::MAX_FRAME_BYTES / 2, "{largest}");
}

#[test]
fn a_change_is_encoded_once_for_all_who_receive_it() {
    let mut clinic = Clinic::of_two();
    for _ in 0..8 {
        let device = clinic.enrolled("dr-b", "north");
        clinic.sync(device);
    }
    // With the first change they are told its author's certificate.
    clinic.write(0, &core("north", "p1"), "first");
    let count = |clinic: &Clinic| (clinic.metrics.batches.get(), clinic.metrics.bodies.get());
    let before = count(&clinic);
    clinic.write(0, &core("north", "p1"), "second");
    let after = count(&clinic);
    assert_eq!((after.0 - before.0, after.1 - before.1), (9, 1));
    for device in (3..11).chain([1]) {
        assert!(clinic.devices[device].text(&core("north", "p1")).contains("second"), "device {device}");
    }
    assert!(!clinic.devices[2].holds(&core("north", "p1")));
}

#[test]
fn receivers_at_different_places_each_get_what_they_lack() {
    let mut clinic = Clinic::of_two();
    let [third, fourth] = [0; 2].map(|_| clinic.enrolled("dr-b", "north"));
    [third, fourth].into_iter().for_each(|device| clinic.sync(device));
    clinic.write(0, &core("north", "p1"), "one");
    clinic.cut(third);
    clinic.write(0, &core("north", "p1"), "two");
    clinic.cut(fourth);
    clinic.write(0, &core("north", "p1"), "three");
    for device in [third, fourth] {
        let resume = clinic.devices[device].resume();
        clinic.connect(device, Intent::Sync(resume));
    }
    clinic.run();
    let sent = [third, fourth].map(|device| clinic.devices[device].deliveries.iter().map(|d| d.changes).sum::<usize>());
    assert_eq!(sent, [2, 1]);
    assert!([third, fourth].into_iter().all(|device| clinic.devices[device].agrees()));
}

#[test]
fn charts_worked_on_last_come_right_after_the_index_those_of_the_own_organization_first() {
    let mut clinic = Clinic::of_two();
    let shared = [Compartment::PatientIndex, Compartment::Core, Compartment::Results];
    clinic.affiliate("north", "south", &shared, true);
    for n in 0..40 {
        for compartment in shared {
            clinic.devices[0].edit(&document("north", &format!("p{n}"), compartment, ""), "x");
        }
    }
    clinic.push(0);
    clinic.resync(2);
    // Somebody of the south has p7 before them; later the north goes on with p3.
    clinic.write(2, &core("north", "p7"), "here today");
    clinic.write(0, &core("north", "p3"), "newer, but elsewhere");
    let late = clinic.enrolled("dr-s", "south");
    clinic.sync(late);
    let order: Vec<_> = clinic.devices[late]
        .deliveries
        .iter()
        .map(|delivery| clinic.devices[late].disk.documents[&delivery.document].descriptor.clone())
        .collect();
    assert_eq!(order.len(), 120);
    assert!(order[..40].iter().all(|descriptor| descriptor.compartment == Compartment::PatientIndex));
    let chart = |of: &str| [core("north", of), document("north", of, Compartment::Results, "")];
    assert_eq!(order[40..44], [chart("p7"), chart("p3")].concat());
    // Charts that were changed last before them come whole too.
    assert!(order[44..].chunks(2).all(|chart| chart[0].patient == chart[1].patient));
}
