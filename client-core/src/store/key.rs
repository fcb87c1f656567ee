//! The key of an encrypted database: 32 random bytes that SQLCipher takes as they are, without deriving them from anything.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::DeviceError;

/// Length of a key, in bytes.
pub(crate) const KEY_BYTES: usize = 32;
/// SQLCipher keeps the first bytes of a file for a salt.
const SALT_BYTES: usize = 16;
/// What every SQLite file begins with that is not encrypted.
const PLAIN_START: &[u8; SALT_BYTES] = b"SQLite format 3\0";

/// A key. Overwritten in memory when it goes.
#[derive(Clone)]
pub(crate) struct DatabaseKey(Zeroizing<[u8; KEY_BYTES]>);

/// Whose file it is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// There is none, or it is empty.
    New,
    /// Not encrypted.
    Plain,
    /// Written with this key.
    Own,
    /// Anything else: written with another key, or its first page is damaged.
    Foreign,
}

impl DatabaseKey {
    pub(crate) fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Made from the key, so that a file tells whether it was written with it: a wrong key is never taken for damage.
    fn salt(&self) -> [u8; SALT_BYTES] {
        let hash: [u8; 32] =
            Sha256::new().chain_update(b"satchel database salt 1").chain_update(*self.0).finalize().into();
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&hash[..SALT_BYTES]);
        salt
    }

    /// Key and salt in SQLCipher's spelling: `x'…'`, 96 hexadecimal digits.
    pub(crate) fn spelled(&self) -> Zeroizing<String> {
        // As long as it gets from the start: growing would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(2 * (KEY_BYTES + SALT_BYTES) + 3));
        text.push_str("x'");
        for byte in self.0.iter().copied().chain(self.salt()) {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(digit.into(), 16).unwrap_or_default());
            }
        }
        text.push('\'');
        text
    }

    /// Looks at the first bytes of a file.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn kind_of(&self, file: &Path) -> Result<FileKind, DeviceError> {
        let mut start = Vec::new();
        match File::open(file).and_then(|file| file.take(SALT_BYTES as u64).read_to_end(&mut start)) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(FileKind::New),
            Err(error) => return Err(DeviceError::files("opening the database", &error)),
        }
        Ok(match start.as_slice() {
            [] => FileKind::New,
            start if start == PLAIN_START => FileKind::Plain,
            start if start == self.salt() => FileKind::Own,
            _ => FileKind::Foreign,
        })
    }

    /// Gives the key to a connection, before anything is read on it.
    ///
    /// # Errors
    /// [`DeviceError::Storage`]; where this is not SQLCipher at all, too.
    pub(crate) fn unlock(&self, db: &Connection) -> Result<(), DeviceError> {
        give(db, self.spelled().as_bytes())
    }
}

impl std::fmt::Debug for DatabaseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseKey(..)")
    }
}

/// Not by `PRAGMA key`: SQLite would keep the text of the statement, and with it the key.
#[cfg(not(target_family = "wasm"))]
#[expect(unsafe_code, reason = "rusqlite has no call for it but a statement, whose text stays in memory")]
fn give(db: &Connection, key: &[u8]) -> Result<(), DeviceError> {
    let length = i32::try_from(key.len()).unwrap_or(0);
    // SAFETY: the handle is that of an open connection, which this thread alone uses; SQLCipher copies `length` bytes.
    let code = unsafe { rusqlite::ffi::sqlite3_key(db.handle(), key.as_ptr().cast(), length) };
    match code {
        rusqlite::ffi::SQLITE_OK => Ok(()),
        code => Err(DeviceError::Storage { code, doing: "giving the key to the database" }),
    }
}

/// There is no SQLCipher in a browser.
#[cfg(target_family = "wasm")]
fn give(_: &Connection, _: &[u8]) -> Result<(), DeviceError> {
    Err(DeviceError::Storage { code: 0, doing: "giving the key to the database" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> DatabaseKey {
        DatabaseKey::new(Zeroizing::new([byte; KEY_BYTES]))
    }

    #[test]
    fn a_file_says_which_key_it_was_written_with() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        assert_eq!(key(1).kind_of(&file).unwrap(), FileKind::New);
        let db = Connection::open(&file).unwrap();
        key(1).unlock(&db).unwrap();
        db.execute_batch("CREATE TABLE t (x TEXT) STRICT").unwrap();
        drop(db);
        assert_eq!(key(1).kind_of(&file).unwrap(), FileKind::Own);
        assert_eq!(key(2).kind_of(&file).unwrap(), FileKind::Foreign);
        Connection::open(folder.path().join("plain")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert_eq!(key(1).kind_of(&folder.path().join("plain")).unwrap(), FileKind::Plain);
    }

    #[test]
    fn a_key_is_not_to_be_seen() {
        assert_eq!(format!("{:?}", key(7)), "DatabaseKey(..)");
    }
}
