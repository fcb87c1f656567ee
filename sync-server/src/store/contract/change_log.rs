//! Documents, the change log, signatures and custody.

use roaring::RoaringBitmap;
use sync_protocol::Checksum;
use sync_protocol::frame::CustodyReason;

use super::*;
use crate::access::ReadPermit;
use crate::store::{ChangeFacts, CustodyEntry, DocumentEntry};

/// Calls `read` with leave to read everything of `north`.
fn permitted<T>(store: &dyn Store, read: impl FnOnce(&ReadPermit<'_>) -> T) -> T {
    let gate = gate(store);
    let reach = gate.reach(&subject(), NOW);
    read(&gate.read_permit(&reach, DeviceId([4; 16]), NOW).unwrap())
}

pub(super) fn documents(reopen: Reopen<'_>) {
    let mut store = reopen();
    let (first, _) = append(store.as_mut(), "p1", 1, b"one").unwrap();
    let (second, _) = append(store.as_mut(), "p2", 1, b"one").unwrap();
    assert_eq!(append(store.as_mut(), "p1", 2, b"two").unwrap().0, first);
    drop(store);
    let store = reopen();
    let entry = DocumentEntry { number: first, id: core("p1").id(), descriptor: core("p1") };
    assert_eq!(store.document(&core("p1").id()).unwrap(), Some(entry.clone()));
    assert_eq!(store.document_by_number(first).unwrap(), entry);
    assert_eq!(store.document(&core("p3").id()).unwrap(), None);
    let mut seen = Vec::new();
    store.visit_documents(&mut |number, descriptor, sum| seen.push((number, descriptor, sum))).unwrap();
    let sum = |of: &str, upto| (1..=upto).fold(Checksum::default(), |sum, n| sum.with(&core(of).id(), &hash(of, n)));
    assert_eq!(seen, [(first, core("p1"), sum("p1", 2)), (second, core("p2"), sum("p2", 1))]);
    let chart = |at: &str, of: Option<&str>| {
        let patient = of.map(|of| PatientId::new(of).unwrap());
        store.documents_of_chart(&organization(at), patient.as_ref()).unwrap()
    };
    assert_eq!(chart("north", Some("p1")), [(first, core("p1"))]);
    assert_eq!((chart("south", Some("p1")), chart("north", None)), (Vec::new(), Vec::new()));
}

pub(super) fn positions(reopen: Reopen<'_>) {
    let mut store = reopen();
    store.begin().unwrap();
    let first = append(store.as_mut(), "p1", 1, b"1").unwrap().1;
    let second = append(store.as_mut(), "p2", 1, b"2").unwrap().1;
    store.commit().unwrap();
    assert_eq!([first, second], [Position(1), Position(2)]);
    store.begin().unwrap();
    append(store.as_mut(), "p1", 2, b"3").unwrap();
    store.rollback();
    drop(store);
    let mut store = reopen();
    assert_eq!(store.head().unwrap(), second);
    let third = append(store.as_mut(), "p2", 2, b"4").unwrap().1;
    assert!(third > second);
    assert_eq!(store.head().unwrap(), third);
    let log: Vec<_> = store.log_after(Position(0), 10).unwrap().iter().map(|row| row.0).collect();
    assert_eq!(log, [first, second, third]);
    assert_eq!(store.log_after(first, 1).unwrap(), [(second, 2, DeviceId([4; 16]))]);
    assert_eq!(store.log_after(third, 10).unwrap(), []);
}

pub(super) fn no_doubles(reopen: Reopen<'_>) {
    let mut store = reopen();
    let (number, position) = append(store.as_mut(), "p1", 1, b"one").unwrap();
    let descriptor = core("p1");
    let same_seq = NewChange { hash: hash("other", 1), ..change("p1", 1, b"x") };
    let same_hash = NewChange { seq: 2, ..change("p1", 1, b"x") };
    for double in [same_seq, same_hash] {
        store.begin().unwrap();
        let permit = permit(store.as_ref(), &descriptor);
        assert!(store.append(&permit, &double).is_err());
        store.rollback();
    }
    // The same hash in another document is another change.
    let elsewhere = core("p2");
    let permit = permit(store.as_ref(), &elsewhere);
    store.append(&permit, &change("p1", 1, b"one")).unwrap();
    assert_eq!(store.change(number, &hash("p1", 1)).unwrap(), Some(ChangeFacts { position, max_op: 10 }));
    assert_eq!(store.change(number, &hash("p1", 2)).unwrap(), None);
    assert_eq!(store.last_seq(number, &AUTHOR.0).unwrap(), 1);
    assert_eq!(store.last_seq(number, &[9; 20]).unwrap(), 0);
}

pub(super) fn pages(reopen: Reopen<'_>) {
    let mut store = reopen();
    for seq in 1..=5 {
        append(store.as_mut(), "p1", seq, &[seq as u8; 100]).unwrap();
        append(store.as_mut(), "p2", seq, &[0; 100]).unwrap();
    }
    permitted(store.as_ref(), |permit| {
        let page = |after, bytes| {
            let changes = store.changes(permit, 1, Position(after), bytes).unwrap();
            changes.iter().map(|change| (change.position.0, change.payload[0])).collect::<Vec<_>>()
        };
        assert_eq!(page(0, usize::MAX), [(1, 1), (3, 2), (5, 3), (7, 4), (9, 5)]);
        assert_eq!(page(0, 250), [(1, 1), (3, 2), (5, 3)], "up to the change that reaches the size");
        assert_eq!(page(0, 200), [(1, 1), (3, 2)]);
        assert_eq!(page(3, 1), [(5, 3)], "always one, so that reading goes on");
        assert_eq!(page(4, 1), [(5, 3)]);
        assert_eq!(page(9, 1), []);
    });
}

pub(super) fn permits(reopen: Reopen<'_>) {
    let mut store = reopen();
    append(store.as_mut(), "p1", 1, b"one").unwrap();
    let mut gate = gate(store.as_ref());
    let stranger = Subject { practitioner: practitioner("dr-x"), organization: organization("north") };
    assert!(gate.append_permit(&stranger, &core("p1"), NOW).is_none());
    let reach = gate.reach(&stranger, NOW);
    assert_eq!(*reach.documents(), RoaringBitmap::new());
    let permit = gate.read_permit(&reach, DeviceId([4; 16]), NOW).unwrap();
    let refused = store.changes(&permit, 1, Position(0), 1);
    assert!(matches!(refused, Err(StoreError::NotPermitted)), "{refused:?}");
    assert!(matches!(store.signatures(&permit, 1), Err(StoreError::NotPermitted)));
    // A reach worked out under earlier facts is worth nothing.
    gate.set_facts(Facts::default());
    assert!(gate.read_permit(&reach, DeviceId([4; 16]), NOW).is_none());
}

pub(super) fn signatures(reopen: Reopen<'_>) {
    let mut store = reopen();
    let descriptor = core("p1");
    for seq in 1..=3 {
        append(store.as_mut(), "p1", seq, b"x").unwrap();
    }
    append(store.as_mut(), "p2", 1, b"x").unwrap();
    let permit = permit(store.as_ref(), &descriptor);
    for seq in [1, 3, 2] {
        store.put_signature(&permit, 1, &signature("p1", seq)).unwrap();
    }
    let misplaced = store.put_signature(&permit, 2, &signature("p1", 3));
    assert!(matches!(misplaced, Err(StoreError::NotPermitted)), "{misplaced:?}");
    drop(store);
    let store = reopen();
    permitted(store.as_ref(), |permit| {
        assert_eq!(store.signatures(permit, 1).unwrap(), [signature("p1", 3)]);
        assert_eq!(store.signatures(permit, 2).unwrap(), []);
    });
}

pub(super) fn custody(reopen: Reopen<'_>) {
    let mut store = reopen();
    let entry = |seq, reason| CustodyEntry {
        descriptor: core("p1"),
        hash: hash("p1", seq),
        payload: vec![seq as u8],
        signature: Some(signature("p1", seq).signature),
        device: DeviceId([4; 16]),
        practitioner: practitioner("dr-x"),
        organization: organization("elsewhere"),
        reason,
        received_at: NOW,
    };
    let first = entry(2, CustodyReason::NotPermitted);
    let second = CustodyEntry { signature: None, ..entry(1, CustodyReason::BuildsOnCustody) };
    store.put_custody(&first).unwrap();
    store.put_custody(&second).unwrap();
    store.put_custody(&CustodyEntry { received_at: NOW.plus(1), ..first.clone() }).unwrap();
    drop(store);
    let store = reopen();
    assert_eq!(store.custody().unwrap(), [first, second]);
    assert!(store.is_in_custody(&core("p1").id(), &hash("p1", 1)).unwrap());
    assert!(!store.is_in_custody(&core("p2").id(), &hash("p1", 1)).unwrap());
    assert_eq!(store.head().unwrap(), Position(0), "nothing of it is in the log");
}
