//! Makes the fixture of a schema, by the code that has it: see `tests/fixtures/README.md`. Run before a schema is added to.

use client_core::ChartRef;
use client_core::ResourceKey;
use serde_json::json;
use sync_protocol::AuthorId;
use sync_protocol::frame::{Answer, CustodyReason};

use crate::relay::Relay;
use crate::world::{Node, START, allergy};

/// A device with everything that only it has: Silva with one unsent edit, Souza with two changes in custody, Prado taken back with
/// one unsent edit kept aside, Lima with a draft, and a request for emergency access.
fn filled() -> Node {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let [silva, souza, prado, lima] = ["Silva", "Souza", "Prado", "Lima"].map(|family| node.chart(family));
    node.device.add_note(&silva, "Seen at home.", None, START).unwrap();
    node.sync(&mut relay);
    returned(&mut relay, &mut node, &lima);
    relay.conduct.answer = Some(Answer::Custody(CustodyReason::NotPermitted));
    node.device.put_resource(&souza, &allergy(&souza, "s1", "Nuts"), START).unwrap();
    node.device.put_resource(&souza, &allergy(&souza, "s2", "Wasps"), START).unwrap();
    node.connect(&mut relay, START);
    relay.conduct.answer = Some(Answer::Needs(vec![]));
    node.device.put_resource(&prado, &allergy(&prado, "p1", "Aspirin"), START).unwrap();
    let of_prado =
        |held: &crate::relay::Held| held.descriptor.as_ref().unwrap().patient.as_ref() == Some(&prado.patient);
    relay.conduct.withdraw = relay.documents.iter().filter(|(_, held)| of_prado(held)).map(|(id, _)| *id).collect();
    node.connect(&mut relay, START);
    node.device.put_resource(&silva, &allergy(&silva, "u1", "Latex"), START).unwrap();
    node.device.request_break_glass(&prado, "ETREAT", "unconscious", START).unwrap();
    node
}

fn returned(relay: &mut Relay, node: &mut Node, chart: &ChartRef) {
    let author = AuthorId::of(&node.key(), &client_core::PractitionerId::new("dr-a").unwrap());
    relay.accounts.may_not_write.insert(author);
    let (key, path) = (ResourceKey::new("AllergyIntolerance", "a1"), "code.text".parse().unwrap());
    node.device.set_element(chart, &key, &path, json!("Returned words"), START).unwrap();
    node.connect(relay, START);
    relay.accounts.may_not_write.remove(&author);
    let (document, change) = relay.decidable()[0];
    relay.decide(document, change, false, "not your patient");
    node.sync(relay);
}

#[test]
#[ignore = "writes the fixture of the present schema where SATCHEL_FIXTURE says"]
fn make_fixture() {
    let file = std::env::var_os("SATCHEL_FIXTURE").expect("SATCHEL_FIXTURE names a file");
    let Node { device, folder, .. } = filled();
    drop(device);
    std::fs::copy(folder.path().join("device.db"), file).unwrap();
}
