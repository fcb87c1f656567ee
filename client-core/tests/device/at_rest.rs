//! Nothing of what a device holds lies readable in its files: searched for in every file, byte by byte.

use std::path::{Path, PathBuf};

use client_core::{ChartRef, ResourceKey};
use serde_json::json;
use sync_protocol::AuthorId;

use crate::relay::Relay;
use crate::world::{Node, START, allergy, files_below, power_cut, unlocked};

/// One for each place that holds content: names and search, identifiers, notes and their search, resources, what is unsent, kept
/// aside, returned as a draft and why, why an emergency was, why a conflict was settled, what lay sealed.
const CANARIES: [&str; 10] = [
    "Zyxwvuts",
    "Identifier-Canary",
    "Notecanary",
    "Penicillin",
    "Unsent-Canary",
    "Kept-Canary",
    "Draft-Canary",
    "Returned-Canary",
    "Emergency-Canary",
    "Sealed-Canary",
];

/// Makes a device that is enrolled.
type Make = fn(&mut Relay, u64, &str, &str) -> Node;

/// Two devices with content in every place: the first wrote it, on the second a chart that lay sealed was opened in an emergency.
fn filled(make: Make) -> [Node; 2] {
    let mut relay = Relay::new();
    let mut node = make(&mut relay, 1, "north", "dr-a");
    let (chart, gone, sealed) = (node.chart("Zyxwvuts"), node.chart("Other"), node.chart("Sealed-Canary"));
    let numbered = json!({
        "resourceType": "Patient", "id": chart.patient, "name": [{"family": "Zyxwvuts"}],
        "identifier": [{"system": "https://satchel.example/mrn", "value": "Identifier-Canary"}],
    });
    node.device.put_resource(&chart, &numbered, START).unwrap();
    node.device.add_note(&chart, "Notecanary", None, START).unwrap();
    node.sync(&mut relay);
    let other = laid_ready(&mut relay, make, &sealed);
    returned(&mut relay, &mut node, &chart);
    node.device.put_resource(&gone, &allergy(&gone, "k", "Kept-Canary"), START).unwrap();
    let of_gone = |held: &crate::relay::Held| held.descriptor.as_ref().unwrap().patient.as_ref() == Some(&gone.patient);
    relay.conduct.withdraw = relay.documents.iter().filter(|(_, held)| of_gone(held)).map(|(id, _)| *id).collect();
    relay.conduct.answer = Some(sync_protocol::frame::Answer::Needs(vec![]));
    node.connect(&mut relay, START);
    node.device.put_resource(&chart, &allergy(&chart, "u", "Unsent-Canary"), START).unwrap();
    node.device.chart(&chart, START).unwrap();
    assert_eq!(node.device.search("notecanary", START).unwrap().len(), 0);
    let status = node.device.status(START).unwrap();
    assert_eq!((status.kept_aside.len(), node.device.drafts(START).unwrap().len()), (1, 1));
    [node, other]
}

/// Work that a privacy officer returned.
fn returned(relay: &mut Relay, node: &mut Node, chart: &ChartRef) {
    let author = AuthorId::of(&node.key(), &client_core::PractitionerId::new("dr-a").unwrap());
    relay.accounts.may_not_write.insert(author);
    let (key, path) = (ResourceKey::new("AllergyIntolerance", "a1"), "note[0].text".parse().unwrap());
    let draft = json!("Draft-Canary");
    node.device.set_element(chart, &key, &path, draft, START).unwrap();
    node.connect(relay, START);
    relay.accounts.may_not_write.remove(&author);
    let (document, change) = relay.decidable()[0];
    relay.decide(document, change, false, "Returned-Canary");
    node.sync(relay);
}

/// A device of another organization that opened a sealed chart with a reason, without a network.
fn laid_ready(relay: &mut Relay, make: Make, chart: &ChartRef) -> Node {
    let mut other = make(relay, 2, "south", "dr-b");
    relay.accounts.sealed_only.insert(other.key());
    other.sync(relay);
    other.device.break_glass_offline(chart, "ETREAT", "Emergency-Canary", START).unwrap();
    assert_eq!(other.device.search("sealed", START).unwrap().len(), 1);
    other
}

/// The canary in the ways in which it may lie in a file, small letters.
fn spellings(canary: &str) -> [Vec<u8>; 3] {
    let lower = canary.to_lowercase();
    let wide = |unit: fn(u16) -> [u8; 2]| lower.encode_utf16().flat_map(unit).collect();
    [lower.clone().into_bytes(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)]
}

/// Which canaries lie readable, and in which file.
fn readable(folders: &[&Path]) -> Vec<(&'static str, PathBuf)> {
    let mut found = Vec::new();
    for path in folders.iter().flat_map(|folder| files_below(folder)) {
        let bytes = std::fs::read(&path).unwrap().to_ascii_lowercase();
        let holds = |spelling: &Vec<u8>| bytes.windows(spelling.len()).any(|window| window == spelling.as_slice());
        found.extend(CANARIES.iter().filter(|canary| spellings(canary).iter().any(holds)).map(|c| (*c, path.clone())));
    }
    found
}

#[test]
fn in_a_profile_that_is_not_encrypted_every_one_of_them_is_found() {
    let nodes = filled(Node::new);
    let found = readable(&nodes.each_ref().map(|node| node.folder.path()));
    for canary in CANARIES {
        assert!(found.iter().any(|(one, _)| *one == canary), "{canary} is nowhere: the search would prove nothing");
    }
}

#[test]
fn in_an_encrypted_profile_none_is_found_open_or_locked() {
    let nodes = filled(Node::encrypted);
    let files = nodes.iter().flat_map(|node| files_below(node.folder.path()));
    let has_log = files.filter(|path| path.ends_with("profile.db-wal")).all(|path| path.metadata().unwrap().len() > 0);
    assert!(has_log, "the write-ahead log is searched, too");
    assert_eq!(readable(&nodes.each_ref().map(|node| node.folder.path())), [], "while it is open");
    let nodes = nodes.map(|node| node.relock(7, START));
    assert_eq!(readable(&nodes.each_ref().map(|node| node.folder.path())), [], "unlocked once more");
    let [mut node, _] = nodes;
    assert_eq!(node.device.drafts(START).unwrap().len(), 1, "the draft is where it was");
    node.device.rebuild(START, |_, _| {}).unwrap();
    assert_eq!(readable(&[node.folder.path()]), [], "lists made anew");
    let Node { device, folder, .. } = node;
    device.lock(START).unwrap();
    assert_eq!(readable(&[folder.path()]), [], "locked");
}

#[test]
fn what_a_power_cut_leaves_of_an_encrypted_profile_is_not_readable_either_and_opens_whole() {
    let [node, other] = filled(Node::encrypted);
    let copy = power_cut(node.folder.path());
    let before = node.device.status(START).unwrap();
    drop((node, other));
    assert_eq!(readable(&[copy.path()]), []);
    let mut device = unlocked(&copy, 5, START).unwrap();
    let after = device.status(START).unwrap();
    assert_eq!((after.unsent, after.kept_aside, after.held), (before.unsent, before.kept_aside, before.held));
    assert_eq!(device.drafts(START).unwrap().len(), 1);
    assert_eq!(readable(&[copy.path()]), []);
}

#[test]
fn a_damaged_encrypted_database_that_was_put_aside_is_not_readable() {
    let [node, _] = filled(Node::encrypted);
    let Node { device, folder, .. } = node;
    device.lock(START).unwrap();
    let file = files_below(folder.path()).into_iter().find(|path| path.ends_with("profile.db")).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[20_000..20_100].fill(0xEE);
    std::fs::write(&file, bytes).unwrap();
    let device = unlocked(&folder, 5, START).unwrap();
    let damaged = device.damaged_file().unwrap();
    assert!(damaged.kept_as.exists());
    assert_eq!(readable(&[folder.path()]), []);
    assert!(!CANARIES.iter().any(|canary| damaged.problem.contains(canary)), "{}", damaged.problem);
}
