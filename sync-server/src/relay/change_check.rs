//! Checks one uploaded change without opening the document it belongs to.

use std::panic::catch_unwind;

use automerge::Change;
use sync_protocol::frame::RefusalReason;
use sync_protocol::identity::ChangeLink;
use sync_protocol::limits::MAX_CHANGE_BYTES;
use sync_protocol::{AuthorId, ChangeHash};

use super::change_size::states_few_operations;

/// Byte of a chunk that says what it is, after the magic (4) and the checksum (4).
const CHUNK_TYPE_AT: usize = 8;
/// A change that is not compressed.
const CHANGE_CHUNK: u8 = 1;

/// Incarnations of one author. Each that writes to a document adds a signature to every delivery of it, so there must not be
/// as many as an author likes; an honest device has one more each time it is set back.
const MAX_INCARNATIONS: u32 = 1_000;

/// What a change says of itself, read from its own bytes.
#[derive(Clone, Debug)]
pub(super) struct CheckedChange {
    pub link: ChangeLink,
    pub actor: Vec<u8>,
    pub seq: u64,
    pub start_op: u64,
    pub max_op: u64,
}

/// Reads a change: exactly one, well-formed, not compressed, under one of our actor ids. Its hash is computed from the
/// bytes, so it cannot disagree with them.
pub(super) fn check_change(bytes: &[u8]) -> Result<CheckedChange, RefusalReason> {
    if bytes.len() > MAX_CHANGE_BYTES {
        return Err(RefusalReason::TooLarge);
    }
    // A compressed chunk could unpack to a thousand times its size on every reader.
    if bytes.get(CHUNK_TYPE_AT) != Some(&CHANGE_CHUNK) {
        return Err(RefusalReason::Malformed);
    }
    // Before the operations are gone through one by one: a few bytes can state more of them than time allows.
    if !states_few_operations(bytes) {
        return Err(RefusalReason::Malformed);
    }
    // The relay's one thread must not end by whatever a decoder did not expect.
    let parsed = catch_unwind(|| Change::try_from(bytes));
    let change = parsed.map_err(|_| RefusalReason::Malformed)?.map_err(|_| RefusalReason::Malformed)?;
    let actor = change.actor_id().to_bytes().to_vec();
    let author = AuthorId::of_actor(&actor).ok_or(RefusalReason::NotSigned)?;
    if actor.last_chunk().is_none_or(|number| u32::from_be_bytes(*number) >= MAX_INCARNATIONS) {
        return Err(RefusalReason::NotSigned);
    }
    let start_op = change.start_op().get();
    let max_op = start_op.checked_add(change.len() as u64).ok_or(RefusalReason::BadOperations)? - 1;
    let link = ChangeLink {
        hash: ChangeHash(change.hash().0),
        author,
        deps: change.deps().iter().map(|dep| ChangeHash(dep.0)).collect(),
    };
    Ok(CheckedChange { link, actor, seq: change.seq(), start_op, max_op })
}

#[cfg(test)]
mod tests {
    use super::*;
    use automerge::transaction::Transactable;
    use automerge::{ActorId, AutoCommit, ROOT};

    fn change(actor: &[u8], text: &str) -> Vec<u8> {
        let mut document = AutoCommit::new().with_actor(ActorId::from(actor));
        document.put(ROOT, "Flag/f1", text).unwrap();
        document.commit();
        document.get_last_local_change().unwrap().raw_bytes().to_vec()
    }

    #[test]
    fn a_change_is_read_from_its_own_bytes() {
        let checked = check_change(&change(&AuthorId([5; 16]).actor(0), "x")).unwrap();
        assert_eq!(checked.link.author, AuthorId([5; 16]));
        assert_eq!((checked.seq, checked.start_op, checked.max_op), (1, 1, 1));
        assert!(checked.link.deps.is_empty());
    }

    #[test]
    fn a_flipped_bit_a_tail_or_a_foreign_actor_is_refused() {
        let good = change(&AuthorId([5; 16]).actor(0), "x");
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        assert_eq!(check_change(&flipped).unwrap_err(), RefusalReason::Malformed);
        let doubled = [good.clone(), good].concat();
        assert_eq!(check_change(&doubled).unwrap_err(), RefusalReason::Malformed);
        assert_eq!(check_change(&change(&[5; 16], "x")).unwrap_err(), RefusalReason::NotSigned);
        assert_eq!(check_change(b"").unwrap_err(), RefusalReason::Malformed);
    }

    #[test]
    fn a_compressed_change_is_refused_before_it_is_unpacked() {
        let mut document = AutoCommit::new().with_actor(ActorId::from(AuthorId([5; 16]).actor(0).as_slice()));
        document.put(ROOT, "Flag/f1", "a".repeat(100_000)).unwrap();
        document.commit();
        let mut change = document.get_last_local_change().unwrap();
        let compressed = change.bytes().into_owned();
        assert!(compressed.len() < 10_000, "the test's change should compress");
        assert_eq!(check_change(&compressed).unwrap_err(), RefusalReason::Malformed);
    }
}
