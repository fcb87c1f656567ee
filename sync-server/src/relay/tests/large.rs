//! Documents larger than a batch: sent in parts.

use super::*;

const PARTS: usize = 12;

/// A chart of 12 changes of 120 KB by two authors: three batches.
fn chart(clinic: &mut Clinic) -> DocumentDescriptor {
    let chart = core("north", "p1");
    for n in 0..PARTS {
        let text: String = (0..60_000).map(|_| hex::encode(clinic.random::<1>())).collect();
        clinic.write(n % 2, &chart, &format!("{n} {text}"));
    }
    chart
}

#[test]
fn a_document_larger_than_a_batch_comes_in_parts_and_its_signatures_suffice() {
    let mut clinic = Clinic::of_two();
    let chart = chart(&mut clinic);
    let late = clinic.enrolled("dr-b", "north");
    clinic.sync(late);
    let parts = &clinic.devices[late].deliveries;
    assert!(parts.len() >= 3, "{parts:?}");
    assert!(parts.iter().rev().skip(1).all(|part| part.more) && !parts.last().unwrap().more);
    assert_eq!(parts.iter().map(|part| part.changes).sum::<usize>(), PARTS);
    assert_eq!(clinic.devices[late].text(&chart).len(), PARTS);
    assert!(clinic.devices[late].agrees());
}

#[test]
fn many_changes_after_an_absence_come_in_parts_too() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "begun");
    clinic.write(1, &chart, "joined");
    clinic.cut(1);
    for n in 0..PARTS {
        let text: String = (0..60_000).map(|_| hex::encode(clinic.random::<1>())).collect();
        clinic.write(0, &chart, &format!("{n} {text}"));
    }
    clinic.sync(1);
    assert!(clinic.devices[1].deliveries.len() > 1);
    assert!(clinic.devices[1].deliveries.iter().all(|part| !part.whole));
    assert_eq!(clinic.devices[1].text(&chart).len(), PARTS + 2);
    assert!(clinic.devices[1].agrees());
}

/// Connects a new device and stops after the first window of batches, acks withheld.
fn stopped_in_the_middle(clinic: &mut Clinic) -> usize {
    let late = clinic.enrolled("dr-b", "north");
    clinic.devices[late].acks = false;
    clinic.relay.settings.limits.batch_window = 1;
    let resume = clinic.devices[late].resume();
    clinic.connect(late, Intent::Sync(resume));
    clinic.run();
    assert!(clinic.devices[late].deliveries.last().unwrap().more);
    clinic.devices[late].acks = true;
    late
}

#[test]
fn a_document_that_changes_while_it_is_sent_in_parts_arrives_as_it_is_in_the_end() {
    let mut clinic = Clinic::of_two();
    let chart = chart(&mut clinic);
    let late = stopped_in_the_middle(&mut clinic);
    clinic.write(0, &chart, "meanwhile");
    clinic.write(1, &core("north", "p2"), "another");
    let ack = sync_protocol::Frame::Ack(sync_protocol::frame::Ack { batch: 1 });
    clinic.send_raw(late, &sync_protocol::encode(&ack));
    assert_eq!(clinic.devices[late].text(&chart).len(), PARTS + 1);
    assert!(clinic.devices[late].agrees());
}

#[test]
fn a_part_is_withdrawn_when_the_right_ends_before_the_rest() {
    let mut clinic = Clinic::of_two();
    let chart = chart(&mut clinic);
    let late = stopped_in_the_middle(&mut clinic);
    clinic.no_role("dr-b", "north", Role::Physician);
    assert_eq!(clinic.devices[late].withdrawn, [chart.id()]);
    assert!(clinic.devices[late].disk.staged.is_empty());
    clinic.role("dr-b", "north", Role::Physician, &[]);
    let ack = sync_protocol::Frame::Ack(sync_protocol::frame::Ack { batch: 1 });
    clinic.send_raw(late, &sync_protocol::encode(&ack));
    assert_eq!(clinic.devices[late].text(&chart).len(), PARTS);
    assert!(clinic.devices[late].agrees());
}

#[test]
fn a_transfer_that_breaks_off_in_the_middle_starts_that_document_again() {
    let mut clinic = Clinic::of_two();
    let chart = chart(&mut clinic);
    let late = stopped_in_the_middle(&mut clinic);
    clinic.resync(late);
    assert_eq!(clinic.devices[late].text(&chart).len(), PARTS);
    assert!(clinic.devices[late].agrees());
}
