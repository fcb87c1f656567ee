//! Packing changes into runs changes nothing of what can be read.

use sha2::{Digest, Sha256};

use super::*;
use crate::access::ReadPermit;
use crate::store::{DocumentVersion, PackedRun, Packing, StoredChange};

pub(super) const CASES: [(&str, Case); 6] = [
    ("packed changes read as before", packed_reads_as_before),
    ("a packed hash or sequence number is taken", packed_is_taken),
    ("the newest changes and the newest of the log stay loose", newest_stay),
    ("a run is put once, and only over the rows it was made of", put_once),
    ("a change that is not what its hash says is not packed", damage_is_not_packed),
    ("a run is put whole or not at all", whole_or_not),
];

const SMALL: Packing = Packing { from: 4, keep: 2, changes: 5 };

/// Bytes that hash as a change's chunk does: what comes after the magic and the checksum.
fn chunk(of: &str, seq: u64) -> (Vec<u8>, ChangeHash) {
    let payload = format!("8 bytes:{of} {seq} {}", "content ".repeat(seq as usize % 7)).into_bytes();
    let hash = ChangeHash(Sha256::digest(&payload[8..]).into());
    (payload, hash)
}

fn add(store: &mut dyn Store, of: &str, seq: u64) -> Position {
    let descriptor = core(of);
    let permit = permit(store, &descriptor);
    let (payload, hash) = chunk(of, seq);
    let change = NewChange {
        hash,
        origin: DeviceId([(seq % 3) as u8; 16]),
        received_at: UnixMillis(1_000 + seq as i64 * 7),
        ..change(of, seq, &payload)
    };
    store.append(&permit, &change).unwrap().1
}

/// Two documents whose changes alternate: 1 and 2.
fn two(store: &mut dyn Store, changes: u64) {
    for seq in 1..=changes {
        add(store, "p1", seq);
        add(store, "p2", seq);
    }
}

/// Packs everything that is to be packed; gives how many runs that made.
fn pack_all(store: &mut dyn Store, packing: &Packing) -> usize {
    let mut runs = 0;
    for document in store.crowded(packing, 100).unwrap() {
        while let Some(run) = store.pack(document, packing).unwrap() {
            assert!(put(store, &run));
            runs += 1;
        }
    }
    runs
}

fn put(store: &mut dyn Store, run: &PackedRun) -> bool {
    store.begin().unwrap();
    let put = store.put_run(run).unwrap();
    store.commit().unwrap();
    put
}

fn permitted<T>(store: &dyn Store, read: impl FnOnce(&ReadPermit<'_>) -> T) -> T {
    let gate = gate(store);
    let reach = gate.reach(&subject(), NOW);
    read(&gate.read_permit(&reach, DeviceId([4; 16]), NOW).unwrap())
}

/// Everything that the log shows, as plain values.
#[derive(Debug, PartialEq)]
struct Shown {
    changes: Vec<Vec<StoredChange>>,
    pages: Vec<Vec<Position>>,
    log: Vec<Vec<(Position, u32, DeviceId)>>,
    facts: Vec<Option<(Position, u64)>>,
    versions: Vec<DocumentVersion>,
    ends: (Position, Vec<Position>, Vec<u64>),
}

fn shown(store: &dyn Store, changes: u64) -> Shown {
    let head = store.head().unwrap();
    let after = |p| Position(p);
    let facts = |of: &str, number| {
        let of = of.to_owned();
        (1..=changes + 1)
            .map(move |seq| store.change(number, &chunk(&of, seq).1).unwrap().map(|f| (f.position, f.max_op)))
    };
    permitted(store, |permit| Shown {
        changes: (0..=head.0).map(|p| store.changes(permit, 1, after(p), usize::MAX).unwrap()).collect(),
        pages: (0..=head.0)
            .flat_map(|p| [1, 30, 100, 400].map(|bytes| store.changes(permit, 2, after(p), bytes).unwrap()))
            .map(|page| page.iter().map(|change| change.position).collect())
            .collect(),
        log: (0..=head.0).flat_map(|p| [1, 4, 1_000].map(|limit| store.log_after(after(p), limit).unwrap())).collect(),
        facts: facts("p1", 1).chain(facts("p2", 2)).collect(),
        versions: (0..=head.0)
            .flat_map(|p| [1, 2].map(|number| store.version(number, after(p)).unwrap()))
            .chain((0..4).map(|device| store.written_by(1, &DeviceId([device; 16])).unwrap()))
            .collect(),
        ends: (
            head,
            [1, 2].map(|number| store.last_position(number).unwrap()).to_vec(),
            [1, 2].map(|number| store.last_seq(number, &AUTHOR.0).unwrap()).to_vec(),
        ),
    })
}

fn packed_reads_as_before(reopen: Reopen<'_>) {
    let mut store = reopen();
    two(store.as_mut(), 23);
    let before = shown(store.as_ref(), 23);
    assert!(pack_all(store.as_mut(), &SMALL) >= 8);
    assert_eq!(shown(store.as_ref(), 23), before);
    drop(store);
    let mut store = reopen();
    assert_eq!(shown(store.as_ref(), 23), before, "after a restart");
    for seq in 24..=40 {
        add(store.as_mut(), "p1", seq);
        add(store.as_mut(), "p2", seq);
    }
    let grown = shown(store.as_ref(), 40);
    assert!(pack_all(store.as_mut(), &SMALL) > 0);
    assert_eq!(shown(store.as_ref(), 40), grown, "packed again");
}

fn packed_is_taken(reopen: Reopen<'_>) {
    let mut store = reopen();
    two(store.as_mut(), 12);
    pack_all(store.as_mut(), &SMALL);
    let descriptor = core("p1");
    let (payload, hash) = chunk("p1", 2);
    let (other, other_hash) = chunk("p1", 99);
    let same_hash = NewChange { hash, seq: 13, ..change("p1", 13, &payload) };
    let same_seq = NewChange { hash: other_hash, ..change("p1", 3, &other) };
    for double in [same_hash, same_seq] {
        store.begin().unwrap();
        let permit = permit(store.as_ref(), &descriptor);
        assert!(store.append(&permit, &double).is_err());
        store.rollback();
    }
    assert_eq!(add(store.as_mut(), "p1", 13), Position(25));
}

fn newest_stay(reopen: Reopen<'_>) {
    let mut store = reopen();
    for seq in 1..=9 {
        add(store.as_mut(), "p1", seq);
    }
    assert!(store.crowded(&Packing { from: 10, ..SMALL }, 9).unwrap().is_empty());
    let greedy = Packing { from: 1, keep: 0, changes: 4 };
    pack_all(store.as_mut(), &greedy);
    // Its position would be given again if it were not there.
    assert_eq!(store.head().unwrap(), Position(9));
    assert_eq!(store.crowded(&greedy, 9).unwrap(), [1], "one is left");
    assert!(store.pack(1, &greedy).unwrap().is_none());
    assert_eq!(add(store.as_mut(), "p2", 1), Position(10));
    assert_eq!(store.pack(1, &greedy).unwrap().unwrap().changes(), 1);
    assert!(store.pack(7, &greedy).is_err() || store.pack(7, &greedy).unwrap().is_none());
}

fn put_once(reopen: Reopen<'_>) {
    let mut store = reopen();
    two(store.as_mut(), 12);
    let first = store.pack(1, &SMALL).unwrap().unwrap();
    assert_eq!((first.document(), first.changes()), (1, 5));
    // Writers go on between packing and putting.
    add(store.as_mut(), "p1", 13);
    let before = shown(store.as_ref(), 13);
    assert!(put(store.as_mut(), &first));
    assert!(!put(store.as_mut(), &first));
    assert_eq!(shown(store.as_ref(), 13), before);
    let narrow = store.pack(1, &Packing { changes: 2, ..SMALL }).unwrap().unwrap();
    let wide = store.pack(1, &SMALL).unwrap().unwrap();
    assert!(put(store.as_mut(), &wide));
    assert!(!put(store.as_mut(), &narrow), "its rows are in another run by now");
    assert_eq!(shown(store.as_ref(), 13), before);
}

fn damage_is_not_packed(reopen: Reopen<'_>) {
    let mut store = reopen();
    for seq in 1..=9 {
        append(store.as_mut(), "p1", seq, b"not what the hash is over").unwrap();
    }
    let refused = store.pack(1, &SMALL);
    assert!(refused.as_ref().is_err_and(StoreError::is_damage), "{refused:?}");
}

fn whole_or_not(reopen: Reopen<'_>) {
    let mut store = reopen();
    two(store.as_mut(), 12);
    let before = shown(store.as_ref(), 12);
    let run = store.pack(1, &SMALL).unwrap().unwrap();
    store.begin().unwrap();
    assert!(store.put_run(&run).unwrap());
    // The process ends here.
    drop(store);
    let mut store = reopen();
    assert_eq!(shown(store.as_ref(), 12), before);
    assert!(put(store.as_mut(), &run), "and it can be put afterwards");
    assert_eq!(shown(store.as_ref(), 12), before);
}
