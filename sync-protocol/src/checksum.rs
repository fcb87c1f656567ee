//! A sum over changes that is the same whatever order they came in, so that two stores can tell that they hold the same.

use serde::{Deserialize, Serialize};

use crate::ids::{ChangeHash, DocumentId};

/// Sum modulo 2^128 over (document, change) pairs.
///
/// Finds lost and doubled changes, not an attacker: every change is verified by its signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum(#[serde(with = "sixteen_bytes")] pub u128);

impl Checksum {
    /// The sum with a change added.
    #[must_use]
    pub fn with(self, document: &DocumentId, change: &ChangeHash) -> Self {
        Self(self.0.wrapping_add(term(document, change)))
    }

    /// The sum of two disjoint sets.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// The sum without a set that was part of it.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }

    /// Sixteen bytes, big-endian, for storing.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Reads what [`Checksum::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// Change hashes are SHA-256 already; the document id is mixed in so that a change in the wrong document shows.
fn term(document: &DocumentId, change: &ChangeHash) -> u128 {
    let mut head = [0; 16];
    head.copy_from_slice(&change.0[..16]);
    u128::from_be_bytes(head) ^ u128::from_be_bytes(document.0)
}

mod sixteen_bytes {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(sum: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&sum.to_be_bytes())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        Ok(u128::from_be_bytes(serde_bytes::ByteArray::deserialize(deserializer)?.into_array()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_absence_does() {
        let doc = DocumentId([1; 16]);
        let [a, b] = [ChangeHash([2; 32]), ChangeHash([3; 32])];
        let both = Checksum::default().with(&doc, &a).with(&doc, &b);
        assert_eq!(both, Checksum::default().with(&doc, &b).with(&doc, &a));
        assert_ne!(both, Checksum::default().with(&doc, &a));
        assert_eq!(both.minus(Checksum::default().with(&doc, &b)), Checksum::default().with(&doc, &a));
    }

    #[test]
    fn a_change_in_another_document_counts_otherwise() {
        let a = ChangeHash([2; 32]);
        let here = Checksum::default().with(&DocumentId([1; 16]), &a);
        assert_ne!(here, Checksum::default().with(&DocumentId([4; 16]), &a));
    }
}
