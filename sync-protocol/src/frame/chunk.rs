//! Automerge's change chunks, as far as leaving parts out and putting them back needs: magic, checksum, type, length,
//! dependencies, and then whatever the change says.

use sha2::{Digest, Sha256};

use crate::identity::ACTOR_BYTES;
use crate::ids::{AuthorId, ChangeHash};

const MAGIC: [u8; 4] = [0x85, 0x6F, 0x4A, 0x83];
/// Byte that says what a chunk is: a change, not compressed.
const CHANGE: u8 = 1;
/// Where that byte stands; magic and checksum come before it, and the hash begins with it.
const TYPE_AT: usize = 8;
const HASH_BYTES: usize = ChangeHash::LEN;
/// Bytes that a number has at most: beyond 2^28 nothing fits a frame.
const NUMBER_BYTES: usize = 4;

/// A change chunk that is the same, byte for byte, when it is rebuilt from `deps` and `rest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    pub hash: ChangeHash,
    pub deps: Vec<ChangeHash>,
    /// What follows the dependencies: actor, numbers, time, operations.
    pub rest: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// Reads a chunk; none if rebuilding it would not give these bytes.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        if bytes.get(..4)? != MAGIC || *bytes.get(TYPE_AT)? != CHANGE {
            return None;
        }
        let mut content = &bytes[TYPE_AT + 1..];
        if take_number(&mut content)? != content.len() {
            return None;
        }
        let digest = hash(&bytes[TYPE_AT..]);
        if bytes[4..TYPE_AT] != digest.0[..4] {
            return None;
        }
        let count = take_number(&mut content)?;
        let (deps, rest) = content.split_at_checked(count.checked_mul(HASH_BYTES)?)?;
        let deps = deps.chunks_exact(HASH_BYTES).filter_map(|dep| ChangeHash::from_slice(dep).ok()).collect();
        Some(Self { hash: digest, deps, rest })
    }

    /// The bytes of the chunk with these dependencies and this rest, and their hash.
    pub fn rebuild(deps: &[ChangeHash], rest: &[u8]) -> (Vec<u8>, ChangeHash) {
        let mut count = Vec::with_capacity(2);
        put_number(&mut count, deps.len());
        let length = count.len() + deps.len() * HASH_BYTES + rest.len();
        let mut bytes = Vec::with_capacity(TYPE_AT + 6 + length);
        bytes.extend([&MAGIC[..], &[0; 4], &[CHANGE]].concat());
        put_number(&mut bytes, length);
        bytes.extend_from_slice(&count);
        deps.iter().for_each(|dep| bytes.extend_from_slice(&dep.0));
        bytes.extend_from_slice(rest);
        let digest = hash(&bytes[TYPE_AT..]);
        bytes[4..TYPE_AT].copy_from_slice(&digest.0[..4]);
        (bytes, digest)
    }
}

/// The author whose actor id stands at the beginning of what follows the dependencies, if it is one of ours.
pub(super) fn author(mut rest: &[u8]) -> Option<AuthorId> {
    let length = take_number(&mut rest)?;
    AuthorId::of_actor(rest.get(..length).filter(|_| length == ACTOR_BYTES)?)
}

fn hash(from_type: &[u8]) -> ChangeHash {
    ChangeHash(Sha256::digest(from_type).into())
}

/// Appends a number in groups of seven bits, lowest first.
pub(super) fn put_number(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes what [`put_number`] wrote; none for anything that it would not have written.
pub(super) fn take_number(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0usize;
    for (at, byte) in bytes.iter().take(NUMBER_BYTES).enumerate() {
        number |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            // A last group of zeros could have been left out.
            let minimal = at == 0 || *byte != 0;
            *bytes = &bytes[at + 1..];
            return minimal.then_some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_rebuilt_byte_for_byte() {
        for (deps, rest) in [(0, 0), (1, 5), (2, 127), (3, 300), (200, 70_000)] {
            let deps: Vec<_> = (0..deps).map(|n| ChangeHash([n as u8; 32])).collect();
            let rest = vec![7; rest];
            let (bytes, hash) = Chunk::rebuild(&deps, &rest);
            assert_eq!(Chunk::read(&bytes), Some(Chunk { hash, deps, rest: &rest }));
        }
    }

    #[test]
    fn bytes_that_would_be_rebuilt_otherwise_are_no_chunk() {
        let (good, _) = Chunk::rebuild(&[ChangeHash([1; 32])], &[9; 40]);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(Chunk::read(&bad), None, "byte {at}");
            assert_eq!(Chunk::read(&good[..at]), None, "cut at {at}");
        }
        let mut longer = good.clone();
        longer.push(0);
        assert_eq!(Chunk::read(&longer), None);
        // The same number in more bytes than it needs, with a checksum that fits.
        let mut padded = [&good[..9], &[good[9] | 0x80, 0], &good[10..]].concat();
        let checksum = hash(&padded[8..]);
        padded[4..8].copy_from_slice(&checksum.0[..4]);
        assert_eq!(Chunk::read(&padded), None);
    }

    #[test]
    fn more_dependencies_than_there_are_bytes_are_refused() {
        let mut bytes = [&MAGIC[..], &[0; 4], &[CHANGE, 4, 0xFF, 0xFF, 0xFF, 0x7F]].concat();
        let checksum = hash(&bytes[8..]);
        bytes[4..8].copy_from_slice(&checksum.0[..4]);
        assert_eq!(Chunk::read(&bytes), None);
    }

    #[test]
    fn numbers_come_back_and_only_in_their_shortest_form() {
        for number in [0, 1, 127, 128, 16_383, 16_384, 4_000_000] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            assert_eq!(take_number(&mut bytes.as_slice()), Some(number));
        }
        for bad in [&[][..], &[0x80], &[0x80, 0], &[0xFF, 0x80, 0], &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]] {
            assert_eq!(take_number(&mut &*bad), None, "{bad:?}");
        }
    }
}
