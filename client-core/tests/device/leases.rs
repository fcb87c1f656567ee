//! The lease: charts close when the relay was not reached for too long, and nothing is lost.

use client_core::{DeviceError, PatientFilter, UnixMillis};

use crate::relay::{DAY_MS, Relay};
use crate::world::{Node, START, allergy};

fn after_days(days: u64) -> UnixMillis {
    START.plus((days * DAY_MS) as i64)
}

#[test]
fn past_the_lease_charts_stay_closed_until_the_relay_was_reached() {
    let mut relay = Relay::new();
    let mut node = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = node.chart("Silva");
    let late = after_days(8);
    let expired = |error| matches!(error, DeviceError::LeaseExpired { .. });
    assert!(expired(node.device.chart(&chart, late).unwrap_err()));
    assert!(expired(node.device.patients(&PatientFilter::default(), 1, 0, late).unwrap_err()));
    assert!(expired(node.device.put_resource(&chart, &allergy(&chart, "a2", "Nuts"), late).unwrap_err()));
    assert_eq!(node.device.status(late).unwrap().unsent, 2);
    assert!(node.device.status(late).unwrap().lease_remaining_ms < 0);
    node.give(Some(&mut relay), client_core::sync::Input::Start, late);
    assert_eq!(relay.changes(), 2);
    assert!(node.device.chart(&chart, late).is_ok());
}

#[test]
fn a_clock_set_back_does_not_lengthen_the_lease() {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    let chart = node.chart("Silva");
    node.device.put_resource(&chart, &allergy(&chart, "a2", "Nuts"), after_days(6)).unwrap();
    let left = node.device.status(START).unwrap().lease_remaining_ms;
    assert_eq!(left, DAY_MS as i64);
}

#[test]
fn a_clock_set_back_goes_on_using_up_the_lease() {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    let chart = node.chart("Silva");
    node.device.chart(&chart, after_days(6)).unwrap();
    // Back to the beginning, with a day left.
    node.device.chart(&chart, START).unwrap();
    let day = DAY_MS as i64;
    node.device.chart(&chart, START.plus(day - 1)).unwrap();
    assert_eq!(node.device.status(START.plus(day - 1)).unwrap().lease_remaining_ms, 1);
    let over = node.device.chart(&chart, START.plus(day + 1));
    assert!(matches!(over, Err(DeviceError::LeaseExpired { .. })), "{over:?}");
    let mut node = node.reopen(5, START.plus(day + 2));
    assert!(matches!(node.device.chart(&chart, START), Err(DeviceError::LeaseExpired { .. })), "after a restart too");
}
