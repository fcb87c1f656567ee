//! Bytes from a hostile device are refused or read; they never panic, hang or exhaust memory.

use clinical_record::{RecordDocument, RecordError, inspect_change, sample};
use proptest::collection::vec;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// A change with every kind of column: maps, lists, text, deletions, several actors.
fn honest_changes() -> Vec<Vec<u8>> {
    let mut document = RecordDocument::new();
    let mut changes = Vec::new();
    for (turn, resources) in sample::small_chart(5, 14).into_iter().enumerate() {
        let edit = document.edit(&[turn as u8 % 3], 0, |edit| {
            for mut resource in resources {
                resource["note"] = serde_json::json!([{"text": format!("note of turn {turn}")}, turn]);
                edit.put_resource(&resource)?;
            }
            Ok(())
        });
        changes.push(edit.unwrap().1.unwrap().bytes);
    }
    changes
}

/// Writes the checksum that belongs to the content, as a hostile writer would.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() > 9 {
        let digest = Sha256::digest(&bytes[8..]);
        bytes[4..8].copy_from_slice(&digest[..4]);
    }
    bytes
}

fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, kind];
    let mut length = body.len();
    while length > 0x7f {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(body);
    with_checksum(bytes)
}

#[test]
fn honest_changes_pass() {
    for change in honest_changes() {
        assert_eq!(with_checksum(change.clone()), change);
        inspect_change(&change).unwrap();
    }
}

#[test]
fn a_wrong_checksum_a_trailing_byte_and_a_missing_one_are_refused() {
    let change = honest_changes().remove(0);
    let mut wrong = change.clone();
    wrong[4] ^= 1;
    assert_eq!(inspect_change(&wrong), Err(RecordError::MalformedChange("checksum")));
    let longer = [change.as_slice(), &[0]].concat();
    assert_eq!(inspect_change(&longer), Err(RecordError::MalformedChange("bytes after the change")));
    assert_eq!(inspect_change(&change[..change.len() - 1]), Err(RecordError::MalformedChange("truncated")));
    assert!(RecordDocument::load([wrong.as_slice()]).is_err());
}

#[test]
fn other_chunk_kinds_are_refused_and_deflate_by_name() {
    assert_eq!(inspect_change(&chunk(2, &[0; 20])), Err(RecordError::CompressedChange));
    for kind in [0, 3, 4, 255] {
        assert_eq!(inspect_change(&chunk(kind, &[0; 20])), Err(RecordError::MalformedChange("chunk type")));
    }
}

#[test]
fn a_few_bytes_that_claim_many_operations_are_refused_at_once() {
    // No dependencies, actor [1], seq 1, start op 1, time 0, no message, no other actors, one action column that repeats
    // the value 1 2^62 times.
    let run = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0xc0, 0x00, 0x01];
    let body = [&[0, 1, 1, 1, 1, 0, 0, 0, 1, 0x42, run.len() as u8][..], &run].concat();
    assert!(matches!(inspect_change(&chunk(1, &body)), Err(RecordError::TooManyOperations { .. })));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300), kind in 0_u8..4) {
        let _ = inspect_change(&bytes);
        let _ = inspect_change(&chunk(kind, &bytes));
    }

    #[test]
    fn damaged_changes_never_panic(
        which in 0_usize..14,
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut changes = honest_changes();
        for (index, value) in damage {
            // Past the header, so that the damage gets as deep as it can.
            let at = 11 + index.index(changes[which].len() - 11);
            changes[which][at] = value;
        }
        changes[which] = with_checksum(std::mem::take(&mut changes[which]));
        let inspected = inspect_change(&changes[which]);
        let loaded = RecordDocument::load(changes.iter().map(Vec::as_slice));
        prop_assert!(inspected.is_ok() || loaded.is_err());
        if let Ok(document) = loaded {
            let _ = (document.resources().count(), document.conflicts(), document.history(None), document.overridden_edits());
        }
    }
}
