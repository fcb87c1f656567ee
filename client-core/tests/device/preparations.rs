//! Charts that are prepared in quiet moments show what they would show if they were made as they are opened.

use client_core::{ChartRef, Page, ResourceKey};

use crate::relay::Relay;
use crate::world::{Node, START, allergy};

/// Prepares all there is; gives how many documents that were.
fn prepare(node: &Node) -> usize {
    let mut preparer = node.device.chart_preparer().unwrap();
    std::iter::from_fn(|| preparer.prepare_one().unwrap().then_some(())).count()
}

/// Some charts of A with notes, allergies and one value that waits for a decision, received by B and C.
fn received(relay: &mut Relay) -> (Node, Node, Vec<ChartRef>) {
    let mut a = Node::new(relay, 1, "north", "dr-a");
    let mut b = Node::new(relay, 2, "north", "dr-b");
    let mut c = Node::new(relay, 3, "north", "dr-c");
    let charts: Vec<ChartRef> = ["Silva", "Souza", "Lima"].iter().map(|family| a.chart(family)).collect();
    for chart in &charts {
        a.device.add_note(chart, "Knee pain since Monday", None, START).unwrap();
    }
    a.sync(relay);
    b.sync(relay);
    b.device.chart(&charts[0], START).unwrap();
    for (node, text) in [(&mut a, "Latex"), (&mut b, "Wasps")] {
        node.device.put_resource(&charts[0], &allergy(&charts[0], "a1", text), START).unwrap();
    }
    a.sync(relay);
    b.sync(relay);
    a.sync(relay);
    b.sync(relay);
    c.sync(relay);
    (b, c, charts)
}

/// Documents whose rows do not show what came in.
fn unprepared(node: &Node) -> i64 {
    let db = rusqlite::Connection::open(node.folder.path().join("device.db")).unwrap();
    db.query_row("SELECT count(*) FROM document WHERE stale = 1 AND unreadable IS NULL", [], |row| row.get(0)).unwrap()
}

#[test]
fn prepared_charts_show_what_charts_show_that_are_made_as_they_are_opened() {
    let mut relay = Relay::new();
    let (mut b, mut c, charts) = received(&mut relay);
    let waiting = unprepared(&c);
    assert!(waiting > 3, "{waiting}");
    assert_eq!(prepare(&c), waiting as usize);
    assert_eq!((unprepared(&c), prepare(&c)), (0, 0));
    for chart in &charts {
        let (prepared, made) = (c.device.chart(chart, START).unwrap(), b.device.chart(chart, START).unwrap());
        assert!(prepared == made, "{prepared:?} {made:?}");
    }
    assert_eq!(c.device.chart(&charts[0], START).unwrap().conflicts.len(), 1);
    assert_eq!(c.device.search_notes("knee", None, Page::default(), START).unwrap().len(), 3);
}

#[test]
fn what_was_taken_back_meanwhile_does_not_come_back_by_being_prepared() {
    let mut relay = Relay::new();
    let (_, mut c, charts) = received(&mut relay);
    let mut preparer = c.device.chart_preparer().unwrap();
    // It has looked up what there is to prepare.
    assert!(preparer.prepare_one().unwrap());
    relay.conduct.withdraw = relay.documents.keys().copied().collect();
    c.connect(&mut relay, START);
    while preparer.prepare_one().unwrap() {}
    assert!(c.device.documents().unwrap().is_empty());
    assert!(c.device.chart(&charts[1], START).is_err());
    drop(preparer);
    for canary in ["Penicillin", "Knee pain"] {
        assert!(!c.files_hold(canary), "{canary}");
    }
}

#[test]
fn an_edit_made_meanwhile_stays_shown() {
    let mut relay = Relay::new();
    let (_, mut c, charts) = received(&mut relay);
    let mut preparer = c.device.chart_preparer().unwrap();
    assert!(preparer.prepare_one().unwrap());
    for chart in &charts {
        c.device.put_resource(chart, &allergy(chart, "mine", "Nuts"), START).unwrap();
    }
    while preparer.prepare_one().unwrap() {}
    for chart in &charts {
        let found = c.device.resource(chart, &ResourceKey::new("AllergyIntolerance", "mine"), START).unwrap();
        assert_eq!(found["code"]["text"], "Nuts");
        assert_eq!(c.device.search_notes("knee", Some(chart), Page::default(), START).unwrap().len(), 1);
    }
}

#[test]
fn a_document_that_cannot_be_opened_keeps_no_other_from_being_prepared() {
    let mut relay = Relay::new();
    let (_, mut c, charts) = received(&mut relay);
    let db = rusqlite::Connection::open(c.folder.path().join("device.db")).unwrap();
    let broken = "(SELECT min(number) FROM document WHERE stale = 1)";
    assert!(db.execute(&format!("UPDATE change SET payload = x'00' WHERE document = {broken}"), []).unwrap() > 0);
    drop(db);
    prepare(&c);
    assert_eq!(unprepared(&c), 0);
    let quarantined: Vec<usize> =
        charts.iter().map(|chart| c.device.chart(chart, START).unwrap().quarantined.len()).collect();
    assert_eq!(quarantined.iter().sum::<usize>(), 1, "{quarantined:?}");
}
