//! Checks many signatures of one key: the same answers as one by one, in less time each.

use std::collections::HashMap;

use curve25519_dalek::constants::ED25519_BASEPOINT_TABLE;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsBasepointTable};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::BasepointTable;
use sha2::{Digest, Sha512};

use super::keys::{Purpose, SignatureInvalid, message};
use super::{Certificate, ChangeSignature};
use crate::ids::{AuthorId, DocumentId, PublicKey, Signature};

/// Signatures of one key from which on preparing it pays.
const WORTH_PREPARING: usize = 8;

/// A public key with a table of its multiples, some 30 KB.
///
/// Batch verification would be faster still, but it accepts some crafted signatures that a strict check of each refuses, and not
/// the same ones each time: two devices could disagree for good about what is vouched for.
pub struct PreparedKey {
    key: PublicKey,
    /// Of the key's point, negated.
    table: Box<EdwardsBasepointTable>,
}

impl PreparedKey {
    /// Prepares a key; none if it is not a point, or of small order: such a key verifies nothing.
    #[must_use]
    pub fn new(key: PublicKey) -> Option<Self> {
        let point = CompressedEdwardsY(key.0).decompress().filter(|point| !point.is_small_order())?;
        Some(Self { key, table: Box::new(EdwardsBasepointTable::create(&-point)) })
    }

    /// As [`PublicKey::verify`].
    ///
    /// # Errors
    /// [`SignatureInvalid`].
    pub fn verify(&self, purpose: Purpose, fields: &[&[u8]], signature: &Signature) -> Result<(), SignatureInvalid> {
        let (r, s) = signature.0.split_first_chunk::<32>().ok_or(SignatureInvalid)?;
        let s: [u8; 32] = s.try_into().map_err(|_| SignatureInvalid)?;
        let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(s)).ok_or(SignatureInvalid)?;
        let hash = Sha512::new_with_prefix(r).chain_update(self.key.0).chain_update(message(purpose, fields));
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        // R = S·B - k·A. Where it has the bytes that were signed it is the point that they stand for.
        let point = &*self.table * &k + ED25519_BASEPOINT_TABLE * &s;
        let holds = point.compress().0 == *r && !point.is_small_order();
        holds.then_some(()).ok_or(SignatureInvalid)
    }
}

/// Checks signatures over changes, with the keys of authors who signed many of them prepared.
#[derive(Default)]
pub struct ChangeVerifier(HashMap<AuthorId, PreparedKey>);

impl ChangeVerifier {
    /// For these signatures: the author of each, and the certificates at hand.
    #[must_use]
    pub fn new<'a>(
        authors: impl IntoIterator<Item = AuthorId>,
        certificate: impl Fn(&AuthorId) -> Option<&'a Certificate>,
    ) -> Self {
        let mut counts: HashMap<AuthorId, usize> = HashMap::new();
        authors.into_iter().for_each(|author| *counts.entry(author).or_default() += 1);
        let often = counts.into_iter().filter(|(_, count)| *count >= WORTH_PREPARING);
        Self(
            often
                .filter_map(|(author, _)| Some((author, PreparedKey::new(certificate(&author)?.body.device_key)?)))
                .collect(),
        )
    }

    /// As [`ChangeSignature::verify`]. `certificate`: the same as before.
    ///
    /// # Errors
    /// [`SignatureInvalid`].
    pub fn verify(
        &self,
        signature: &ChangeSignature,
        certificate: &Certificate,
        document: &DocumentId,
    ) -> Result<(), SignatureInvalid> {
        let prepared = self.0.get(&signature.author).filter(|prepared| prepared.key == certificate.body.device_key);
        match prepared.filter(|_| certificate.author() == signature.author) {
            Some(prepared) => prepared.verify(Purpose::Change, &[&document.0, &signature.tip.0], &signature.signature),
            None => signature.verify(certificate, document),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::SecretKey;
    use curve25519_dalek::constants::EIGHT_TORSION;
    use proptest::prelude::*;

    fn both(key: PublicKey, fields: &[&[u8]], signature: &Signature) -> bool {
        let single = key.verify(Purpose::Change, fields, signature).is_ok();
        let prepared = PreparedKey::new(key).is_some_and(|key| key.verify(Purpose::Change, fields, signature).is_ok());
        assert_eq!(single, prepared, "{key:?} {signature:?}");
        prepared
    }

    proptest! {
        #[test]
        fn prepared_and_single_checks_agree(
            seed in any::<[u8; 32]>(),
            text in prop::collection::vec(any::<u8>(), 0..60),
            flip in prop::option::of((0..64usize, 1..=255u8)),
        ) {
            let secret = SecretKey::from_seed(seed);
            let mut signature = secret.sign(Purpose::Change, &[&text]);
            if let Some((at, with)) = flip {
                signature.0[at] ^= with;
            }
            prop_assert_eq!(both(secret.public(), &[&text], &signature), flip.is_none());
            let arbitrary = PublicKey(seed);
            both(arbitrary, &[&text], &signature);
        }
    }

    #[test]
    fn keys_and_signatures_of_small_order_and_scalars_that_are_too_large_are_refused_alike() {
        let secret = SecretKey::from_seed([7; 32]);
        let honest = secret.sign(Purpose::Change, &[b"x"]);
        // S plus the order of the group.
        let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
        let mut large = honest;
        let mut carry = 0;
        for (byte, add) in large.0[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert!(!both(secret.public(), &[b"x"], &large));
        for point in EIGHT_TORSION {
            let small = point.compress().0;
            let mut signature = honest;
            signature.0[..32].copy_from_slice(&small);
            assert!(!both(secret.public(), &[b"x"], &signature));
            signature.0[32..].fill(0);
            assert!(!both(secret.public(), &[b"x"], &signature));
            assert!(!both(PublicKey(small), &[b"x"], &signature));
        }
    }

    #[test]
    fn a_point_with_a_part_of_small_order_passes_neither_check() {
        // Signed honestly, then the commitment is moved by a point of small order: a batch could accept two such together.
        let secret = SecretKey::from_seed([9; 32]);
        let honest = secret.sign(Purpose::Change, &[b"x"]);
        let r = CompressedEdwardsY(honest.0[..32].try_into().unwrap()).decompress().unwrap();
        for torsion in &EIGHT_TORSION[1..] {
            let mut moved = honest;
            moved.0[..32].copy_from_slice(&(r + torsion).compress().0);
            assert!(!both(secret.public(), &[b"x"], &moved));
        }
    }
}
