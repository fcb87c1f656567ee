//! The audit trail: every disclosure is in it, and no row can be changed unnoticed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use sync_protocol::DeviceId;

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
