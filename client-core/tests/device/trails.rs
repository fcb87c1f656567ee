//! Whoever reads is recorded, first on the device and then at the relay.

use client_core::{ChartRef, DeviceError, PatientFilter, ResourceKey, SAME_READING_MS, TrailEntry, UnixMillis};
use sync_protocol::Compartment;
use sync_protocol::EpochId;

use crate::relay::Relay;
use crate::world::{Node, START};

fn with_chart() -> (Relay, Node, ChartRef) {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = node.chart("Silva");
    (relay, node, chart)
}

/// The entries that `act` makes.
fn made(node: &mut Node, act: impl FnOnce(&mut Node)) -> Vec<TrailEntry> {
    let before = node.device.status(START).unwrap().trail.entries;
    act(node);
    node.device.trail(before, 100).unwrap().into_iter().map(|record| record.entry).collect()
}

fn actions(entries: &[TrailEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.action.as_str()).collect()
}

#[test]
fn every_way_of_reading_is_recorded_with_the_documents_it_gave_out() {
    let (_, mut node, chart) = with_chart();
    let index = node.document(&chart, Compartment::PatientIndex);
    let core = node.document(&chart, Compartment::Core);
    let allergy = ResourceKey::new("AllergyIntolerance", "a1");
    let (of, filter) = (chart.clone(), PatientFilter::default());
    type Reading = Box<dyn Fn(&mut Node, UnixMillis)>;
    let readings: Vec<(&str, Vec<_>, Reading)> = vec![
        ("search", vec![index], Box::new(move |n, now| drop(n.device.patients(&filter, 9, 0, now).unwrap()))),
        ("search", vec![index], Box::new(|n, now| drop(n.device.search("sil", now).unwrap()))),
        (
            "read",
            vec![index, core],
            Box::new({
                let of = of.clone();
                move |n, now| drop(n.device.chart(&of, now).unwrap())
            }),
        ),
        (
            "read",
            vec![core],
            Box::new({
                let of = of.clone();
                let key = allergy.clone();
                move |n, now| drop(n.device.resource(&of, &key, now).unwrap())
            }),
        ),
        (
            "read",
            vec![index, core],
            Box::new({
                let of = of.clone();
                move |n, now| drop(n.device.history(&of, None, now).unwrap())
            }),
        ),
        (
            "read",
            vec![core],
            Box::new({
                let of = of.clone();
                let key = allergy.clone();
                move |n, now| drop(n.device.history(&of, Some(&key), now).unwrap())
            }),
        ),
        (
            "export",
            vec![index, core],
            Box::new({
                let of = of.clone();
                move |n, now| drop(n.device.export_chart(&of, now).unwrap())
            }),
        ),
        ("export", vec![core], Box::new(move |n, now| drop(n.device.raw_changes(&core, now).unwrap()))),
        (
            "print",
            vec![index, core],
            Box::new({
                let of = of.clone();
                move |n, now| n.device.record_print(&of, now).unwrap()
            }),
        ),
    ];
    let mut now = START;
    for (action, mut documents, read) in readings {
        now = now.plus(SAME_READING_MS);
        let mut entries = made(&mut node, |node| read(node, now));
        assert_eq!(actions(&entries), [action]);
        entries[0].documents.sort();
        documents.sort();
        assert_eq!((&entries[0].documents, entries[0].at, entries[0].break_glass), (&documents, now, false));
        if action != "search" && documents.len() == 2 {
            assert_eq!(entries[0].patient.as_ref(), Some(&chart.patient));
        }
    }
}

#[test]
fn conflicts_and_what_is_decided_on_them_are_recorded() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    b.sync(&mut relay);
    let (key, path) = (ResourceKey::new("AllergyIntolerance", "a1"), "code.text".parse().unwrap());
    for (node, text) in [(&mut a, "X"), (&mut b, "Y")] {
        node.device.set_element(&chart, &key, &path, text.into(), START).unwrap();
        node.sync(&mut relay);
    }
    let core = b.document(&chart, Compartment::Core);
    let entries = made(&mut b, |b| assert_eq!(b.device.conflicts(&chart, START).unwrap().len(), 1));
    assert_eq!((actions(&entries), &entries[0].documents), (vec!["read"], &vec![core]));
    let settle = |b: &mut Node| {
        drop(b.device.settle_conflict(&chart, &key, &path, Some(&"Y".into()), "asked again", START).unwrap());
    };
    assert_eq!(actions(&made(&mut b, settle)), ["conflict-settled"]);
}

#[test]
fn what_tells_ids_and_counts_only_is_not_recorded() {
    let (_, mut node, chart) = with_chart();
    let entries = made(&mut node, |node| {
        let device = &mut node.device;
        device.status(START).unwrap();
        device.quarantined().unwrap();
        device.chart_of(&chart.patient).unwrap();
        device.directory(START).unwrap();
        for document in device.documents().unwrap() {
            device.heads(&document.id, START).unwrap();
            device.change_hashes(&document.id).unwrap();
        }
    });
    assert_eq!(entries, []);
}

#[test]
fn reading_the_same_again_within_minutes_is_one_entry() {
    let (_, mut node, chart) = with_chart();
    let read = |now: UnixMillis| move |node: &mut Node, chart: &ChartRef| drop(node.device.chart(chart, now).unwrap());
    let last = START.plus(SAME_READING_MS - 1);
    assert_eq!(made(&mut node, |n| read(START)(n, &chart)).len(), 1);
    assert_eq!(made(&mut node, |n| read(last)(n, &chart)).len(), 0);
    assert_eq!(made(&mut node, |n| read(START.plus(SAME_READING_MS))(n, &chart)).len(), 1);
    assert_eq!(made(&mut node, |n| read(START)(n, &chart)).len(), 1, "a clock set back hides nothing");
    let key = ResourceKey::new("AllergyIntolerance", "a1");
    assert_eq!(made(&mut node, |n| drop(n.device.resource(&chart, &key, START).unwrap())).len(), 0, "it was shown");
    assert_eq!(made(&mut node, |n| drop(n.device.search("silva", START).unwrap())).len(), 1, "a list is another act");
    let entries = made(&mut node, |n| {
        n.device.record_lock(START).unwrap();
        n.device.record_unlock(START).unwrap();
        n.device.chart(&chart, START).unwrap();
    });
    assert_eq!(actions(&entries), ["lock", "unlock", "read"]);
    let mut node = node.reopen(5, START);
    assert_eq!(made(&mut node, |n| read(START)(n, &chart)).len(), 1, "of this opening of the profile only");
}

#[test]
fn a_search_names_all_it_showed_and_typing_on_adds_only_what_is_new() {
    let (_, mut node, _) = with_chart();
    for n in 0..40 {
        node.chart(&format!("Sousa{n}"));
    }
    let entries = made(&mut node, |n| assert_eq!(n.device.search("s", START).unwrap().len(), 41));
    assert_eq!((entries.len(), entries[0].documents.len()), (1, 41));
    assert_eq!(made(&mut node, |n| drop(n.device.search("sou", START).unwrap())), []);
    assert_eq!(made(&mut node, |n| drop(n.device.search("nobody", START).unwrap())), []);
}

#[test]
fn a_list_of_very_many_is_recorded_in_several_entries() {
    let (_, mut node, _) = with_chart();
    for n in 0..510 {
        let patient = client_core::NewPatient { family: Some(format!("Many{n}")), ..Default::default() };
        node.device.register_patient(&patient, START).unwrap();
    }
    let entries = made(&mut node, |n| drop(n.device.patients(&PatientFilter::default(), 1_000, 0, START).unwrap()));
    assert_eq!(entries.iter().map(|entry| entry.documents.len()).collect::<Vec<_>>(), [500, 11]);
}

#[test]
fn the_trail_reaches_the_relay_before_the_work_it_speaks_of() {
    let (mut relay, mut node, chart) = with_chart();
    node.device.chart(&chart, START).unwrap();
    node.sync(&mut relay);
    assert_eq!(relay.accounts.order, ["trail", "push"]);
    assert_eq!(relay.accounts.trails[&node.key()].actions(), ["edit", "edit", "read"]);
    let status = node.device.status(START).unwrap().trail;
    assert_eq!((status.entries, status.unsent, status.broken_at), (3, 0, None));
    assert!(node.device.trail(0, 9).unwrap().iter().all(|record| record.sent));
    node.sync(&mut relay);
    assert_eq!(relay.accounts.order, ["trail", "push"], "nothing new, nothing sent");
}

#[test]
fn while_connected_entries_go_out_as_they_are_made() {
    let (mut relay, mut node, chart) = with_chart();
    node.give(Some(&mut relay), client_core::sync::Input::Start, START);
    node.device.chart(&chart, START).unwrap();
    node.give(Some(&mut relay), client_core::sync::Input::LocalEdit, START);
    assert_eq!(relay.accounts.trails[&node.key()].actions().last(), Some(&"read"));
}

#[test]
fn the_chain_goes_on_after_a_restart_and_over_many_frames() {
    let (mut relay, node, chart) = with_chart();
    let mut node = node.reopen(2, START);
    for n in 0..1_500 {
        node.device.record_print(&chart, START.plus(n)).unwrap();
    }
    node.sync(&mut relay);
    let kept = &relay.accounts.trails[&node.key()];
    assert_eq!((kept.entries.len(), kept.alerts), (1_502, 0));
    assert!(relay.accounts.order.iter().filter(|what| **what == "trail").count() > 1);
    assert_eq!(node.device.verify_trail().unwrap(), None);
}

#[test]
fn a_relay_that_was_set_back_is_given_what_it_lost() {
    let (mut relay, mut node, chart) = with_chart();
    node.device.chart(&chart, START).unwrap();
    node.sync(&mut relay);
    let kept = relay.accounts.trails.get_mut(&node.key()).unwrap();
    kept.entries.truncate(1);
    kept.hashes.truncate(1);
    relay.epoch = EpochId([7; 16]);
    node.sync(&mut relay);
    assert_eq!(relay.accounts.trails[&node.key()].actions(), ["edit", "edit", "read"]);
    assert_eq!(node.device.status(START).unwrap().trail.unsent, 0);
}

#[test]
fn a_device_that_was_set_back_raises_an_alert_and_goes_on() {
    let (mut relay, mut node, chart) = with_chart();
    node.sync(&mut relay);
    let backup = node.backup();
    node.device.record_print(&chart, START).unwrap();
    node.sync(&mut relay);
    let mut node = node.restore(backup, 3);
    node.device.chart(&chart, START).unwrap();
    node.sync(&mut relay);
    assert_eq!(relay.accounts.trails[&node.key()].alerts, 1);
    assert_eq!(node.device.status(START).unwrap().trail.unsent, 0);
}

#[test]
fn a_relay_that_keeps_no_trails_holds_unsent_work_up_for_seconds_only() {
    let (mut relay, mut node, chart) = with_chart();
    relay.accounts.is_silent = true;
    node.give(Some(&mut relay), client_core::sync::Input::Start, START);
    assert_eq!(relay.changes(), 2, "the trail so far went ahead of it");
    node.device.add_note(&chart, "Seen.", None, START).unwrap();
    node.give(Some(&mut relay), client_core::sync::Input::LocalEdit, START);
    assert_eq!(relay.changes(), 2);
    let wake = node.wake.unwrap();
    assert_eq!(wake, START.plus(5_000));
    node.give(Some(&mut relay), client_core::sync::Input::Tick, wake);
    assert_eq!(relay.changes(), 3);
    assert_eq!(node.device.status(START).unwrap().trail.unsent, 3, "nothing counts as sent that was not kept");
}

#[test]
fn what_was_not_sent_cannot_be_removed_or_changed() {
    let (mut relay, mut node, chart) = with_chart();
    node.sync(&mut relay);
    node.device.chart(&chart, START).unwrap();
    let file = rusqlite::Connection::open(node.folder.path().join("device.db")).unwrap();
    assert!(file.execute("DELETE FROM trail", []).is_err());
    assert!(file.execute("UPDATE trail SET body = replace(body, 'read', 'lock')", []).is_err());
    assert_eq!(node.device.trail(0, 9).unwrap().len(), 3);
}

#[test]
fn a_trail_that_was_tampered_with_is_noticed() {
    let (_, mut node, chart) = with_chart();
    node.device.chart(&chart, START).unwrap();
    let file = rusqlite::Connection::open(node.folder.path().join("device.db")).unwrap();
    file.execute_batch(
        "DROP TRIGGER trail_is_never_changed; UPDATE trail SET body = replace(body, 'read', 'lock') WHERE seq = 3",
    )
    .unwrap();
    assert_eq!(node.device.verify_trail().unwrap(), Some(3));
    let node = node.reopen(2, START);
    assert_eq!(node.device.status(START).unwrap().trail.broken_at, Some(3), "the end is checked at opening");
}

#[test]
fn past_the_lease_the_trail_is_still_there_to_be_seen() {
    let (_, mut node, chart) = with_chart();
    let late = START.plus(8 * 86_400_000);
    assert!(matches!(node.device.chart(&chart, late), Err(DeviceError::LeaseExpired { .. })));
    assert_eq!(node.device.trail(0, 9).unwrap().len(), 2);
}
