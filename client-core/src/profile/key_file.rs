//! `profile.key`: label and settings of a profile, and its database's key wrapped by PIN and platform secret.
//!
//! Two lines: JSON, and a hash over it that tells a damaged file before any PIN is tried. Everything but the wrapped key is
//! bound to it: a file that was put together from others does not open.

use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{Pin, PlatformSecret, ProfileError, ProfileId, ProfileSettings};
use crate::durable;
use crate::random::Randomness;
use crate::store::KEY_FILE;
use crate::store::key::{DatabaseKey, KEY_BYTES};

const VERSION: u32 = 1;
/// A file may not ask for more work than this: memory in KiB, passes, lanes.
const MOST_WORK: PinWork = PinWork { memory_kib: 1024 * 1024, passes: 16, lanes: 16 };

/// What trying one PIN costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PinWork {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl PinWork {
    /// 64 MiB, three passes: some tenths of a second on a tablet.
    pub(super) const FULL: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
    /// For tests, which try many.
    pub(super) const WEAK: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };
}

/// The content of the file.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KeyFile {
    version: u32,
    pub(super) id: ProfileId,
    pub(super) label: String,
    pub(super) settings: ProfileSettings,
    work: PinWork,
    #[serde(with = "hex::serde")]
    salt: [u8; 16],
    /// Tells whether a platform's secret is the right one, and nothing else about it. None if there is none.
    secret_mark: Option<String>,
    #[serde(with = "hex::serde")]
    nonce: [u8; 24],
    #[serde(with = "hex::serde")]
    wrapped: Vec<u8>,
}

/// What a key is wrapped by.
pub(super) struct Wrapping<'a> {
    pub(super) pin: &'a Pin,
    pub(super) secret: &'a PlatformSecret,
    pub(super) work: PinWork,
}

impl KeyFile {
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join(KEY_FILE)
    }

    /// Wraps a key, under a fresh salt and nonce.
    pub(super) fn wrap(
        key: &DatabaseKey,
        (id, label, settings): (&ProfileId, &str, ProfileSettings),
        by: &Wrapping<'_>,
        randomness: &mut dyn Randomness,
    ) -> Result<Self, ProfileError> {
        let mut file = Self {
            version: VERSION,
            id: id.clone(),
            label: label.to_owned(),
            settings,
            work: by.work,
            salt: [0; 16],
            secret_mark: mark_of(id, by.secret),
            nonce: [0; 24],
            wrapped: Vec::new(),
        };
        randomness.fill(&mut file.salt);
        randomness.fill(&mut file.nonce);
        let bound = file.bound()?;
        let message = Payload { msg: key.bytes(), aad: &bound };
        let wrapped = file.cipher(by.pin, by.secret)?.encrypt(&XNonce::from(file.nonce), message);
        file.wrapped = wrapped.map_err(|_| ProfileError::Invalid("the key could not be wrapped"))?;
        Ok(file)
    }

    /// The key; none if the PIN is not the right one.
    pub(super) fn unwrap(&self, pin: &Pin, secret: &PlatformSecret) -> Result<Option<DatabaseKey>, ProfileError> {
        let bound = self.bound()?;
        let message = Payload { msg: &self.wrapped, aad: &bound };
        let Ok(opened) = self.cipher(pin, secret)?.decrypt(&XNonce::from(self.nonce), message) else { return Ok(None) };
        let opened = Zeroizing::new(opened);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if opened.len() != KEY_BYTES {
            return Ok(None);
        }
        key.copy_from_slice(&opened);
        Ok(Some(DatabaseKey::new(key)))
    }

    /// # Errors
    /// [`ProfileError::WrongSecret`], before a PIN is tried with it: a lost secret is not to use up the tries.
    pub(super) fn refuse_other_secret(&self, secret: &PlatformSecret) -> Result<(), ProfileError> {
        if self.secret_mark == mark_of(&self.id, secret) { Ok(()) } else { Err(ProfileError::WrongSecret) }
    }

    /// What the wrapped key is bound to: all of the file but the wrapped key.
    fn bound(&self) -> Result<Vec<u8>, ProfileError> {
        encode(&Self { wrapped: Vec::new(), ..self.clone() })
    }

    fn cipher(&self, pin: &Pin, secret: &PlatformSecret) -> Result<XChaCha20Poly1305, ProfileError> {
        let failed = |_| ProfileError::Invalid("the PIN could not be worked on: too little memory");
        let PinWork { memory_kib, passes, lanes } = self.work;
        let params = Params::new(memory_kib, passes, lanes, Some(KEY_BYTES)).map_err(failed)?;
        let mut memory = vec![Block::default(); params.block_count()];
        let argon = Argon2::new_with_secret(secret.bytes(), Algorithm::Argon2id, Version::V0x13, params);
        let mut wrapping = Zeroizing::new([0; KEY_BYTES]);
        let worked = argon.and_then(|argon| {
            argon.hash_password_into_with_memory(pin.bytes(), &self.salt, &mut *wrapping, &mut memory)
        });
        memory.iter_mut().for_each(|block| block.as_mut().zeroize());
        worked.map_err(failed)?;
        Ok(XChaCha20Poly1305::new(&Key::from(*wrapping)))
    }

    /// Reads the file of the profile in `folder`, and holds it against the folder's name.
    ///
    /// # Errors
    /// [`ProfileError::Damaged`] naming the file; it is left as it is.
    pub(super) fn read(folder: &Path) -> Result<Self, ProfileError> {
        let path = Self::path(folder);
        let damaged = |problem| ProfileError::damaged(&path, problem);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(damaged("it is missing")),
            Err(error) => return Err(ProfileError::files("reading the profile's key file")(error)),
        };
        let file = Self::decode(&bytes).ok_or_else(|| damaged("it is damaged"))?;
        if file.version != VERSION {
            return Err(damaged("it was written by a newer version"));
        }
        if folder.file_name().is_none_or(|name| name != file.id.as_str()) {
            return Err(damaged("it belongs to another profile"));
        }
        let PinWork { memory_kib, passes, lanes } = file.work;
        if memory_kib > MOST_WORK.memory_kib || passes > MOST_WORK.passes || lanes > MOST_WORK.lanes {
            return Err(damaged("it asks for more memory or time than is reasonable"));
        }
        Ok(file)
    }

    /// Writes the file. The one before is overwritten, so that its PIN opens nothing any more.
    pub(super) fn write(&self, folder: &Path) -> Result<(), ProfileError> {
        let bytes = self.encoded()?;
        durable::replace_secret(&Self::path(folder), &bytes)
            .map_err(ProfileError::files("writing the profile's key file"))
    }

    fn encoded(&self) -> Result<Vec<u8>, ProfileError> {
        let mut bytes = encode(self)?;
        let sum: [u8; 32] = Sha256::digest(&bytes).into();
        bytes.push(b'\n');
        bytes.extend(hex::encode(sum).bytes());
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// None unless it is byte for byte what would have been written.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let json = bytes.split(|byte| *byte == b'\n').next()?;
        let file: Self = serde_json::from_slice(json).ok()?;
        (file.encoded().ok()? == bytes).then_some(file)
    }
}

fn encode(file: &KeyFile) -> Result<Vec<u8>, ProfileError> {
    serde_json::to_vec(file).map_err(|_| ProfileError::Invalid("the profile's key file could not be written"))
}

fn mark_of(id: &ProfileId, secret: &PlatformSecret) -> Option<String> {
    if secret.is_none() {
        return None;
    }
    let hash =
        Sha256::new().chain_update(b"satchel platform secret 1").chain_update(id.as_str()).chain_update(secret.bytes());
    Some(hex::encode(&hash.finalize()[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> PlatformSecret {
        PlatformSecret::new((byte..byte + 32).collect::<Vec<u8>>()).unwrap()
    }

    fn pin(text: &str) -> Pin {
        Pin::new(text).unwrap()
    }

    fn fresh(id: u8) -> (KeyFile, DatabaseKey) {
        let key = DatabaseKey::new(Zeroizing::new([id; KEY_BYTES]));
        let mut count = id;
        let mut randomness = move |bytes: &mut [u8]| {
            count = count.wrapping_add(1);
            bytes.fill(count);
        };
        let by = Wrapping { pin: &pin("1793"), secret: &secret(1), work: PinWork::WEAK };
        let about = (&ProfileId::new([id; 16]), "Dr A", ProfileSettings::default());
        (KeyFile::wrap(&key, about, &by, &mut randomness).unwrap(), key)
    }

    #[test]
    fn the_key_comes_out_with_pin_and_secret_alone() {
        let (file, key) = fresh(1);
        let opened = file.unwrap(&pin("1793"), &secret(1)).unwrap().unwrap();
        assert_eq!(opened.bytes(), key.bytes());
        assert!(file.unwrap(&pin("1794"), &secret(1)).unwrap().is_none());
        assert!(file.unwrap(&pin("1793"), &secret(2)).unwrap().is_none());
        assert_eq!(file.refuse_other_secret(&secret(2)), Err(ProfileError::WrongSecret));
        assert_eq!(file.refuse_other_secret(&PlatformSecret::none()), Err(ProfileError::WrongSecret));
        assert_eq!(file.refuse_other_secret(&secret(1)), Ok(()));
    }

    #[test]
    fn any_changed_bit_is_noticed_and_the_file_named() {
        let parent = tempfile::tempdir().unwrap();
        let (file, _) = fresh(1);
        let folder = parent.path().join(file.id.as_str());
        std::fs::create_dir(&folder).unwrap();
        file.write(&folder).unwrap();
        let path = KeyFile::path(&folder);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                std::fs::write(&path, &bytes).unwrap();
                let Err(error) = KeyFile::read(&folder) else { panic!("byte {at}, bit {bit}") };
                assert!(error.to_string().contains("profile.key"), "{error}");
                assert_eq!(std::fs::read(&path).unwrap(), bytes, "it is left as it is");
            }
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(KeyFile::read(&folder), Err(ProfileError::Damaged { .. })), "cut to {length}");
        }
        std::fs::write(&path, &whole).unwrap();
        assert!(KeyFile::read(&folder).is_ok());
    }

    #[test]
    fn a_file_of_another_profile_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let (one, other) = (fresh(1).0, fresh(2).0);
        let folder = parent.path().join(one.id.as_str());
        std::fs::create_dir(&folder).unwrap();
        other.write(&folder).unwrap();
        let Err(error) = KeyFile::read(&folder) else { panic!("another's file is taken") };
        assert!(error.to_string().contains("belongs to another profile"), "{error}");
    }

    #[test]
    fn parts_of_two_files_do_not_make_one() {
        let ((one, _), (other, _)) = (fresh(1), fresh(2));
        let opens = |file: &KeyFile| file.unwrap(&pin("1793"), &secret(1)).unwrap().is_some();
        assert!(opens(&one));
        let settings = ProfileSettings { wipe_after_wrong_pins: Some(50), ..ProfileSettings::default() };
        let changed = [
            KeyFile { id: other.id.clone(), ..one.clone() },
            KeyFile { label: "Dr B".into(), ..one.clone() },
            KeyFile { settings, ..one.clone() },
            KeyFile { wrapped: other.wrapped.clone(), ..one.clone() },
            KeyFile { salt: other.salt, nonce: other.nonce, wrapped: other.wrapped, ..one.clone() },
            KeyFile { secret_mark: None, ..one.clone() },
        ];
        for (number, file) in changed.iter().enumerate() {
            assert!(!opens(file), "{number}");
        }
    }

    #[test]
    fn a_pin_costs_what_it_should() {
        assert_eq!(PinWork::FULL, PinWork { memory_kib: 65_536, passes: 3, lanes: 1 });
    }
}
