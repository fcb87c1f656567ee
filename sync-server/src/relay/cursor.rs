//! Cursors: places in the log sealed for one device, so that it can neither read nor forge nor compare them.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};
use serde_bytes::ByteBuf;
use sync_protocol::DeviceId;
use sync_protocol::frame::Cursor;

use crate::store::Position;

const NONCE_BYTES: usize = 12;

/// What a cursor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Everything up to here was sent.
    pub position: Position,
    /// Withdrawals that the device was told before it was given the cursor.
    pub withdrawals: u64,
}

/// Seals and opens cursors under a key that only this relay has.
pub(super) struct CursorSeal(ChaCha20Poly1305);

impl CursorSeal {
    pub fn new(key: &[u8; 32]) -> Self {
        Self(ChaCha20Poly1305::new(&Key::from(*key)))
    }

    /// Seals a place for one device. `nonce` is random: the same place never looks the same twice.
    pub fn seal(&self, device: &DeviceId, place: Place, nonce: [u8; NONCE_BYTES]) -> Cursor {
        let mut plain = [0; 16];
        plain[..8].copy_from_slice(&place.position.0.to_be_bytes());
        plain[8..].copy_from_slice(&place.withdrawals.to_be_bytes());
        let message = Payload { msg: &plain, aad: &device.0 };
        // Encrypting sixteen bytes cannot exceed the cipher's limits.
        #[expect(clippy::expect_used, reason = "infallible at this size")]
        let sealed = self.0.encrypt(&Nonce::from(nonce), message).expect("sealing a cursor");
        Cursor(ByteBuf::from([&nonce[..], &sealed].concat()))
    }

    /// The place, if this relay sealed the cursor for this device.
    pub fn open(&self, device: &DeviceId, cursor: &Cursor) -> Option<Place> {
        let (nonce, sealed) = cursor.0.split_first_chunk::<NONCE_BYTES>()?;
        let opened = self.0.decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: &device.0 }).ok()?;
        let (position, withdrawals) = opened.split_first_chunk::<8>()?;
        Some(Place {
            position: Position(u64::from_be_bytes(*position)),
            withdrawals: u64::from_be_bytes(withdrawals.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceId = DeviceId([1; 16]);
    const PLACE: Place = Place { position: Position(42), withdrawals: 3 };

    #[test]
    fn a_cursor_opens_for_its_own_device_only() {
        let seal = CursorSeal::new(&[7; 32]);
        let cursor = seal.seal(&DEVICE, PLACE, [1; 12]);
        assert_eq!(seal.open(&DEVICE, &cursor), Some(PLACE));
        assert_eq!(seal.open(&DeviceId([2; 16]), &cursor), None);
        assert_eq!(CursorSeal::new(&[8; 32]).open(&DEVICE, &cursor), None);
        assert_eq!(seal.open(&DEVICE, &Cursor(ByteBuf::from(vec![0; 5]))), None);
    }

    #[test]
    fn equal_places_look_different() {
        let seal = CursorSeal::new(&[7; 32]);
        assert_ne!(seal.seal(&DEVICE, PLACE, [1; 12]), seal.seal(&DEVICE, PLACE, [2; 12]));
    }
}
