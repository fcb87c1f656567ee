//! Sealing keys and what lies sealed on devices.

use super::*;
use crate::store::StagedDocument;
use sync_protocol::SealingKey;

const DEVICE: DeviceId = DeviceId([4; 16]);

pub(super) fn sealing_keys(reopen: Reopen<'_>) {
    let mut store = reopen();
    assert_eq!(store.sealing_key(&DEVICE).unwrap(), None);
    store.set_sealing_key(&DEVICE, &SealingKey([1; 32])).unwrap();
    store.set_sealing_key(&DEVICE, &SealingKey([2; 32])).unwrap();
    assert_eq!(reopen().sealing_key(&DEVICE).unwrap(), Some(SealingKey([2; 32])));
    assert_eq!(store.sealing_key(&DeviceId([5; 16])).unwrap(), None);
}

pub(super) fn staged_documents(reopen: Reopen<'_>) {
    let mut store = reopen();
    let (first, upto) = append(store.as_mut(), "p1", 1, b"one").unwrap();
    let (second, _) = append(store.as_mut(), "p2", 1, b"one").unwrap();
    assert_eq!(store.last_position(first).unwrap(), upto);
    let row = |document, acknowledged| StagedDocument { document, upto, at: NOW, acknowledged };
    for staged in [row(first, false), row(second, false), row(first, true)] {
        store.put_staged(&DEVICE, &staged).unwrap();
    }
    assert_eq!(reopen().staged(&DEVICE).unwrap(), [row(first, true), row(second, false)]);
    assert_eq!(store.staged(&DeviceId([5; 16])).unwrap(), []);
    store.remove_staged(&DEVICE, first).unwrap();
    store.remove_staged(&DEVICE, first).unwrap();
    assert_eq!(reopen().staged(&DEVICE).unwrap(), [row(second, false)]);
}
