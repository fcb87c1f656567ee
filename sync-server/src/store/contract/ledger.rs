//! Receipts, wipes, disclosures and the trails of devices.

use roaring::RoaringBitmap;
use serde_json::json;
use sync_protocol::frame::{PurgeReceipt, TrailBody, TrailEntry};
use sync_protocol::{DocumentId, RelayId, Signature, TrailHash};

use super::*;
use crate::store::{
    Disclosed, DocumentVersion, KeptEntry, KeptReceipt, NewAuditRow, OwedReceipt, SentUpTo, TrailBranch, TrailStretch,
    WipeOrder,
};

pub(super) const CASES: [(&str, Case); 6] = [
    ("what is owed shrinks with what is confirmed", owed),
    ("a receipt is kept once, as it was signed", receipts),
    ("an order to wipe stands until it is carried out", wipes),
    ("what went to whom is found by device and by document", disclosures),
    ("a version counts the changes up to a position", versions),
    ("trails keep their branches apart", trails),
];

fn set(numbers: &[u32]) -> RoaringBitmap {
    numbers.iter().copied().collect()
}

/// Enrols a device; gives its id.
pub(super) fn enrolled(store: &mut dyn Store, name: &str, letter: u8) -> DeviceId {
    store.add_enrolment_code(&code(letter)).unwrap();
    store.enroll(&[letter; 32], &device(name)).unwrap();
    device(name).id()
}

fn owed(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    let [tablet, phone] = [("tablet", 1), ("phone", 2)].map(|(name, letter)| enrolled(store.as_mut(), name, letter));
    let owed = |withdrawal, numbers: &[u32]| OwedReceipt { withdrawal, since: NOW, documents: set(numbers) };
    store.add_owed_receipt(&tablet, &owed(3, &[1, 2, 70_000])).unwrap();
    store.add_owed_receipt(&tablet, &owed(4, &[5])).unwrap();
    store.add_owed_receipt(&phone, &owed(1, &[5])).unwrap();
    store.settle_owed(&tablet, &set(&[2, 5, 99])).unwrap();
    drop(store);
    let mut store = reopen();
    assert_eq!(store.owed_receipts(&tablet).unwrap(), [owed(3, &[1, 70_000])]);
    assert_eq!(store.owed_receipts(&phone).unwrap(), [owed(1, &[5])]);
    store.settle_owed(&phone, &set(&[5])).unwrap();
    assert_eq!(store.devices_owing().unwrap(), [tablet]);
}

fn receipts(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    let tablet = enrolled(store.as_mut(), "tablet", 1);
    let secret = SecretKey::from_seed(random("tablet"));
    let documents = vec![DocumentId([1; 16]), DocumentId([2; 16])];
    let sign = |number, wiped, at| {
        let receipt = PurgeReceipt::sign(&secret, &RelayId([9; 16]), number, documents.clone(), wiped, UnixMillis(at));
        KeptReceipt { receipt, received_at: NOW }
    };
    assert!(store.keep_receipt(&tablet, &sign(1, false, -5)).unwrap());
    assert!(!store.keep_receipt(&tablet, &KeptReceipt { received_at: NOW.plus(1), ..sign(1, false, -5) }).unwrap());
    // A device that was set back uses the number again.
    assert!(store.keep_receipt(&tablet, &sign(1, false, 6)).unwrap());
    assert!(store.keep_receipt(&tablet, &sign(u64::MAX, true, i64::MAX)).unwrap());
    drop(store);
    let kept = reopen().receipts(&tablet).unwrap();
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|kept| kept.receipt.verify(&secret.public(), &RelayId([9; 16])).is_ok()));
    assert!(kept.contains(&sign(1, false, -5)));
}

fn wipes(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    let tablet = enrolled(store.as_mut(), "tablet", 1);
    assert_eq!(store.wipe_order(&tablet).unwrap(), None);
    assert!(matches!(store.wiped(&tablet, NOW), Err(StoreError::NotFound(_))));
    store.order_wipe(&tablet, NOW).unwrap();
    store.order_wipe(&tablet, NOW.plus(1)).unwrap();
    drop(store);
    let mut store = reopen();
    assert_eq!(store.wipe_order(&tablet).unwrap(), Some(WipeOrder { ordered_at: NOW, wiped_at: None }));
    store.wiped(&tablet, NOW.plus(2)).unwrap();
    store.wiped(&tablet, NOW.plus(3)).unwrap();
    assert_eq!(store.wipe_order(&tablet).unwrap(), Some(WipeOrder { ordered_at: NOW, wiped_at: Some(NOW.plus(2)) }));
    store.order_wipe(&tablet, NOW.plus(4)).unwrap();
    assert_eq!(store.wipe_order(&tablet).unwrap(), Some(WipeOrder { ordered_at: NOW.plus(4), wiped_at: None }));
}

fn disclosures(reopen: Reopen<'_>) {
    let mut store = reopen();
    let [tablet, phone] = [DeviceId([1; 16]), DeviceId([2; 16])];
    let row = |device| NewAuditRow {
        at: NOW,
        action: "disclose",
        device: Some(device),
        practitioner: Some(practitioner("dr-a")),
        organization: None,
        detail: json!({}),
    };
    let sent = |document, upto| Disclosed { document, upto: Position(upto), break_glass: document == 2, sealed: false };
    let first = store.append_audit_row(&row(tablet)).unwrap();
    store.add_disclosures(&tablet, first, &[sent(1, 5), sent(2, 3), sent(1, 6)]).unwrap();
    let second = store.append_audit_row(&row(phone)).unwrap();
    store.add_disclosures(&phone, second, &[sent(1, 6)]).unwrap();
    let third = store.append_audit_row(&row(tablet)).unwrap();
    store.add_disclosures(&tablet, third, &[sent(1, 9)]).unwrap();
    store.acknowledged(first, NOW.plus(1)).unwrap();
    store.acknowledged(first, NOW.plus(2)).unwrap();
    assert_eq!([first, second, third], [1, 2, 3]);
    drop(store);
    let store = reopen();
    let upto = |document, sent, acknowledged: Option<u64>| SentUpTo {
        document,
        sent: Position(sent),
        acknowledged: acknowledged.map(Position),
        break_glass: document == 2,
    };
    assert_eq!(store.sent_to(&tablet).unwrap(), [upto(1, 9, Some(6)), upto(2, 3, Some(3))]);
    assert_eq!(store.sent_to(&phone).unwrap(), [upto(1, 6, None)]);
    let of_first = store.disclosures_of(1, 0, 10).unwrap();
    let times: Vec<_> = of_first.iter().map(|d| (d.row, d.device, d.disclosed.upto.0, d.acknowledged_at)).collect();
    assert_eq!(times, [(1, tablet, 6, Some(NOW.plus(1))), (2, phone, 6, None), (3, tablet, 9, None)]);
    assert_eq!(of_first[0].practitioner.as_deref(), Some("dr-a"));
    assert_eq!(store.disclosures_of(1, 1, 1).unwrap(), of_first[1..2]);
    assert_eq!(store.disclosures_of(3, 0, 10).unwrap(), []);
    assert_eq!(store.disclosure(1, first).unwrap(), Some((tablet, Position(6))));
    assert_eq!((store.disclosure(2, second).unwrap(), store.count_disclosures().unwrap()), (None, 4));
}

fn versions(reopen: Reopen<'_>) {
    let mut store = reopen();
    for seq in 1..=3 {
        append(store.as_mut(), "p1", seq, b"x").unwrap();
        append(store.as_mut(), "p2", seq, b"x").unwrap();
    }
    let some = |changes| DocumentVersion { changes, last_change_at: Some(NOW) };
    assert_eq!(store.version(1, Position(3)).unwrap(), some(2));
    assert_eq!(store.version(1, Position(0)).unwrap(), DocumentVersion::default());
    assert_eq!(store.written_by(2, &DeviceId([4; 16])).unwrap(), some(3));
    assert_eq!(store.written_by(2, &DeviceId([5; 16])).unwrap(), DocumentVersion::default());
}

pub(super) fn trail_entry(action: &str, of: Option<&str>) -> TrailEntry {
    TrailEntry {
        at: NOW,
        action: action.into(),
        organization: of.map(|_| organization("north")),
        patient: of.map(|of| PatientId::new(of).unwrap()),
        documents: vec![core("p1").id()],
        reason: String::new(),
        purpose: "TREAT".into(),
        break_glass: false,
    }
}

fn trails(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    let tablet = enrolled(store.as_mut(), "tablet", 1);
    let zero = TrailHash([0; 32]);
    store.begin_trail_branch(&tablet, &TrailBranch { branch: 0, first: 1, previous: zero, last: 0 }, NOW).unwrap();
    let body = TrailBody { entries: vec![trail_entry("unlock", None), trail_entry("read", Some("p1"))] };
    let mut kept = Vec::new();
    for ((seq, hash), entry) in body.chain(1, zero).zip(&body.entries) {
        kept.push(KeptEntry { device: tablet, branch: 0, seq, entry: entry.clone(), hash });
        store.add_trail_entry(kept.last().unwrap()).unwrap();
    }
    assert!(store.add_trail_entry(&kept[0]).is_err(), "an entry is not replaced");
    let beside = TrailBranch { branch: 1, first: 2, previous: kept[0].hash, last: 1 };
    store.begin_trail_branch(&tablet, &beside, NOW).unwrap();
    let signature = Signature([3; 64]);
    let stretch = TrailStretch { device: tablet, branch: 0, last: 2, hash: kept[1].hash, signature, row: 7 };
    store.add_trail_stretch(&stretch).unwrap();
    store.add_trail_stretch(&TrailStretch { row: 8, ..stretch }).unwrap();
    drop(store);
    let store = reopen();
    let first = TrailBranch { branch: 0, first: 1, previous: zero, last: 2 };
    assert_eq!(store.trail_branches(&tablet).unwrap(), [beside, first]);
    assert_eq!(store.trail_hashes(&tablet, 0, 2, 9).unwrap(), [(2, kept[1].hash)]);
    assert_eq!(store.trail_entries(&tablet, 0, 0, 10).unwrap(), kept);
    assert_eq!(store.trail_entries(&tablet, 0, 1, 10).unwrap(), kept[1..]);
    assert_eq!(store.trail_entries(&tablet, 1, 0, 10).unwrap(), []);
    assert_eq!(store.trail_stretches(&tablet, 0).unwrap(), [stretch]);
    let chart =
        |at: &str, of: &str| store.trail_of_chart(&organization(at), &PatientId::new(of).unwrap(), (10, 10)).unwrap();
    assert_eq!(chart("north", "p1"), kept[1..]);
    assert_eq!((chart("south", "p1"), chart("north", "p2")), (Vec::new(), Vec::new()));
}
