//! Ed25519 keys, each signature bound to one purpose.

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

use crate::ids::{PublicKey, Signature};

/// What a signature is for. A signature made for one purpose never passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A device proves its key on a connection: nonce, relay id.
    Proof,
    /// A new device proves its key while it enrols: nonce, relay id, enrolment code.
    Enrolment,
    /// An author signs a change: document id, change hash.
    Change,
    /// An organization certifies a device and practitioner: the certificate's fields.
    Certificate,
    /// A device states that it removed documents: relay, receipt, kind, time, documents.
    PurgeReceipt,
    /// A device vouches for its audit trail: relay, number and hash of the last entry.
    Trail,
    /// A relay vouches for its audit trail: relay, number and hash of the last row, time.
    AuditCheckpoint,
}

impl Purpose {
    fn domain(self) -> &'static [u8] {
        match self {
            Self::Proof => b"satchel proof v1",
            Self::Enrolment => b"satchel enrolment v1",
            Self::Change => b"satchel change v1",
            Self::Certificate => b"satchel certificate v1",
            Self::PurgeReceipt => b"satchel purge receipt v1",
            Self::Trail => b"satchel trail v1",
            Self::AuditCheckpoint => b"satchel audit checkpoint v1",
        }
    }
}

/// A signature that does not fit its key, purpose or message. Says no more: the reason would help only a forger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signature does not verify")]
pub struct SignatureInvalid;

/// An Ed25519 secret key of a device or an organization. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key with this seed: 32 bytes from the system's random generator, made by the caller.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The seed, for storing the key. The caller wipes it.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `fields`, each length-prefixed, for `purpose`.
    #[must_use]
    pub fn sign(&self, purpose: Purpose, fields: &[&[u8]]) -> Signature {
        Signature(self.0.sign(&message(purpose, fields)).to_bytes())
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

impl PublicKey {
    /// Checks a signature made by [`SecretKey::sign`] with the same purpose and fields.
    ///
    /// # Errors
    /// [`SignatureInvalid`], also for a key that is not a point or of small order.
    pub fn verify(&self, purpose: Purpose, fields: &[&[u8]], signature: &Signature) -> Result<(), SignatureInvalid> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| SignatureInvalid)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(&message(purpose, fields), &signature).map_err(|_| SignatureInvalid)
    }
}

pub(super) fn message(purpose: Purpose, fields: &[&[u8]]) -> Vec<u8> {
    let mut message = purpose.domain().to_vec();
    for field in fields {
        message.extend_from_slice(&(field.len() as u64).to_be_bytes());
        message.extend_from_slice(field);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_purpose_and_fields_only() {
        let secret = SecretKey::from_seed([1; 32]);
        let signature = secret.sign(Purpose::Proof, &[b"ab", b"c"]);
        let public = secret.public();
        assert_eq!(public.verify(Purpose::Proof, &[b"ab", b"c"], &signature), Ok(()));
        assert_eq!(public.verify(Purpose::Change, &[b"ab", b"c"], &signature), Err(SignatureInvalid));
        assert_eq!(public.verify(Purpose::Proof, &[b"a", b"bc"], &signature), Err(SignatureInvalid));
        let other = SecretKey::from_seed([2; 32]).public();
        assert_eq!(other.verify(Purpose::Proof, &[b"ab", b"c"], &signature), Err(SignatureInvalid));
    }

    #[test]
    fn a_key_that_is_no_curve_point_verifies_nothing() {
        let signature = SecretKey::from_seed([1; 32]).sign(Purpose::Proof, &[]);
        assert_eq!(PublicKey([0; 32]).verify(Purpose::Proof, &[], &signature), Err(SignatureInvalid));
        assert_eq!(PublicKey([255; 32]).verify(Purpose::Proof, &[], &signature), Err(SignatureInvalid));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let secret = SecretKey::from_seed([0xAB; 32]);
        assert!(!format!("{secret:?}").contains(&hex::encode([0xAB; 8])));
    }
}
