//! A database of each earlier schema opens, with everything that was not sent.

use std::io::Read;

use client_core::sync::Input;
use client_core::{Device, EmergencyState, OutboxState, Pin, ProfileSettings};

use crate::relay::Relay;
use crate::world::{Node, PIN, START, randomness, secret, tablet, unlocked};

/// Made by schema 1: a chart "Silva" with one unsent edit, "Souza" with two changes in custody, and one unsent edit kept
/// aside of a chart that was taken back.
const SCHEMA_1: &[u8] = include_bytes!("../fixtures/schema_0001.sqlite");

fn opened() -> (tempfile::TempDir, Device) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("device.db"), SCHEMA_1).unwrap();
    let device = Device::open(folder.path(), randomness(9), START).unwrap();
    assert_eq!(device.damaged_file(), None);
    (folder, device)
}

#[test]
fn a_database_of_the_first_schema_keeps_its_outbox_and_kept_work() {
    let (_folder, mut device) = opened();
    let status = device.status(START).unwrap();
    assert_eq!((status.unsent, status.held.len(), status.kept_aside.len()), (1, 2, 1));
    assert!(status.held.iter().all(|held| held.state == OutboxState::Custody));
    assert_eq!((status.documents, status.patients, status.trail.entries), (4, 2, 0));
    for text in ["silva", "souza", "ana"] {
        assert!(!device.search(text, START).unwrap().is_empty(), "{text}");
    }
}

#[test]
fn its_search_forgets_a_chart_that_had_been_taken_back() {
    let (folder, device) = opened();
    drop(device);
    let held = |name: &str| {
        let bytes = std::fs::read(folder.path().join("device.db")).unwrap().to_ascii_lowercase();
        bytes.windows(name.len()).any(|window| window == name.as_bytes())
    };
    assert!(SCHEMA_1.to_ascii_lowercase().windows(5).any(|window| window == b"prado"), "its index held the name");
    assert!(held("silva") && !held("prado"));
}

#[test]
fn its_unsent_work_is_sent() {
    let (folder, device) = opened();
    let mut relay = Relay::new();
    // The same seed makes the same key, so this relay knows the device.
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    node.device = device;
    node.folder = folder;
    node.give(Some(&mut relay), Input::Start, START);
    let status = node.device.status(START).unwrap();
    assert_eq!((status.unsent, status.held.len()), (0, 2));
    assert_eq!(relay.changes(), 3, "and what the relay lacks of the chart");
}

/// Those that followed, each made by the code of its time: see `tests/fixtures/README.md`.
const LATER: [(i64, &[u8]); 5] = [
    (2, include_bytes!("../fixtures/schema_0002.sqlite.gz")),
    (3, include_bytes!("../fixtures/schema_0003.sqlite.gz")),
    (4, include_bytes!("../fixtures/schema_0004.sqlite.gz")),
    (5, include_bytes!("../fixtures/schema_0005.sqlite.gz")),
    (6, include_bytes!("../fixtures/schema_0006.sqlite.gz")),
];

/// A folder with the database of a later schema as it was made.
fn made(number: i64, packed: &[u8]) -> tempfile::TempDir {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    // The number stands at byte 60 of every database.
    assert_eq!(i64::from(u32::from_be_bytes(*bytes[60..].first_chunk().unwrap())), number);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("device.db"), bytes).unwrap();
    folder
}

/// Everything that only this device has is there, and what the charts say.
fn assert_whole(number: i64, device: &mut Device) {
    assert_eq!(device.damaged_file(), None);
    let status = device.status(START).unwrap();
    let work = (status.unsent, status.held.len(), status.kept_aside.len());
    assert_eq!(work, (1, 2, 1), "schema {number}");
    assert!(status.held.iter().all(|held| held.state == OutboxState::Custody));
    assert_eq!((status.documents, status.patients), (7, 3), "schema {number}");
    assert!(status.last_synced.is_some() && status.quarantined.is_empty() && !status.diverged);
    assert!(status.trail.entries > 0 && device.verify_trail().unwrap().is_none(), "schema {number}");
    let draft = device.drafts(START).unwrap().remove(0);
    assert_eq!((draft.reason.as_str(), &draft.steps[0].after), ("not your patient", &Some("Returned words".into())));
    let asked = device.emergency_accesses(START).unwrap();
    assert!(matches!(asked[0].state, EmergencyState::Waiting), "schema {number}: {asked:?}");
    for (family, texts) in [
        ("silva", &["Penicillin", "Latex"][..]),
        ("souza", &["Penicillin", "Nuts", "Wasps"]),
        ("lima", &["Penicillin"]),
    ] {
        let found = device.search(family, START).unwrap();
        assert_eq!(found.len(), 1, "schema {number}: {family}");
        let exported = device.export_chart(&found[0].chart, START).unwrap().to_string();
        assert!(texts.iter().all(|text| exported.contains(text)), "schema {number}: {family}");
    }
    assert!(device.search("prado", START).unwrap().is_empty(), "schema {number}");
}

#[test]
fn a_database_of_each_later_schema_opens_whole_and_sends_its_work() {
    for (number, packed) in LATER {
        let folder = made(number, packed);
        let mut device = Device::open(folder.path(), randomness(9), START).unwrap();
        assert_whole(number, &mut device);
        let mut relay = Relay::new();
        // The same seed makes the same key, so this relay knows the device.
        let mut node = Node::new(&mut relay, 1, "north", "dr-a");
        assert_eq!(node.device.identity().unwrap().device, device.identity().unwrap().device);
        node.device = device;
        node.give(Some(&mut relay), Input::Start, START);
        assert_eq!(node.device.status(START).unwrap().unsent, 0, "schema {number}");
        assert!(relay.changes() >= 1, "schema {number}");
    }
}

#[test]
fn a_database_of_each_schema_can_be_encrypted_with_all_its_work() {
    for (number, packed) in LATER {
        let folder = made(number, packed);
        let pin = Pin::new(PIN).unwrap();
        let settings = ProfileSettings::default();
        let adopted =
            tablet(&folder).adopt(folder.path(), "dr-a", &pin, &secret(), settings, randomness(3), START).unwrap();
        drop(adopted);
        let mut device = unlocked(&folder, 4, START).unwrap();
        assert_whole(number, &mut device);
        assert_eq!(device.unsent_summary(START).unwrap().drafts, 1);
        assert!(!folder.path().join("device.db").exists());
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("device.db"), SCHEMA_1).unwrap();
    let pin = Pin::new(PIN).unwrap();
    let settings = ProfileSettings::default();
    let adopted =
        tablet(&folder).adopt(folder.path(), "dr-a", &pin, &secret(), settings, randomness(3), START).unwrap();
    let status = adopted.1.status(START).unwrap();
    assert_eq!((status.unsent, status.held.len(), status.kept_aside.len()), (1, 2, 1));
}
