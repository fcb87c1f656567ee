//! Charts that lie ready, sealed: out of sight until they are opened with a reason, and then for hours only.

use client_core::sync::{Input, SyncEvent};
use client_core::{ChartRef, DeviceError, EmergencyState, UnixMillis};
use sync_protocol::EpochId;

use crate::relay::Relay;
use crate::world::{Node, START, allergy};

const HOUR_MS: i64 = 3_600_000;
const CANARY: &str = "Zyxwvuts";

/// A device of another organization on which one chart lies ready; it is offline.
fn laid_ready() -> (Relay, Node, ChartRef) {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = a.chart(CANARY);
    a.device.put_resource(&chart, &allergy(&chart, "theirs", "Latex"), START).unwrap();
    a.sync(&mut relay);
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    relay.accounts.sealed_only.insert(b.key());
    let events = b.sync(&mut relay);
    assert!(events.contains(&SyncEvent::CaughtUp), "{events:?}");
    (relay, b, chart)
}

fn open(b: &mut Node, chart: &ChartRef) {
    let opened = b.device.break_glass_offline(chart, "ETREAT", "unconscious on arrival", START).unwrap();
    assert_eq!((opened.documents.len(), opened.failed.len(), opened.for_ms), (2, 0, 4 * HOUR_MS as u64));
}

#[test]
fn what_lies_ready_is_known_by_its_chart_and_shows_nothing() {
    let (relay, mut b, chart) = laid_ready();
    assert!(relay.accounts.staged > 0, "the relay was told that it is on disk");
    let ready = b.device.sealed_charts(START).unwrap();
    assert_eq!(ready.iter().map(|ready| (&ready.chart, ready.documents)).collect::<Vec<_>>(), [(&chart, 2)]);
    assert!(b.device.documents().unwrap().is_empty());
    assert!(b.device.search(CANARY, START).unwrap().is_empty());
    assert!(matches!(b.device.chart(&chart, START), Err(DeviceError::UnknownPatient { .. })));
    assert!(!b.files_hold(CANARY));
}

#[test]
fn it_opens_offline_with_a_purpose_and_a_reason_and_not_without() {
    let (_, mut b, chart) = laid_ready();
    for (purpose, reason) in [("ETREAT", "  "), ("", "unconscious"), ("HRESCH", "curious")] {
        let refused = b.device.break_glass_offline(&chart, purpose, reason, START);
        assert!(matches!(refused, Err(DeviceError::Invalid(_))), "{purpose}");
        assert!(b.device.documents().unwrap().is_empty());
    }
    open(&mut b, &chart);
    assert!(b.device.chart(&chart, START).is_ok());
    assert_eq!(b.device.search(CANARY, START).unwrap().len(), 1);
    let told = b.device.emergency_accesses(START).unwrap();
    assert!(matches!(told[0].state, EmergencyState::Open { opening: None, .. }), "{told:?}");
}

#[test]
fn a_chart_that_does_not_lie_ready_cannot_be_opened() {
    let (_, mut b, chart) = laid_ready();
    let other = ChartRef { patient: "nobody".parse().unwrap(), ..chart };
    let refused = b.device.break_glass_offline(&other, "ETREAT", "unconscious", START);
    assert!(matches!(refused, Err(DeviceError::UnknownPatient { .. })));
}

#[test]
fn the_opening_stands_in_the_trail_before_all_that_is_read_and_cannot_be_removed() {
    let (_, mut b, chart) = laid_ready();
    open(&mut b, &chart);
    b.device.chart(&chart, START).unwrap();
    let trail = b.device.trail(0, 99).unwrap();
    let marked: Vec<_> = trail.iter().filter(|record| record.entry.break_glass).collect();
    let actions: Vec<&str> = marked.iter().map(|record| record.entry.action.as_str()).collect();
    assert_eq!(actions, ["break-glass", "read"]);
    let entry = &marked[0].entry;
    assert_eq!((entry.purpose.as_str(), entry.reason.as_str()), ("ETREAT", "unconscious on arrival"));
    assert_eq!((entry.patient.as_ref(), entry.documents.len()), (Some(&chart.patient), 2));
    let file = rusqlite::Connection::open(b.folder.path().join("device.db")).unwrap();
    let removed = file.execute("DELETE FROM trail", []);
    assert!(removed.is_err_and(|error| error.to_string().contains("never removed")));
}

#[test]
fn the_trail_goes_to_the_relay_before_what_was_written_meanwhile() {
    let (mut relay, mut b, chart) = laid_ready();
    open(&mut b, &chart);
    b.device.put_resource(&chart, &allergy(&chart, "mine", "Nuts"), START).unwrap();
    relay.accounts.order.clear();
    b.connect(&mut relay, START);
    let order = &relay.accounts.order;
    assert!(
        order.iter().position(|what| *what == "trail") < order.iter().position(|what| *what == "push"),
        "{order:?}"
    );
    assert!(order.contains(&"push"));
    let entries = &relay.accounts.trails[&b.key()].entries;
    assert!(entries.iter().any(|entry| entry.action == "break-glass" && entry.documents.len() == 2));
}

#[test]
fn it_ends_by_itself_with_nothing_left_in_the_clear_and_can_be_opened_again() {
    let (_, mut b, chart) = laid_ready();
    open(&mut b, &chart);
    b.device.chart(&chart, START.plus(4 * HOUR_MS - 1)).unwrap();
    let late = START.plus(4 * HOUR_MS);
    assert!(matches!(b.device.chart(&chart, late), Err(DeviceError::UnknownPatient { .. })));
    assert!(!b.files_hold(CANARY));
    assert_eq!(b.device.sealed_charts(late).unwrap().len(), 1);
    b.device.break_glass_offline(&chart, "BTG", "again", late).unwrap();
    assert!(b.device.chart(&chart, late).is_ok());
}

#[test]
fn what_was_opened_offline_counts_as_held_once_the_relay_delivers_it() {
    let (mut relay, mut b, chart) = laid_ready();
    open(&mut b, &chart);
    // Before the relay has made an opening of it, it counts as not held, here and there.
    assert!(b.connect(&mut relay, START).contains(&SyncEvent::CaughtUp));
    let until = START.plus(4 * HOUR_MS);
    relay.accounts.sealed_only.clear();
    relay.accounts.emergency_until = relay.documents.keys().map(|id| (*id, until)).collect();
    relay.epoch = EpochId([9; 16]);
    let events = b.connect(&mut relay, START);
    assert!(events.contains(&SyncEvent::CaughtUp) && !events.contains(&SyncEvent::Diverged), "{events:?}");
    assert!(b.device.sealed_charts(START).unwrap().is_empty(), "no sealed copy is needed");
    assert!(b.device.chart(&chart, START).is_ok());
    assert!(matches!(b.device.chart(&chart, until), Err(DeviceError::UnknownPatient { .. })));
}

#[test]
fn ended_early_by_the_relay_it_is_said_to_be_over() {
    let (mut relay, mut b, chart) = laid_ready();
    open(&mut b, &chart);
    relay.conduct.withdraw = relay.documents.keys().copied().collect();
    b.connect(&mut relay, START);
    assert!(matches!(b.device.chart(&chart, START), Err(DeviceError::UnknownPatient { .. })));
    assert_eq!(b.device.emergency_accesses(START).unwrap()[0].state, EmergencyState::Over);
}

#[test]
fn a_round_is_not_over_before_the_sealed_charts_that_were_announced_are_on_disk() {
    for (announced, sent, more, over) in
        [(false, true, false, true), (true, true, false, true), (true, true, true, false), (true, false, false, false)]
    {
        let (mut relay, mut b, _) = laid_ready();
        (relay.conduct.stages, relay.conduct.stages_more) = (announced, more);
        if !sent {
            relay.accounts.sealed_only.clear();
            relay.documents.clear();
        }
        b.give(Some(&mut relay), Input::Start, START);
        assert_eq!(b.engine.is_settled(), over, "announced {announced}, sent {sent}, more {more}");
    }
}

#[test]
fn a_sealed_chart_that_is_taken_back_is_gone_with_a_receipt() {
    let (mut relay, mut b, chart) = laid_ready();
    relay.conduct.withdraw = relay.documents.keys().copied().collect();
    relay.accounts.sealing_keys.clear();
    relay.accounts.sealed_only.clear();
    relay.accounts.emergency_until.clear();
    b.connect(&mut relay, UnixMillis(START.0 + 1));
    assert!(b.device.sealed_charts(START).unwrap().is_empty());
    let refused = b.device.break_glass_offline(&chart, "ETREAT", "unconscious", START);
    assert!(matches!(refused, Err(DeviceError::UnknownPatient { .. })));
    assert_eq!(relay.accounts.receipts[0].documents.len(), 2);
}

#[test]
fn a_damaged_seal_opens_nothing_of_its_document_and_the_rest_opens() {
    let (_, mut b, chart) = laid_ready();
    let file = rusqlite::Connection::open(b.folder.path().join("device.db")).unwrap();
    let damaged = "UPDATE sealed SET body = zeroblob(200) WHERE document = (SELECT min(document) FROM sealed)";
    assert_eq!(file.execute(damaged, []).unwrap(), 1);
    let opened = b.device.break_glass_offline(&chart, "ETREAT", "unconscious", START).unwrap();
    assert_eq!((opened.documents.len(), opened.failed.len()), (1, 1));
}
