//! Who wrote and who connects: keys, proofs, certificates and signatures over changes.

mod certificate;
mod coverage;
mod keys;
mod sealing;
mod verifier;

pub use certificate::{Certificate, CertificateBody, CertificateError};
pub use coverage::{ChangeLink, uncovered};
pub use keys::{Purpose, SecretKey, SignatureInvalid};
pub use sealing::{SealInvalid, seal};
pub use verifier::{ChangeVerifier, PreparedKey};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{AuthorId, ChangeHash, DeviceId, DocumentId, PractitionerId, PublicKey, Signature};

impl DeviceId {
    /// The id of the device that holds the secret half of `key`: the first 16 bytes of SHA-256 over it.
    #[must_use]
    pub fn of_key(key: &PublicKey) -> Self {
        let digest: [u8; 32] = Sha256::new_with_prefix(b"satchel device v1").chain_update(key.0).finalize().into();
        Self(first_16(&digest))
    }
}

impl AuthorId {
    /// The author that `practitioner` is on the device with `key`.
    #[must_use]
    pub fn of(key: &PublicKey, practitioner: &PractitionerId) -> Self {
        let hasher = Sha256::new_with_prefix(b"satchel author v1").chain_update(key.0);
        let digest: [u8; 32] = hasher.chain_update(practitioner.as_str().as_bytes()).finalize().into();
        Self(first_16(&digest))
    }

    /// The Automerge actor id for this author's `incarnation`.
    ///
    /// An incarnation ends when a device's database is set back (a restored backup): its sequence numbers would be used
    /// twice, so the next one starts anew.
    #[must_use]
    pub fn actor(&self, incarnation: u32) -> [u8; ACTOR_BYTES] {
        let mut actor = [0; ACTOR_BYTES];
        actor[..16].copy_from_slice(&self.0);
        actor[16..].copy_from_slice(&incarnation.to_be_bytes());
        actor
    }

    /// The author that an Automerge actor id belongs to; none if it is not one of ours.
    #[must_use]
    pub fn of_actor(actor: &[u8]) -> Option<Self> {
        (actor.len() == ACTOR_BYTES).then(|| Self::from_slice(&actor[..16]).ok()).flatten()
    }
}

/// Length of the Automerge actor ids that we use: author (16) and incarnation (4), in bytes.
pub const ACTOR_BYTES: usize = 20;

fn first_16(digest: &[u8; 32]) -> [u8; 16] {
    let mut head = [0; 16];
    head.copy_from_slice(&digest[..16]);
    head
}

/// An author's signature over its newest change of a document. Through the hash graph it covers the author's earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSignature {
    /// Who signed.
    #[serde(rename = "a")]
    pub author: AuthorId,
    /// The change that is signed.
    #[serde(rename = "t")]
    pub tip: ChangeHash,
    /// Over document and tip: see [`Purpose::Change`].
    #[serde(rename = "s")]
    pub signature: Signature,
}

impl ChangeSignature {
    /// Signs `tip` of `document` as `author`.
    #[must_use]
    pub fn sign(secret: &SecretKey, author: AuthorId, document: &DocumentId, tip: ChangeHash) -> Self {
        let signature = secret.sign(Purpose::Change, &[&document.0, &tip.0]);
        Self { author, tip, signature }
    }

    /// Checks the signature against the certificate of its author.
    ///
    /// # Errors
    /// [`SignatureInvalid`] if the certificate is another author's or the signature does not fit.
    pub fn verify(&self, certificate: &Certificate, document: &DocumentId) -> Result<(), SignatureInvalid> {
        if certificate.author() != self.author {
            return Err(SignatureInvalid);
        }
        certificate.body.device_key.verify(Purpose::Change, &[&document.0, &self.tip.0], &self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_id_names_its_author_and_nothing_else_does() {
        let author = AuthorId([9; 16]);
        assert_eq!(AuthorId::of_actor(&author.actor(3)), Some(author));
        assert_eq!(AuthorId::of_actor(&author.0), None);
        assert_eq!(AuthorId::of_actor(&[9; 21]), None);
    }

    #[test]
    fn two_practitioners_on_one_device_are_two_authors() {
        let key = SecretKey::from_seed([1; 32]).public();
        let [a, b] = ["dr-a", "dr-b"].map(|id| AuthorId::of(&key, &PractitionerId::new(id).unwrap()));
        assert_ne!(a, b);
    }
}
