//! Accounting of disclosures: nothing that was given out is missing, and no device hides what others tell.

use sync_protocol::TrailHash;
use sync_protocol::frame::{TrailBody, TrailEntry};

use super::device::bytes_of;
use super::*;
use crate::access::Relationship;
use crate::relay::{AuditVerifier, ChartDisclosures};

fn accounted(clinic: &mut Clinic) -> ChartDisclosures {
    clinic.admin(|relay, now| relay.disclosures(&organization("north"), &patient("p1"), now)).unwrap()
}

fn holds(clinic: &mut Clinic) {
    let mut verifier = AuditVerifier::default();
    while !clinic.relay.verify_further(&mut verifier, 100).unwrap() {}
    assert_eq!(verifier.faults, []);
}

#[test]
fn what_was_laid_ready_sealed_is_accounted_for() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "penicillin");
    let (at, partner) = (organization("north"), organization("south"));
    let relationship = Relationship { organization: at, patient: patient("p1"), partner };
    clinic.admin(|relay, now| relay.put_relationship(&relationship, now)).unwrap();
    clinic.resync(2);
    let device = clinic.device_id(2);
    let found = accounted(&mut clinic);
    let sealed: Vec<_> = found.sent.iter().filter(|sent| sent.device == Some(device)).collect();
    assert_eq!(sealed.len(), 1);
    assert!(sealed[0].sealed && !sealed[0].break_glass && sealed[0].organization.as_deref() == Some("south"));
    assert_eq!(clinic.admin(|relay, _| relay.lost_device(&device)).unwrap().on_device.len(), 0, "sealed is not open");
    holds(&mut clinic);
}

#[test]
fn what_an_officer_was_shown_is_accounted_for() {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "penicillin");
    clinic.write(2, &chart, "not permitted");
    let officer = clinic.officer("north");
    clinic.admin(|relay, now| relay.custody_material(&officer, 1, now)).unwrap();
    let found = accounted(&mut clinic);
    let shown: Vec<_> = found.sent.iter().filter(|sent| sent.device.is_none()).collect();
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].practitioner.as_deref(), shown[0].version.version.changes), (Some("officer-north"), 1));
    holds(&mut clinic);
    clinic.sql("DELETE FROM disclosure WHERE device = zeroblob(16)");
    let mut verifier = AuditVerifier::default();
    while !clinic.relay.verify_further(&mut verifier, 100).unwrap() {}
    assert_eq!(verifier.faults.len(), 1, "one that is taken out of the index is missed");
}

#[test]
fn a_device_that_tells_of_endless_reading_hides_nobody_elses() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "penicillin");
    let entry = |at| TrailEntry {
        at: UnixMillis(at),
        action: "read".into(),
        organization: Some(organization("north")),
        patient: Some(patient("p1")),
        documents: Vec::new(),
        reason: String::new(),
        purpose: String::new(),
        break_glass: false,
    };
    let tell = |clinic: &mut Clinic, device: usize, entries: Vec<TrailEntry>| {
        let (mut first, mut previous) = (1, TrailHash([0; 32]));
        for some in entries.chunks(1_000) {
            let body = TrailBody { entries: some.to_vec() };
            let session = clinic.devices[device].session.as_ref().unwrap();
            let bytes = bytes_of(session.trail(first, previous, &body).unwrap());
            (first, previous) = body.chain(first, previous).last().map(|(seq, hash)| (seq + 1, hash)).unwrap();
            clinic.send_raw(device, &bytes);
        }
    };
    // By a clock that stands at the beginning of time, before everybody else's.
    tell(&mut clinic, 2, (0..10_050).map(|_| entry(0)).collect());
    let now = clinic.now.0;
    tell(&mut clinic, 1, vec![entry(now)]);
    let found = accounted(&mut clinic);
    let (last, other) = (found.recorded.last().unwrap(), clinic.device_id(1));
    assert_eq!((last.device, found.recorded.len(), found.more), (other, 10_001, true));
    assert_eq!(found.recorded[0].seq, 51, "the newest of it");
}

#[test]
fn an_export_does_not_tell_which_documents_there_are_at_another_organization() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "penicillin");
    let named = |clinic: &Clinic, at: &str| {
        let rows = clinic.relay.audit_event_rows(&crate::store::Scope::Of(vec![organization(at)]), 0, 1_000).unwrap();
        let written = rows.into_iter().filter(|one| one.row.action == "write").map(|one| one.documents.len());
        written.collect::<Vec<_>>()
    };
    for of in ["p1", "p9"] {
        clinic.devices[2].edit(&core("north", of), "guessed");
        let mut body = clinic.devices[2].unsent();
        body.documents.iter_mut().for_each(|document| document.signatures.clear());
        clinic.push_body(2, &body);
    }
    assert_eq!(named(&clinic, "south"), [0, 0], "alike, whether there is such a document or not");
    assert_eq!(named(&clinic, "north"), [1]);
    // What was kept in custody is told: it is what the device itself said.
    assert!(matches!(clinic.write(2, &core("north", "p2"), "signed")[..], [Answer::Custody(_)]));
    assert_eq!(named(&clinic, "south"), [0, 0, 1]);
}
