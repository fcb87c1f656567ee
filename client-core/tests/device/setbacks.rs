//! Restored backups, on either side: what was lost is given back, what was done twice is done anew.

use client_core::ResourceKey;

use crate::relay::Relay;
use crate::world::{Node, START, allergy, assert_converged};

#[test]
fn a_device_set_back_and_edited_again_loses_nothing() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    let backup = a.backup();
    a.device.put_resource(&chart, &allergy(&chart, "before", "Nuts"), START).unwrap();
    a.sync(&mut relay);
    let mut a = a.restore(backup, 3);
    // Uses sequence numbers that the relay has seen.
    a.device.put_resource(&chart, &allergy(&chart, "after", "Latex"), START).unwrap();
    a.sync(&mut relay);
    b.sync(&mut relay);
    assert_converged(&a, &b);
    for id in ["a1", "before", "after"] {
        for node in [&mut a, &mut b] {
            let key = ResourceKey::new("AllergyIntolerance", id);
            assert!(node.device.resource(&chart, &key, START).is_ok(), "{id}");
        }
    }
    assert!(b.device.history(&chart, None, START).unwrap().iter().all(|entry| entry.signed));
    a.device.put_resource(&chart, &allergy(&chart, "later", "Bees"), START).unwrap();
    a.sync(&mut relay);
    b.sync(&mut relay);
    assert_converged(&a, &b);
}

#[test]
fn a_relay_set_back_is_given_what_it_lost_by_whoever_has_it() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    b.sync(&mut relay);
    relay.set_back(2);
    // The author's own device is gone: the other one gives its work back, with its signatures.
    b.sync(&mut relay);
    assert_eq!(relay.changes(), 2);
    let mut c = Node::new(&mut relay, 3, "south", "dr-c");
    c.sync(&mut relay);
    assert_converged(&b, &c);
    assert!(c.device.chart(&chart, START).is_ok());
}

#[test]
fn an_edit_on_top_of_what_the_relay_lost_goes_up_with_it() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    let epoch = relay.epoch;
    relay.set_back(2);
    relay.epoch = epoch;
    a.device.put_resource(&chart, &allergy(&chart, "a2", "Nuts"), START).unwrap();
    a.sync(&mut relay);
    assert_eq!(relay.changes(), 3);
}
