//! Opens the database file; one that is damaged is put aside, never deleted. One that another key belongs to is left alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use sync_protocol::UnixMillis;

use super::key::{DatabaseKey, FileKind};
use super::{migrations, projections};
use crate::{DeviceError, durable};

/// Name of a database that is not encrypted, inside a profile's folder.
pub(crate) const PLAIN_FILE: &str = "device.db";
/// Name of an encrypted one. Another, so that neither is ever taken for the other.
pub(crate) const ENCRYPTED_FILE: &str = "profile.db";
/// What a database that is not encrypted is called while it is being replaced by an encrypted one; an id follows.
pub(crate) const ADOPTING: &str = "device.db.adopting-";
/// The wrapped key of an encrypted database, beside it.
pub(crate) const KEY_FILE: &str = "profile.key";
/// Says of a profile that it was wiped.
pub(crate) const TOMBSTONE: &str = "profile.wiped";
/// What follows the name of a database that was put aside; a time follows.
const DAMAGED: &str = ".damaged-";
/// How long a statement waits for another process.
const BUSY: Duration = Duration::from_secs(10);

/// A database file that could not be used and was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedFile {
    /// Where it is now. Its `-wal` and `-shm` lie beside it.
    pub kept_as: PathBuf,
    /// What SQLite said of it.
    pub problem: String,
}

/// Opens or creates the database in `folder`: with a key the encrypted one. `now` names a damaged file that is put aside.
///
/// # Errors
/// [`DeviceError::SchemaTooNew`], [`DeviceError::WrongKey`], [`DeviceError::Encrypted`], [`DeviceError::StorageReadOnly`],
/// [`DeviceError::StorageFull`] and the like; the file is then as it was.
pub(crate) fn open(
    folder: &Path,
    key: Option<&DatabaseKey>,
    now: UnixMillis,
) -> Result<(Connection, Option<DamagedFile>), DeviceError> {
    durable::make_private(folder).map_err(|error| DeviceError::files("making the profile folder", &error))?;
    if key.is_none() {
        refuse_encrypted(folder)?;
    }
    let file = file_in(folder, key);
    match attempt(&file, key)? {
        Opened::Sound(db) => Ok((db, None)),
        Opened::Damaged(problem) => {
            let kept_as = put_aside(&file, now)?;
            match attempt(&file, key)? {
                Opened::Sound(db) => Ok((db, Some(DamagedFile { kept_as, problem }))),
                Opened::Damaged(_) => Err(super::unreadable("opening a new database")),
            }
        }
    }
}

/// Opens the database in `folder` once more, beside a connection that has checked it.
pub(crate) fn open_beside(folder: &Path, key: Option<&DatabaseKey>) -> Result<Connection, DeviceError> {
    let db = connect(&file_in(folder, key), key)?;
    configure(&db)?;
    Ok(db)
}

fn file_in(folder: &Path, key: Option<&DatabaseKey>) -> PathBuf {
    folder.join(if key.is_some() { ENCRYPTED_FILE } else { PLAIN_FILE })
}

/// Without a key nothing new is to begin where charts lie encrypted.
fn refuse_encrypted(folder: &Path) -> Result<(), DeviceError> {
    if folder.join(ENCRYPTED_FILE).exists() || folder.join(TOMBSTONE).exists() {
        return Err(DeviceError::Encrypted);
    }
    let is_new = !folder.join(PLAIN_FILE).exists();
    let failed = |error: std::io::Error| DeviceError::files("reading the profile folder", &error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with(ADOPTING) {
            return Err(DeviceError::BeingEncrypted);
        }
        if is_new && [KEY_FILE, TOMBSTONE].iter().any(|file| entry.path().join(file).exists()) {
            return Err(DeviceError::Encrypted);
        }
    }
    Ok(())
}

enum Opened {
    Sound(Connection),
    Damaged(String),
}

fn connect(file: &Path, key: Option<&DatabaseKey>) -> Result<Connection, DeviceError> {
    let db = Connection::open(file)?;
    db.busy_timeout(BUSY)?;
    if let Some(key) = key {
        // What it has to say comes as an error. By itself it would write to standard error, or to a phone's log.
        db.pragma_update(None, "cipher_log_level", "NONE")?;
        key.unlock(&db)?;
    }
    Ok(db)
}

fn attempt(file: &Path, key: Option<&DatabaseKey>) -> Result<Opened, DeviceError> {
    // A wrong key and a damaged page look the same to SQLite. What is not this key's is not called damaged.
    if let Some(key) = key
        && matches!(key.kind_of(file)?, FileKind::Foreign | FileKind::Plain)
    {
        return Err(DeviceError::WrongKey);
    }
    let mut db = connect(file, key)?;
    match check(&db) {
        Ok(None) => {}
        Ok(Some(problem)) => return Ok(Opened::Damaged(problem)),
        Err(error) if is_damage(&error) => return Ok(Opened::Damaged("not a database".into())),
        Err(error) => return Err(error.into()),
    }
    let found = migrations::version(&db)?;
    if found > migrations::KNOWN {
        // Before the journal mode, which writes to the file.
        return Err(DeviceError::SchemaTooNew { found, known: migrations::KNOWN });
    }
    configure(&db)?;
    migrations::migrate(&mut db)?;
    projections::check(&db)?;
    Ok(Opened::Sound(db))
}

/// None if the file is sound, else what is wrong with it.
fn check(db: &Connection) -> rusqlite::Result<Option<String>> {
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    // The verdict names pages and indexes; it quotes no content.
    Ok((verdict != "ok").then_some(verdict))
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

fn configure(db: &Connection) -> Result<(), DeviceError> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    // What the clinician sees saved survives power loss.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // Purged charts leave no readable pages behind.
    db.pragma_update(None, "secure_delete", true)?;
    // Nothing of a chart in files outside the profile.
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.set_prepared_statement_cache_capacity(128);
    // Plans do not depend on bound values, so that a cached statement is not planned anew at each use.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// The damaged databases that were put aside in `folder`, encrypted or not.
pub(crate) fn damaged_files(folder: &Path) -> Result<Vec<PathBuf>, DeviceError> {
    let failed = |error: std::io::Error| DeviceError::files("reading the profile folder", &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if [PLAIN_FILE, ENCRYPTED_FILE].iter().any(|file| name.starts_with(&format!("{file}{DAMAGED}"))) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Overwrites and removes the damaged databases that were put aside in `folder`: a person's right to look at them ends when
/// the profile is erased.
pub(crate) fn erase_damaged_files(folder: &Path) -> Result<(), DeviceError> {
    let failed = |error: std::io::Error| DeviceError::files("erasing a damaged database", &error);
    damaged_files(folder)?.iter().try_for_each(|path| durable::destroy(path).map_err(failed))
}

fn put_aside(file: &Path, now: UnixMillis) -> Result<PathBuf, DeviceError> {
    let with = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut stamp = now.0;
    // Two damaged files within a millisecond, or a clock set back: never over one another.
    while with(&format!("{DAMAGED}{stamp}")).exists() {
        stamp += 1;
    }
    for side in ["", "-wal", "-shm"] {
        let from = with(side);
        if from.exists() {
            std::fs::rename(&from, with(&format!("{DAMAGED}{stamp}{side}")))
                .map_err(|error| DeviceError::files("putting a damaged database aside", &error))?;
        }
    }
    Ok(with(&format!("{DAMAGED}{stamp}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000);

    #[cfg(unix)]
    #[test]
    fn a_new_profile_folder_is_closed_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("profile");
        drop(open(&folder, None, NOW).unwrap());
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn a_file_that_is_no_database_is_put_aside_with_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let garbage = vec![7u8; 8_192];
        std::fs::write(folder.path().join(PLAIN_FILE), &garbage).unwrap();
        let (_, damaged) = open(folder.path(), None, NOW).unwrap();
        let kept_as = damaged.unwrap().kept_as;
        assert!(kept_as.ends_with("device.db.damaged-1000"));
        assert_eq!(std::fs::read(kept_as).unwrap(), garbage);
    }

    #[test]
    fn a_database_with_a_torn_page_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), None, NOW).unwrap());
        let file = folder.path().join(PLAIN_FILE);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[4_096..12_288].fill(0xEE);
        std::fs::write(&file, bytes).unwrap();
        assert!(open(folder.path(), None, NOW).unwrap().1.is_some());
    }

    #[test]
    fn a_second_damaged_file_does_not_replace_the_first() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            std::fs::write(folder.path().join(PLAIN_FILE), vec![7u8; 8_192]).unwrap();
            drop(open(folder.path(), None, NOW).unwrap());
        }
        assert!(folder.path().join("device.db.damaged-1000").exists());
        assert!(folder.path().join("device.db.damaged-1001").exists());
    }

    #[test]
    fn a_newer_schema_is_refused_and_the_file_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = open(folder.path(), None, NOW).unwrap();
        db.pragma_update(None, "user_version", 999).unwrap();
        drop(db);
        let before = std::fs::read(folder.path().join(PLAIN_FILE)).unwrap();
        assert!(matches!(open(folder.path(), None, NOW), Err(DeviceError::SchemaTooNew { found: 999, .. })));
        assert_eq!(std::fs::read(folder.path().join(PLAIN_FILE)).unwrap(), before);
    }

    fn key(byte: u8) -> DatabaseKey {
        DatabaseKey::new(zeroize::Zeroizing::new([byte; 32]))
    }

    /// A folder with an encrypted database, and the database as it is.
    fn encrypted() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = open(folder.path(), Some(&key(1)), NOW).unwrap();
        db.execute_batch("CREATE TABLE filler (x BLOB); INSERT INTO filler VALUES (randomblob(100000))").unwrap();
        drop(db);
        let file = folder.path().join(ENCRYPTED_FILE);
        let bytes = std::fs::read(&file).unwrap();
        (folder, file, bytes)
    }

    #[test]
    fn a_wrong_key_is_refused_and_nothing_is_put_aside() {
        let (folder, file, before) = encrypted();
        assert_eq!(open(folder.path(), Some(&key(2)), NOW).unwrap_err(), DeviceError::WrongKey);
        assert_eq!(std::fs::read(&file).unwrap(), before);
        assert!(damaged_files(folder.path()).unwrap().is_empty());
        assert!(open(folder.path(), Some(&key(1)), NOW).unwrap().1.is_none());
    }

    #[test]
    fn without_a_key_nothing_new_begins_beside_an_encrypted_database() {
        let (folder, file, before) = encrypted();
        assert_eq!(open(folder.path(), None, NOW).unwrap_err(), DeviceError::Encrypted);
        assert_eq!(std::fs::read(&file).unwrap(), before);
        assert!(!folder.path().join(PLAIN_FILE).exists());
    }

    #[test]
    fn an_encrypted_database_with_a_torn_page_is_put_aside_as_it_is() {
        // The first page after the salt, one in the middle, and the last.
        for at in [100, 8_192, 60_000] {
            let (folder, file, mut bytes) = encrypted();
            bytes[at..at + 64].fill(0xEE);
            std::fs::write(&file, &bytes).unwrap();
            let (db, damaged) = open(folder.path(), Some(&key(1)), NOW).unwrap();
            let kept_as = damaged.expect("damage is found").kept_as;
            assert_eq!(std::fs::read(kept_as).unwrap(), bytes, "at {at}");
            assert_eq!(migrations::version(&db).unwrap(), migrations::KNOWN);
        }
    }

    #[test]
    fn a_first_page_whose_salt_is_gone_is_not_taken_for_damage() {
        let (folder, file, mut bytes) = encrypted();
        bytes[..16].fill(0xEE);
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(open(folder.path(), Some(&key(1)), NOW).unwrap_err(), DeviceError::WrongKey);
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }

    #[test]
    fn a_newer_schema_is_refused_in_an_encrypted_file_too() {
        let (folder, file, _) = encrypted();
        let db = connect(&file, Some(&key(1))).unwrap();
        db.pragma_update(None, "user_version", 999).unwrap();
        drop(db);
        let before = std::fs::read(&file).unwrap();
        let refused = open(folder.path(), Some(&key(1)), NOW);
        assert!(matches!(refused, Err(DeviceError::SchemaTooNew { found: 999, .. })));
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }

    #[test]
    fn everything_that_is_set_holds_with_a_key_too() {
        let (folder, ..) = encrypted();
        let (db, _) = open(folder.path(), Some(&key(1)), NOW).unwrap();
        let text = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, String>(0)).unwrap();
        let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(text("journal_mode"), "wal");
        let set = ["synchronous", "foreign_keys", "secure_delete", "temp_store"].map(number);
        assert_eq!(set, [2, 1, 1, 2]);
        assert!(db.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG).unwrap());
        db.execute_batch(crate::purge::REWRITE).unwrap();
        let found: i64 = db.query_row("SELECT count(*) FROM patient_search('a')", [], |row| row.get(0)).unwrap();
        assert_eq!(found, 0);
        let beside = open_beside(folder.path(), Some(&key(1))).unwrap();
        assert_eq!(migrations::version(&beside).unwrap(), migrations::KNOWN);
    }
}
