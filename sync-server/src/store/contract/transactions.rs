//! Transactions, settings and the audit trail.

use serde_json::json;

use super::*;
use crate::store::NewAuditRow;

pub(super) fn all_or_nothing(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    store.begin().unwrap();
    append(store.as_mut(), "p1", 1, b"one").unwrap();
    store.set_setting("x", b"1").unwrap();
    store.put_role(&role(Role::Nurse)).unwrap();
    store.rollback();
    store.rollback();
    let untouched = |store: &dyn Store| {
        assert_eq!(store.head().unwrap(), Position(0));
        assert_eq!(store.document(&core("p1").id()).unwrap(), None);
        assert_eq!(store.setting("x").unwrap(), None);
        assert_eq!(store.roles().unwrap(), []);
    };
    untouched(store.as_ref());
    drop(store);
    let mut store = reopen();
    untouched(store.as_ref());
    store.begin().unwrap();
    assert!(store.begin().is_err(), "one at a time");
    append(store.as_mut(), "p1", 1, b"one").unwrap();
    store.set_setting("x", b"1").unwrap();
    store.commit().unwrap();
    drop(store);
    let store = reopen();
    assert_eq!(store.head().unwrap(), Position(1));
    assert_eq!(store.setting("x").unwrap(), Some(b"1".to_vec()));
}

pub(super) fn uncommitted_is_gone(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    store.begin().unwrap();
    append(store.as_mut(), "p1", 1, b"one").unwrap();
    drop(store);
    assert_eq!(reopen().head().unwrap(), Position(0));
}

pub(super) fn settings(reopen: Reopen<'_>) {
    let mut store = reopen();
    assert_eq!(store.setting("epoch").unwrap(), None);
    store.set_setting("epoch", b"one").unwrap();
    store.set_setting("epoch", b"two").unwrap();
    drop(store);
    assert_eq!(reopen().setting("epoch").unwrap(), Some(b"two".to_vec()));
}

pub(super) fn audit_chain(reopen: Reopen<'_>) {
    let row = |n: u64| NewAuditRow {
        at: NOW,
        action: "connect",
        device: n.is_multiple_of(2).then_some(DeviceId([n as u8; 16])),
        practitioner: Some(practitioner("dr-a")),
        organization: None,
        detail: json!({ "n": n }),
    };
    for n in 1..=5 {
        // Reopened each time: the link is to what is stored.
        reopen().append_audit(&row(n)).unwrap();
    }
    let store = reopen();
    let rows = store.audit_after(0, 100).unwrap();
    let mut previous = [0; 32];
    for (n, row) in (1..).zip(&rows) {
        assert_eq!((row.seq, row.previous_hash, row.hash), (n, previous, row.expected_hash()));
        assert_eq!(row.detail, json!({ "n": n }).to_string());
        previous = row.hash;
    }
    assert_eq!(rows.len(), 5);
    assert_eq!(store.audit_after(2, 2).unwrap(), rows[2..4]);
    assert_eq!(store.audit_after(5, 10).unwrap(), []);
}
