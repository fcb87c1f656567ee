//! Documents that are taken back are removed; unsent work in them is kept, and returns with the right.

use client_core::{DeviceError, ResourceKey};

use crate::relay::Relay;
use crate::world::{Node, START, allergy};

#[test]
fn a_withdrawn_chart_is_gone_and_unsent_work_comes_back_with_it() {
    let mut relay = Relay::new();
    let mut a = Node::new(&mut relay, 1, "north", "dr-a");
    let mut b = Node::new(&mut relay, 2, "south", "dr-b");
    let chart = a.chart("Silva");
    a.sync(&mut relay);
    b.sync(&mut relay);
    b.device.put_resource(&chart, &allergy(&chart, "mine", "Nuts"), START).unwrap();
    relay.conduct.withdraw = relay.documents.keys().copied().collect();
    // It cannot take the work now.
    relay.conduct.answer = Some(sync_protocol::frame::Answer::Needs(vec![]));
    b.connect(&mut relay, START);
    assert!(matches!(b.device.chart(&chart, START), Err(DeviceError::UnknownPatient { .. })));
    assert!(b.device.search("silva", START).unwrap().is_empty());
    let status = b.device.status(START).unwrap();
    assert_eq!((status.documents, status.patients, status.unsent, status.kept_aside.len()), (0, 0, 0, 1));
    // The right returns, and the relay gives the documents anew.
    relay.conduct.withdraw.clear();
    relay.conduct.answer = None;
    relay.epoch = sync_protocol::EpochId([9; 16]);
    b.sync(&mut relay);
    let key = ResourceKey::new("AllergyIntolerance", "mine");
    assert!(b.device.resource(&chart, &key, START).is_ok());
    assert!(b.device.status(START).unwrap().kept_aside.is_empty());
    assert_eq!(relay.changes(), 3);
}
