//! What was taken back leaves nothing in any file, and the relay has it in writing.

use client_core::sync::Input;
use client_core::{DeviceError, KeptState, ResourceKey};
use sync_protocol::DocumentId;

use crate::relay::Relay;
use crate::world::{Node, START, allergy};

/// Two devices with a chart of which every value is a canary.
fn two() -> (Relay, Node, Node, client_core::ChartRef) {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    let chart = a.chart("Zyxwvuts");
    a.device.put_resource(&chart, &allergy(&chart, "a2", "Qoppa-Canary"), START).unwrap();
    a.device.add_note(&chart, "Sampi-Note", None, START).unwrap();
    a.sync(&mut relay);
    b.sync(&mut relay);
    (relay, a, b, chart)
}

fn all(relay: &Relay) -> Vec<DocumentId> {
    relay.documents.keys().copied().collect()
}

#[test]
fn nothing_of_a_withdrawn_chart_is_left_in_any_file() {
    let (mut relay, _, mut b, chart) = two();
    b.device.chart(&chart, START).unwrap();
    b.device.search("zyx", START).unwrap();
    for canary in ["Zyxwvuts", "Qoppa-Canary", "Sampi-Note"] {
        assert!(b.files_hold(canary), "{canary} is there to begin with");
    }
    relay.conduct.withdraw = all(&relay);
    b.sync(&mut relay);
    for canary in ["Zyxwvuts", "Qoppa", "Sampi-Note", "zyx"] {
        assert!(!b.files_hold(canary), "{canary} is still there");
    }
}

#[test]
fn other_charts_stay_found_when_one_is_withdrawn() {
    let (mut relay, mut a, mut b, chart) = two();
    a.chart("Zyxother");
    relay.conduct.withdraw = relay
        .documents
        .iter()
        .filter(|(_, held)| held.descriptor.as_ref().unwrap().patient.as_ref() == Some(&chart.patient))
        .map(|(id, _)| *id)
        .collect();
    a.connect(&mut relay, START);
    b.connect(&mut relay, START);
    let found = b.device.search("zyx", START).unwrap();
    assert_eq!(found.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["Zyxother, Ana"]);
}

#[test]
fn a_receipt_says_what_was_removed_until_the_relay_has_it() {
    let (mut relay, _, mut b, chart) = two();
    let documents = all(&relay);
    relay.conduct.withdraw = documents.clone();
    relay.accounts.is_silent = true;
    b.sync(&mut relay);
    assert_eq!(b.device.status(START).unwrap().receipts_owed, 1);
    let mut b = b.reopen(7, START);
    relay.accounts.is_silent = false;
    b.sync(&mut relay);
    let receipts = &relay.accounts.receipts;
    assert_eq!((receipts.len(), receipts[0].wiped, &receipts[0].documents), (1, false, &documents));
    assert_eq!(b.device.status(START).unwrap().receipts_owed, 0);
    let purge = b.device.trail(0, 99).unwrap().into_iter().rfind(|record| record.entry.action == "purge").unwrap();
    assert_eq!((purge.entry.documents.len(), purge.entry.patient), (documents.len(), Some(chart.patient)));
}

#[test]
fn a_round_is_not_over_before_the_relay_has_the_receipt() {
    for loses_receipts in [true, false] {
        let (mut relay, _, mut b, _) = two();
        relay.conduct.withdraw = all(&relay);
        relay.accounts.loses_receipts = loses_receipts;
        b.give(Some(&mut relay), Input::Start, START);
        assert_eq!(b.device.status(START).unwrap().receipts_owed, u64::from(loses_receipts));
        assert_eq!(b.engine.is_settled(), !loses_receipts);
    }
}

#[test]
fn unsent_work_survives_the_purge_in_kept_work_only() {
    let (mut relay, _, mut b, chart) = two();
    b.device.put_resource(&chart, &allergy(&chart, "mine", "Heta-Own"), START).unwrap();
    relay.conduct.withdraw = all(&relay);
    relay.conduct.answer = Some(sync_protocol::frame::Answer::Needs(vec![]));
    b.connect(&mut relay, START);
    assert!(matches!(b.device.chart(&chart, START), Err(DeviceError::UnknownPatient { .. })));
    let kept = b.device.status(START).unwrap().kept_aside;
    assert_eq!((kept.len(), kept[0].state), (1, KeptState::Kept));
    assert!(b.files_hold("Heta-Own") && !b.files_hold("Qoppa-Canary"));
    relay.conduct.withdraw.clear();
    relay.conduct.answer = None;
    relay.epoch = sync_protocol::EpochId([9; 16]);
    b.sync(&mut relay);
    assert!(b.device.resource(&chart, &ResourceKey::new("AllergyIntolerance", "mine"), START).is_ok());
    assert!(b.device.status(START).unwrap().kept_aside.is_empty());
}

/// Pages of a B-tree are split and merged as rows come and go; what a row leaves behind where it stood before is not
/// overwritten when it is deleted.
#[test]
fn nothing_of_hundreds_of_charts_between_others_is_left_in_any_file() {
    const CHARTS: usize = 400;
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let canary = |n: usize| format!("canary{n:04}x");
    let charts: Vec<_> = (0..CHARTS).map(|n| node.chart(&canary(n))).collect();
    for round in 0..3 {
        for n in 0..CHARTS {
            // In another order each time, and of another size.
            let n = (n * 263 + round * 17) % CHARTS;
            let text = canary(n) + &"word ".repeat(5 + (n * 31 + round * 71) % 120);
            let id = format!("r{}", (n + round) % 3);
            node.device.put_resource(&charts[n], &allergy(&charts[n], &id, &text), START).unwrap();
        }
    }
    node.sync(&mut relay);
    let gone: Vec<usize> = (0..CHARTS).step_by(2).collect();
    let patients: std::collections::BTreeSet<_> = gone.iter().map(|n| charts[*n].patient.clone()).collect();
    let is_gone =
        |held: &crate::relay::Held| patients.contains(held.descriptor.as_ref().unwrap().patient.as_ref().unwrap());
    relay.conduct.withdraw = relay.documents.iter().filter(|(_, held)| is_gone(held)).map(|(id, _)| *id).collect();
    node.sync(&mut relay);
    let stated: usize = relay.accounts.receipts.iter().map(|receipt| receipt.documents.len()).sum();
    assert_eq!(stated, relay.conduct.withdraw.len(), "the relay was told that nothing is left");
    let there = numbers_after("canary", &node);
    let left: Vec<_> = gone.iter().filter(|n| there.contains(&format!("{n:04}"))).collect();
    assert!(left.is_empty(), "{left:?} are still there");
    assert!(there.len() == CHARTS / 2 && node.device.chart(&charts[1], START).is_ok());
}

/// The four digits after each `word` in the files of a profile.
fn numbers_after(word: &str, node: &Node) -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(node.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let places = bytes.windows(word.len() + 4).filter(|place| place.starts_with(word.as_bytes()));
        found.extend(places.map(|place| String::from_utf8_lossy(&place[word.len()..]).into_owned()));
    }
    found
}
