//! Saved histories: nothing of what a device shows, gives out or sends depends on how its changes lie in the file.

use client_core::sync::Input;
use client_core::{ChangeHash, ChartRef, DeviceError, DocumentId, ResourceKey, SavingLimits};
use proptest::prelude::*;

use crate::relay::Relay;
use crate::world::{Node, START, allergy, assert_converged};

const EVERYTHING: SavingLimits = SavingLimits { changes: 1, share: u32::MAX };

/// Saves whatever can be saved; gives how many times that was.
fn save(node: &Node) -> usize {
    let mut saver = node.device.history_saver().unwrap();
    std::iter::from_fn(|| saver.save_one(&EVERYTHING).unwrap()).count()
}

/// A chart in one of whose documents two devices have written in turns and at the same time.
fn shared(relay: &mut Relay, a: &mut Node, b: &mut Node, edits: usize) -> ChartRef {
    let chart = a.chart("Silva");
    for n in 0..edits {
        a.device.put_resource(&chart, &allergy(&chart, "a1", &format!("from a {n}")), START).unwrap();
        a.sync(relay);
        if n % 3 > 0 {
            b.sync(relay);
        }
        if n > 0 {
            b.device.put_resource(&chart, &allergy(&chart, "b1", &format!("from b {n}")), START).unwrap();
        }
        b.sync(relay);
    }
    a.sync(relay);
    b.sync(relay);
    // And one value that waits for a decision.
    for (node, text) in [(&mut *a, "Latex"), (&mut *b, "Wasps")] {
        node.device.put_resource(&chart, &allergy(&chart, "a1", text), START).unwrap();
    }
    a.sync(relay);
    b.sync(relay);
    a.sync(relay);
    chart
}

/// All that can be read of a device, in a form to be compared.
fn shown(node: &mut Node, chart: &ChartRef) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut ids: Vec<DocumentId> = node.device.documents().unwrap().into_iter().map(|document| document.id).collect();
    ids.sort();
    let mut changes: Vec<Vec<(ChangeHash, Vec<u8>)>> =
        ids.iter().map(|id| node.device.raw_changes(id, START).unwrap()).collect();
    for of_document in &mut changes {
        of_document.sort();
    }
    let hashes: Vec<Vec<ChangeHash>> = ids.iter().map(|id| sorted(node.device.change_hashes(id).unwrap())).collect();
    let heads: Vec<_> = ids.iter().map(|id| node.device.heads(id, START).unwrap()).collect();
    let history = node.device.history(chart, None, START).unwrap();
    assert!(history.iter().all(|entry| entry.signed), "a change that nobody vouches for");
    let mut history: Vec<_> = history.into_iter().map(|entry| (entry.change, entry.sent)).collect();
    history.sort();
    let conflicts: Vec<_> = node.device.conflicts(chart, START).unwrap().into_iter().map(|c| (c.key, c.path)).collect();
    let opened = node.device.chart(chart, START).unwrap();
    let counts = (opened.conflicts.len(), opened.overridden.len(), opened.unsent);
    (ids, changes, hashes, heads, history, conflicts, counts)
}

fn sorted(mut hashes: Vec<ChangeHash>) -> Vec<ChangeHash> {
    hashes.sort();
    hashes
}

#[test]
fn a_saved_history_reads_as_before_and_takes_further_edits_and_deliveries() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    let chart = shared(&mut relay, &mut a, &mut b, 6);
    let before = shown(&mut a, &chart);
    assert!(save(&a) > 0);
    assert_eq!(shown(&mut a, &chart), before);
    let mut a = a.reopen(7, START);
    assert_eq!(shown(&mut a, &chart), before, "after a restart");
    a.device.put_resource(&chart, &allergy(&chart, "a2", "Latex"), START).unwrap();
    b.device.put_resource(&chart, &allergy(&chart, "b1", "Bees"), START).unwrap();
    b.sync(&mut relay);
    a.sync(&mut relay);
    b.sync(&mut relay);
    assert_converged(&a, &b);
    assert!(save(&a) > 0 && save(&b) > 0);
    assert_converged(&a, &b);
    let mut c = Node::new(&mut relay, 3, "south", "dr-c");
    c.sync(&mut relay);
    assert_converged(&a, &c);
}

#[test]
fn what_was_not_sent_stays_out_of_the_saved_form_and_is_sent_later() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    a.device.put_resource(&chart, &allergy(&chart, "a2", "Nuts"), START).unwrap();
    save(&a);
    assert_eq!(a.device.status(START).unwrap().unsent, 1);
    a.sync(&mut relay);
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    b.sync(&mut relay);
    assert_converged(&a, &b);
    assert!(b.device.resource(&chart, &ResourceKey::new("AllergyIntolerance", "a2"), START).is_ok());
}

#[test]
fn a_relay_set_back_is_given_back_what_stands_in_a_saved_form() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    let chart = shared(&mut relay, &mut a, &mut b, 4);
    let changes = relay.changes();
    save(&b);
    relay.set_back(2);
    b.sync(&mut relay);
    assert_eq!(relay.changes(), changes);
    let mut c = Node::new(&mut relay, 3, "south", "dr-c");
    c.sync(&mut relay);
    assert_converged(&b, &c);
    assert!(c.device.history(&chart, None, START).unwrap().iter().all(|entry| entry.signed));
}

#[test]
fn a_saved_chart_that_is_taken_back_leaves_nothing_behind() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = a.chart("Silva");
    for n in 0..5 {
        a.device.put_resource(&chart, &allergy(&chart, "a1", &format!("Canaryseed {n}")), START).unwrap();
    }
    a.sync(&mut relay);
    assert!(save(&a) > 0);
    let documents: Vec<_> = a.device.documents().unwrap().into_iter().map(|document| document.id).collect();
    relay.conduct.withdraw = documents;
    a.give(Some(&mut relay), Input::Start, START);
    assert_eq!(a.device.documents().unwrap(), []);
    for word in ["canaryseed", "silva"] {
        assert!(!a.files_hold(word), "{word}");
    }
}

#[test]
fn saving_that_breaks_off_anywhere_changes_nothing() {
    for fault in ["INSERT ON saved_change", "INSERT ON saved_history", "DELETE ON change"] {
        let mut relay = Relay::new();
        let mut a = Node::new(&mut relay, 1, "north", "dr-a");
        let mut b = Node::new(&mut relay, 2, "south", "dr-b");
        let chart = shared(&mut relay, &mut a, &mut b, 3);
        let before = shown(&mut a, &chart);
        let sql = |statement: &str| {
            let file = a.folder.path().join("device.db");
            rusqlite::Connection::open(file).unwrap().execute_batch(statement).unwrap();
        };
        sql(&format!("CREATE TRIGGER broken BEFORE {fault} BEGIN SELECT RAISE (ABORT, 'disk I/O error'); END"));
        let outcome = a.device.history_saver().unwrap().save_one(&EVERYTHING);
        assert!(outcome.is_err(), "{fault}");
        sql("DROP TRIGGER broken");
        let mut a = a.reopen(9, START);
        assert_eq!(shown(&mut a, &chart), before, "{fault}");
        save(&a);
        assert_eq!(shown(&mut a, &chart), before, "{fault}");
    }
}

#[derive(Clone, Debug)]
enum Act {
    Edit(usize),
    Sync(usize),
    Save(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0usize..2).prop_map(Act::Edit),
        3 => (0usize..2).prop_map(Act::Sync),
        2 => (0usize..2).prop_map(Act::Save),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn histories_saved_at_any_moments_reach_a_new_device_the_same(acts in proptest::collection::vec(act(), 1..40)) {
        let mut relay = Relay::new();
        let mut nodes =
            [Node::new(&mut relay, 1, "north", "dr-a"), Node::new(&mut relay, 2, "south", "dr-b")];
        let chart = nodes[0].chart("Silva");
        nodes[0].sync(&mut relay);
        nodes[1].sync(&mut relay);
        for (step, act) in acts.iter().enumerate() {
            match act {
                Act::Edit(node) => {
                    // Each has one of its own besides the one that both write.
                    let id = if step % 3 == 0 { "a1" } else { ["of-a", "of-b"][*node] };
                    let edit = allergy(&chart, id, &format!("step {step}"));
                    match nodes[*node].device.put_resource(&chart, &edit, START) {
                        Ok(_) | Err(DeviceError::InConflict { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                Act::Sync(node) => drop(nodes[*node].sync(&mut relay)),
                Act::Save(node) => drop(save(&nodes[*node])),
            }
        }
        for node in [0, 1, 0] {
            nodes[node].sync(&mut relay);
        }
        save(&nodes[0]);
        let mut late = Node::new(&mut relay, 3, "south", "dr-c");
        late.sync(&mut relay);
        let [mut a, b] = nodes;
        assert_converged(&a, &b);
        assert_converged(&a, &late);
        save(&late);
        prop_assert_eq!(shown(&mut a, &chart), shown(&mut late, &chart));
    }
}
