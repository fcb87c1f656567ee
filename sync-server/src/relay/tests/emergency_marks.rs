//! The mark by which a device knows what it has by emergency access only, and removes by itself: it follows what opens a
//! document.

use super::emergency::{ask, opened, request};
use super::*;

const OPEN_FOR: i64 = 4 * HOUR;

/// North has the chart of p1; dr-s at south has a device (2).
fn treated() -> (Clinic, DocumentDescriptor) {
    let mut clinic = Clinic::of_two();
    let chart = core("north", "p1");
    clinic.write(0, &chart, "penicillin");
    (clinic, chart)
}

fn refer(clinic: &mut Clinic, valid_ms: i64) -> Grant {
    clinic.grant("north", "p1", Grantee::Organization(organization("south")), &[Compartment::Core], valid_ms)
}

fn break_glass(clinic: &mut Clinic, device: usize, reason: &str) -> UnixMillis {
    opened(ask(clinic, device, request("p1", "ETREAT", reason))).until
}

fn mark(clinic: &Clinic, chart: &DocumentDescriptor) -> Option<UnixMillis> {
    assert!(clinic.devices[2].holds(chart));
    clinic.devices[2].by_break_glass.get(&chart.id()).copied()
}

#[test]
fn a_chart_whose_grant_ends_while_the_glass_is_broken_is_marked_from_then_on() {
    for away in [false, true] {
        let (mut clinic, chart) = treated();
        refer(&mut clinic, HOUR);
        let until = break_glass(&mut clinic, 2, "unconscious");
        assert_eq!(mark(&clinic, &chart), None, "it is open by the grant");
        if away {
            clinic.cut(2);
        }
        clinic.wait(HOUR);
        if away {
            clinic.sync(2);
        }
        assert_eq!(mark(&clinic, &chart), Some(until), "away: {away}");
        assert!(clinic.devices[2].agreed.unwrap());
    }
}

#[test]
fn a_chart_that_is_granted_while_the_glass_is_broken_is_marked_no_longer() {
    for away in [false, true] {
        let (mut clinic, chart) = treated();
        break_glass(&mut clinic, 2, "unconscious");
        assert!(mark(&clinic, &chart).is_some());
        if away {
            clinic.cut(2);
        }
        refer(&mut clinic, DAY);
        if away {
            clinic.sync(2);
        }
        assert_eq!(mark(&clinic, &chart), None, "away: {away}");
        clinic.wait(OPEN_FOR);
        assert!(clinic.devices[2].holds(&chart));
        clinic.resync(2);
        assert!(clinic.devices[2].agrees());
    }
}

#[test]
fn glass_that_is_broken_again_moves_the_mark_to_the_later_end() {
    for away in [false, true] {
        let (mut clinic, chart) = treated();
        let other = clinic.enrolled("dr-s", "south");
        clinic.sync(other);
        let first = break_glass(&mut clinic, 2, "unconscious");
        if away {
            clinic.cut(2);
        }
        clinic.wait(2 * HOUR);
        let second = break_glass(&mut clinic, other, "unconscious still");
        if away {
            clinic.sync(2);
        }
        assert_eq!((mark(&clinic, &chart), second), (Some(second), first.plus(2 * HOUR)), "away: {away}");
        clinic.wait(OPEN_FOR);
        assert!(!clinic.devices[2].holds(&chart));
    }
}

#[test]
fn a_reconnect_sends_nothing_again_whose_mark_is_known() {
    let (mut clinic, _) = treated();
    break_glass(&mut clinic, 2, "unconscious");
    clinic.resync(2);
    assert_eq!(clinic.devices[2].deliveries, []);
    clinic.restart();
    clinic.sync(2);
    assert_eq!(clinic.devices[2].deliveries, []);
}

/// Device 2 removes the chart by its own count of time, and says so.
fn remove_by_itself(clinic: &mut Clinic, chart: &DocumentDescriptor) {
    clinic.devices[2].disk.documents.remove(&chart.id());
    let now = clinic.now;
    let receipt = clinic.devices[2].confirm(vec![chart.id()], false, now);
    clinic.send_raw(2, &receipt);
}

#[test]
fn what_a_device_removed_by_itself_and_may_have_is_sent_again() {
    let (mut clinic, chart) = treated();
    let until = break_glass(&mut clinic, 2, "unconscious");
    clinic.wait(HOUR);
    remove_by_itself(&mut clinic, &chart);
    assert_eq!(mark(&clinic, &chart), Some(until));
    clinic.resync(2);
    assert!(clinic.devices[2].agrees());
}

#[test]
fn what_a_device_removed_as_it_is_about_to_end_is_not_sent_again() {
    let (mut clinic, chart) = treated();
    break_glass(&mut clinic, 2, "unconscious");
    clinic.wait(OPEN_FOR - 1_000);
    remove_by_itself(&mut clinic, &chart);
    assert!(!clinic.devices[2].holds(&chart));
    clinic.wait(1_000);
    assert!(!clinic.devices[2].holds(&chart));
    assert_eq!(clinic.relay.devices_owing(clinic.now).unwrap(), []);
}
