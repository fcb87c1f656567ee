//! Sealing: documents that a device may hold but not read until somebody breaks the glass.

use crypto_box::aead::Aead;
use crypto_box::{ChaChaBox, KEY_SIZE, PublicKey as BoxPublicKey, SecretKey as BoxSecretKey};
use sha2::{Digest, Sha256};

use crate::identity::SecretKey;
use crate::ids::{DocumentId, SealingKey};

/// Bytes of the box's nonce.
const NONCE_BYTES: usize = 24;

/// Sealed bytes that do not open: made for another device or document, or changed on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not open with this device's key")]
pub struct SealInvalid;

impl SecretKey {
    /// The key that documents are sealed to. Derived from the device's key, but not the same: one key, one use.
    #[must_use]
    pub fn sealing_key(&self) -> SealingKey {
        SealingKey(*self.box_secret().public_key().as_bytes())
    }

    /// Opens what [`seal`] made for this device and `document`.
    ///
    /// # Errors
    /// [`SealInvalid`].
    pub fn unseal(&self, document: &DocumentId, sealed: &[u8]) -> Result<Vec<u8>, SealInvalid> {
        let (once, text) = sealed.split_first_chunk::<KEY_SIZE>().ok_or(SealInvalid)?;
        let sender = BoxPublicKey::from_bytes(*once);
        let secret = self.box_secret();
        let nonce = nonce(once, secret.public_key().as_bytes());
        let opened = ChaChaBox::new(&sender, &secret).decrypt(&nonce.into(), text).map_err(|_| SealInvalid)?;
        // The box binds no associated data, so the document stands in front of the text.
        opened.strip_prefix(&document.0).map(<[u8]>::to_vec).ok_or(SealInvalid)
    }

    fn box_secret(&self) -> BoxSecretKey {
        let mut hasher = Sha256::new_with_prefix(b"satchel sealing key v1");
        hasher.update(self.seed());
        BoxSecretKey::from_bytes(hasher.finalize().into())
    }
}

/// Seals `text`, which belongs to `document`, so that only the device with `key` can open it. `entropy`: 32 random bytes, used once.
///
/// X25519 with a fresh key, then XChaCha20-Poly1305: the fresh public key, then the text after the document's id, encrypted.
#[must_use]
pub fn seal(key: &SealingKey, document: &DocumentId, text: &[u8], entropy: [u8; 32]) -> Vec<u8> {
    let once = BoxSecretKey::from_bytes(entropy);
    let public = *once.public_key().as_bytes();
    let nonce = nonce(&public, &key.0);
    let message = [&document.0[..], text].concat();
    // Encrypting into memory fails only beyond the cipher's limit of 256 GiB.
    #[expect(clippy::expect_used, reason = "infallible at the size of a frame")]
    let sealed = ChaChaBox::new(&BoxPublicKey::from_bytes(key.0), &once)
        .encrypt(&nonce.into(), message.as_slice())
        .expect("sealing a document");
    [&public[..], &sealed].concat()
}

/// The key is fresh each time, so the nonce need only not be chosen by anybody.
fn nonce(once: &[u8; KEY_SIZE], recipient: &[u8; KEY_SIZE]) -> [u8; NONCE_BYTES] {
    let mut hasher = Sha256::new_with_prefix(b"satchel sealing nonce v1");
    hasher.update(once);
    hasher.update(recipient);
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&hasher.finalize()[..NONCE_BYTES]);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: DocumentId = DocumentId([5; 16]);

    #[test]
    fn only_the_device_it_was_sealed_for_opens_it() {
        let device = SecretKey::from_seed([1; 32]);
        let sealed = seal(&device.sealing_key(), &DOCUMENT, b"penicillin", [7; 32]);
        assert_eq!(device.unseal(&DOCUMENT, &sealed), Ok(b"penicillin".to_vec()));
        assert_eq!(SecretKey::from_seed([2; 32]).unseal(&DOCUMENT, &sealed), Err(SealInvalid));
    }

    #[test]
    fn a_seal_holds_for_its_document_and_its_bytes_only() {
        let device = SecretKey::from_seed([1; 32]);
        let sealed = seal(&device.sealing_key(), &DOCUMENT, b"penicillin", [7; 32]);
        assert_eq!(device.unseal(&DocumentId([6; 16]), &sealed), Err(SealInvalid));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(device.unseal(&DOCUMENT, &changed), Err(SealInvalid), "byte {at}");
        }
        assert_eq!(device.unseal(&DOCUMENT, &sealed[..40]), Err(SealInvalid));
    }

    #[test]
    fn sealed_bytes_hold_nothing_of_the_text_and_differ_each_time() {
        let key = SecretKey::from_seed([1; 32]).sealing_key();
        let (one, other) =
            (seal(&key, &DOCUMENT, b"penicillin", [7; 32]), seal(&key, &DOCUMENT, b"penicillin", [8; 32]));
        assert!(!one.windows(10).any(|bytes| bytes == b"penicillin"));
        assert!(one.iter().zip(&other).filter(|(a, b)| a == b).count() < one.len() / 4);
    }

    #[test]
    fn the_sealing_key_is_not_the_devices_public_key() {
        let device = SecretKey::from_seed([1; 32]);
        assert_ne!(device.sealing_key().0, device.public().0);
    }
}
