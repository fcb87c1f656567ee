//! One bad document stops nothing else, is kept, and can be taken later.

use client_core::sync::{Input, SyncEvent};
use client_core::{DocumentId, ResourceKey};
use sync_protocol::identity::SecretKey;

use crate::relay::Relay;
use crate::world::{Node, START, assert_converged};

/// A relay with two charts, and the document of the first one's allergy.
fn with_charts(relay: &mut Relay) -> (Node, DocumentId) {
    let mut a = Node::new(relay, 1, "north", "dr-a");
    let chart = a.chart("Silva");
    a.chart("Souza");
    a.sync(relay);
    let documents = a.device.documents().unwrap();
    let core = documents.iter().find(|d| {
        d.descriptor.compartment == sync_protocol::Compartment::Core
            && d.descriptor.patient.as_ref() == Some(&chart.patient)
    });
    let core = core.unwrap().id;
    (a, core)
}

#[test]
fn a_forged_signature_puts_only_its_document_in_quarantine() {
    let mut relay = Relay::new();
    let (a, core) = with_charts(&mut relay);
    let honest = relay.documents[&core].clone();
    relay.documents.get_mut(&core).unwrap().signatures[0].signature.0[0] ^= 1;
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    b.sync(&mut relay);
    let quarantined = b.device.quarantined().unwrap();
    assert_eq!((quarantined.len(), quarantined[0].document), (1, core));
    assert!(quarantined[0].reason.contains("signature"));
    assert_eq!(b.device.search("s", START).unwrap().len(), 2);
    // The relay sends what was lacking, with the next change of the document.
    relay.documents.insert(core, honest);
    relay.set_back(0);
    let chart = b.device.search("silva", START).unwrap()[0].chart.clone();
    let mut a = a;
    a.device
        .set_element(
            &chart,
            &ResourceKey::new("AllergyIntolerance", "a1"),
            &"code.text".parse().unwrap(),
            serde_json::json!("Nuts"),
            START,
        )
        .unwrap();
    a.sync(&mut relay);
    b.sync(&mut relay);
    assert!(b.device.quarantined().unwrap().is_empty());
    assert_converged(&a, &b);
}

#[test]
fn unsigned_changes_are_not_taken() {
    let mut relay = Relay::new();
    let (_, core) = with_charts(&mut relay);
    relay.documents.get_mut(&core).unwrap().signatures.clear();
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    b.sync(&mut relay);
    assert_eq!(b.device.quarantined().unwrap().len(), 1);
}

#[test]
fn what_lacked_a_certificate_is_taken_when_tried_again_with_it() {
    let mut relay = Relay::new();
    with_charts(&mut relay);
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    relay.conduct.hide_certificates = true;
    b.sync(&mut relay);
    assert_eq!(b.device.quarantined().unwrap().len(), 4);
    assert_eq!(b.device.retry_quarantined(None, START).unwrap().quarantined.len(), 4);
    relay.conduct.hide_certificates = false;
    b.sync(&mut relay);
    let applied = b.device.retry_quarantined(None, START).unwrap();
    assert_eq!((applied.documents.len(), applied.quarantined.len()), (4, 0));
    assert_eq!(b.device.search("silva", START).unwrap().len(), 1);
    b.sync(&mut relay);
}

#[test]
fn a_changed_organization_key_is_not_trusted_until_a_person_accepts_it() {
    let mut relay = Relay::new();
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    let north = client_core::OrganizationId::new("north").unwrap();
    relay.organizations.insert(north.clone(), SecretKey::from_seed([0x70; 32]));
    b.sync(&mut relay);
    // Another key for the same organization, and a device certified with it.
    relay.organizations.insert(north.clone(), SecretKey::from_seed([0x71; 32]));
    with_charts(&mut relay);
    let events = b.give(Some(&mut relay), Input::Start, START);
    assert!(events.contains(&SyncEvent::OrganizationKeyChanged { organization: north.clone() }));
    assert_eq!(b.device.quarantined().unwrap().len(), 4);
    assert_eq!(b.device.status(START).unwrap().changed_keys.len(), 1);
    assert!(b.device.accept_changed_key(&north).unwrap());
    assert_eq!(b.device.retry_quarantined(None, START).unwrap().documents.len(), 4);
    assert!(b.device.quarantined().unwrap().is_empty());
}

#[test]
fn bytes_that_are_no_change_are_kept_and_explained() {
    let mut relay = Relay::new();
    let (_, core) = with_charts(&mut relay);
    relay.documents.get_mut(&core).unwrap().changes[0].1 = serde_bytes::ByteBuf::from(vec![7; 100]);
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    // What cannot be read cannot be counted, so the two honestly differ.
    b.give(Some(&mut relay), Input::Start, START);
    assert!(b.device.quarantined().unwrap()[0].reason.contains("change 0"));
    assert_eq!(b.device.search("s", START).unwrap().len(), 2);
    assert!(b.device.status(START).unwrap().diverged);
}
