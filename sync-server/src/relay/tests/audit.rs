//! The audit trail: every disclosure is in it, and no row can be changed unnoticed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::device::bytes_of;
use super::*;
use crate::relay::{AuditCheckpoint, AuditFault, AuditVerifier};
use sync_protocol::DeviceId;
use sync_protocol::TrailHash;
use sync_protocol::frame::{TrailBody, TrailEntry};

/// Documents that the trail says were disclosed to a device.
fn disclosed(clinic: &Clinic, device: usize) -> BTreeSet<u64> {
    let id = DeviceId::of_key(&clinic.devices[device].secret.public());
    let rows = clinic.relay.audit_after(0, 10_000).unwrap();
    let details = rows.iter().filter(|row| row.action == "disclose" && row.device == Some(id));
    let details: Vec<Value> = details.map(|row| serde_json::from_str(&row.detail).unwrap()).collect();
    details
        .iter()
        .flat_map(|d| d["documents-upto"].as_array().unwrap().iter().map(|p| p[0].as_u64().unwrap()))
        .collect()
}

#[test]
fn every_delivered_document_is_in_the_trail_and_the_chain_holds() {
    let mut clinic = Clinic::of_two();
    for n in 0..7 {
        clinic.write(0, &core("north", &format!("p{n}")), "x");
    }
    assert_eq!(disclosed(&clinic, 1), (1..=7).collect());
    assert_eq!(disclosed(&clinic, 0), BTreeSet::new());
    assert_eq!(disclosed(&clinic, 2), BTreeSet::new());
    clinic.grant("north", "p2", Grantee::Organization(organization("south")), &[Compartment::Core], HOUR);
    assert_eq!(disclosed(&clinic, 2), BTreeSet::from([3]));
    clinic.wait(HOUR);
    let rows = clinic.relay.audit_after(0, 10_000).unwrap();
    let withdrawn: Vec<_> = rows.iter().filter(|row| row.action == "withdraw").map(|row| &row.detail).collect();
    assert_eq!(withdrawn, [r#"{"documents":[3]}"#]);
    assert_eq!(clinic.relay.verify_audit().unwrap(), (rows.len() as u64, None));
}

#[test]
fn strangers_cannot_fill_the_trail() {
    let mut clinic = Clinic::of_two();
    let stranger = clinic.device("dr-x", "north");
    let refusals = |clinic: &Clinic| {
        let rows = clinic.relay.audit_after(0, 10_000).unwrap();
        rows.into_iter().filter(|row| row.action == "refuse-connection").map(|row| row.detail).collect::<Vec<_>>()
    };
    (0..100).for_each(|_| clinic.sync(stranger));
    assert_eq!((refusals(&clinic).len(), clinic.metrics.refused_connections.get()), (60, 100));
    clinic.wait(60_000);
    clinic.sync(stranger);
    assert!(refusals(&clinic).last().unwrap().contains(r#""refused-before-unrecorded":40"#));
}

#[test]
fn no_name_and_no_content_is_in_the_trail() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "CANARY");
    clinic.write(2, &core("north", "p1"), "CANARY");
    let rows = clinic.relay.audit_after(0, 10_000).unwrap();
    assert!(rows.iter().all(|row| !format!("{row:?}").contains("CANARY")));
}

#[test]
fn changing_anything_of_a_row_is_found() {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "x");
    clinic.write(2, &core("south", "p1"), "x");
    let rows = clinic.relay.audit_after(0, 10_000).unwrap();
    let at = rows.iter().find(|row| row.action == "disclose").unwrap().seq;
    let copy = clinic.backup();
    let last = rows.len() as u64;
    for (change, found_at) in [
        (format!("UPDATE audit SET at_ms = at_ms + 1 WHERE seq = {at}"), at),
        (format!("UPDATE audit SET action = 'withdraw' WHERE seq = {at}"), at),
        (format!("UPDATE audit SET device = NULL WHERE seq = {at}"), at),
        (format!("UPDATE audit SET device = x'00' WHERE seq = {at}"), at),
        (format!("UPDATE audit SET device = zeroblob(16) WHERE seq = {at}"), at),
        (format!("UPDATE audit SET practitioner = 'dr-x' WHERE seq = {at}"), at),
        (format!("UPDATE audit SET organization = 'south' WHERE seq = {at}"), at),
        (format!("UPDATE audit SET practitioner = organization, organization = practitioner WHERE seq = {at}"), at),
        (format!("UPDATE audit SET detail = replace(detail, '1', '2') WHERE seq = {at}"), at),
        (format!("UPDATE audit SET hash = zeroblob(32) WHERE seq = {at}"), at),
        (format!("UPDATE audit SET hash = x'00' WHERE seq = {at}"), at),
        (format!("UPDATE audit SET previous_hash = zeroblob(32) WHERE seq = {at}"), at),
        (format!("DELETE FROM audit WHERE seq = {at}"), at),
        ("DELETE FROM audit WHERE seq = 1".into(), 1),
        (format!("UPDATE audit SET seq = 1000000 WHERE seq = {last}"), last),
    ] {
        clinic.restore(&copy);
        clinic.sql(&change);
        assert_eq!(clinic.relay.verify_audit().unwrap(), (found_at - 1, Some(found_at)), "{change}");
    }
}

/// Everything that verifying finds.
fn faults(clinic: &mut Clinic, checkpoints: Vec<AuditCheckpoint>) -> Vec<AuditFault> {
    let mut verifier = AuditVerifier::against(checkpoints);
    while !clinic.relay.verify_further(&mut verifier, 7).unwrap() {}
    verifier.faults
}

fn checkpoint(clinic: &mut Clinic) -> AuditCheckpoint {
    clinic.admin(|relay, now| relay.audit_checkpoint(now)).unwrap()
}

/// A clinic with disclosures and the trail of a device.
fn busy() -> Clinic {
    let mut clinic = Clinic::of_two();
    clinic.write(0, &core("north", "p1"), "x");
    let entry = |action: &str| TrailEntry {
        at: UnixMillis(1),
        action: action.into(),
        organization: None,
        patient: None,
        documents: Vec::new(),
        reason: String::new(),
        purpose: String::new(),
        break_glass: false,
    };
    for first in [1, 3] {
        let all: Vec<_> = ["a", "b", "c", "d"].map(entry).into();
        let before = TrailBody { entries: all[..first - 1].to_vec() };
        let before = before.chain(1, TrailHash([0; 32])).last().map_or(TrailHash([0; 32]), |(_, hash)| hash);
        let body = TrailBody { entries: all[first - 1..first + 1].to_vec() };
        let bytes = clinic.devices[0].session.as_ref().unwrap().trail(first as u64, before, &body).unwrap();
        clinic.send_raw(0, &bytes_of(bytes));
    }
    assert_eq!(faults(&mut clinic, Vec::new()), []);
    clinic
}

#[test]
fn an_end_that_was_cut_off_shows_against_a_checkpoint_only() {
    let mut clinic = busy();
    let kept = checkpoint(&mut clinic);
    let copy = clinic.backup();
    assert_eq!(faults(&mut clinic, vec![kept.clone()]), []);
    clinic.write(0, &core("north", "p2"), "later rows do no harm");
    assert_eq!(faults(&mut clinic, vec![kept.clone()]), []);
    clinic.restore(&copy);
    clinic.sql("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)");
    assert_eq!(faults(&mut clinic, Vec::new()).len(), 1, "the trail that the row anchored");
    let cut = AuditFault::CutOff { ends_at: kept.seq - 1, checkpoint: kept.seq };
    assert!(faults(&mut clinic, vec![kept.clone()]).contains(&cut));
    // Written on after the cut, the row of that number is another one.
    clinic.sync(1);
    clinic.write(0, &core("north", "p3"), "x");
    assert!(faults(&mut clinic, vec![kept]).iter().any(|fault| matches!(fault, AuditFault::Rewritten { .. })));
}

#[test]
fn a_checkpoint_that_this_relay_did_not_sign_is_said_to_be_none() {
    let mut clinic = busy();
    let kept = checkpoint(&mut clinic);
    let not_ours = AuditFault::NotOurCheckpoint { row: kept.seq };
    let mut other = kept.clone();
    other.at = other.at.plus(1);
    assert_eq!(faults(&mut clinic, vec![other]), [not_ours]);
    let other = checkpoint(&mut Clinic::new(9));
    assert_eq!(faults(&mut clinic, vec![other]), [AuditFault::NotOurCheckpoint { row: 0 }]);
}

#[test]
fn a_device_s_trail_that_was_changed_on_the_relay_is_found() {
    let mut clinic = busy();
    let device = clinic.device_id(0);
    let copy = clinic.backup();
    for (change, entry) in [
        ("UPDATE trail_entry SET entry = replace(entry, '\"b\"', '\"x\"')", 2),
        ("UPDATE trail_entry SET hash = zeroblob(32) WHERE seq = 2", 2),
        ("DELETE FROM trail_entry WHERE seq = 4", 4),
        ("DELETE FROM trail_entry WHERE seq = 3", 3),
        ("DELETE FROM trail_stretch WHERE last = 4", 3),
        ("UPDATE trail_stretch SET signature = zeroblob(64) WHERE last = 2", 2),
        ("DELETE FROM trail_entry; DELETE FROM trail_branch; DELETE FROM trail_stretch", 2),
    ] {
        clinic.restore(&copy);
        clinic.sql(change);
        let found = faults(&mut clinic, Vec::new());
        assert!(found.contains(&AuditFault::DeviceTrail { device, branch: 0, entry }), "{change}: {found:?}");
    }
}

#[test]
fn an_index_of_disclosures_that_differs_from_the_trail_is_found() {
    let mut clinic = busy();
    let row = clinic.audited("disclose")[0].seq;
    let copy = clinic.backup();
    for (change, row) in [
        ("DELETE FROM disclosure", Some(row)),
        ("UPDATE disclosure SET upto = upto + 1", Some(row)),
        ("UPDATE disclosure SET device = zeroblob(16)", Some(row)),
        ("INSERT INTO disclosure (document, row, device, upto, break_glass) VALUES (9, 1, zeroblob(16), 1, 0)", None),
    ] {
        clinic.restore(&copy);
        clinic.sql(change);
        assert!(faults(&mut clinic, Vec::new()).contains(&AuditFault::Disclosures { row }), "{change}");
    }
}

#[test]
fn a_trail_that_grows_while_it_is_verified_raises_no_alarm() {
    let mut clinic = busy();
    let entry = |n: i64| TrailEntry {
        at: UnixMillis(n),
        action: "read".into(),
        organization: Some(organization("north")),
        patient: Some(patient("p1")),
        documents: Vec::new(),
        reason: String::new(),
        purpose: String::new(),
        break_glass: false,
    };
    let mut previous = TrailHash([0; 32]);
    let mut verifier = AuditVerifier::default();
    let (mut sent, mut done) = (0, false);
    let late = clinic.enrolled("dr-b", "north");
    clinic.sync(late);
    while !done {
        done = clinic.relay.verify_further(&mut verifier, 3).unwrap();
        let body = TrailBody { entries: vec![entry(sent)] };
        let session = clinic.devices[late].session.as_ref().unwrap();
        let bytes = bytes_of(session.trail(sent as u64 + 1, previous, &body).unwrap());
        previous = body.chain(sent as u64 + 1, previous).last().unwrap().1;
        clinic.send_raw(late, &bytes);
        sent += 1;
    }
    assert!(sent > 10);
    assert_eq!(verifier.faults, []);
    assert_eq!(faults(&mut clinic, Vec::new()), []);
}
