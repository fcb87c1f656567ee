//! A database of each earlier schema opens, with everything that was not sent.

use client_core::sync::Input;
use client_core::{Device, OutboxState};

use crate::relay::Relay;
use crate::world::{Node, START, randomness};

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
