//! Opens the database file; one that is damaged is put aside, never deleted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use sync_protocol::UnixMillis;

use super::{migrations, projections};
use crate::DeviceError;

/// Name of the database inside a profile's folder.
const FILE: &str = "device.db";
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

/// Opens or creates the database in `folder`. `now` names a damaged file that is put aside.
///
/// # Errors
/// [`DeviceError::SchemaTooNew`], [`DeviceError::StorageReadOnly`], [`DeviceError::StorageFull`] and the like; the file
/// is then as it was.
pub(crate) fn open(folder: &Path, now: UnixMillis) -> Result<(Connection, Option<DamagedFile>), DeviceError> {
    make_private(folder).map_err(|error| DeviceError::files("making the profile folder", &error))?;
    let file = folder.join(FILE);
    match attempt(&file)? {
        Opened::Sound(db) => Ok((db, None)),
        Opened::Damaged(problem) => {
            let kept_as = put_aside(&file, now)?;
            match attempt(&file)? {
                Opened::Sound(db) => Ok((db, Some(DamagedFile { kept_as, problem }))),
                Opened::Damaged(_) => Err(super::unreadable("opening a new database")),
            }
        }
    }
}

/// Opens the database in `folder` once more, beside a connection that has checked it.
pub(crate) fn open_beside(folder: &Path) -> Result<Connection, DeviceError> {
    let db = Connection::open(folder.join(FILE))?;
    db.busy_timeout(BUSY)?;
    configure(&db)?;
    Ok(db)
}

/// Makes the folder, for this user's eyes only: it holds charts and a secret key.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

enum Opened {
    Sound(Connection),
    Damaged(String),
}

fn attempt(file: &Path) -> Result<Opened, DeviceError> {
    let mut db = Connection::open(file)?;
    db.busy_timeout(BUSY)?;
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

/// Overwrites and removes the damaged databases that were put aside in `folder`: a person's right to look at them ends when
/// the profile is erased.
pub(crate) fn erase_damaged_files(folder: &Path) -> Result<(), DeviceError> {
    let failed = |error: std::io::Error| DeviceError::files("erasing a damaged database", &error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with(&format!("{FILE}.damaged-")) {
            overwrite(&path).and_then(|()| std::fs::remove_file(&path)).map_err(failed)?;
        }
    }
    Ok(())
}

fn overwrite(path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
    let length = file.metadata()?.len();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), length), &mut file)?;
    file.sync_all()
}

fn put_aside(file: &Path, now: UnixMillis) -> Result<PathBuf, DeviceError> {
    let with = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut stamp = now.0;
    // Two damaged files within a millisecond, or a clock set back: never over one another.
    while with(&format!(".damaged-{stamp}")).exists() {
        stamp += 1;
    }
    for side in ["", "-wal", "-shm"] {
        let from = with(side);
        if from.exists() {
            std::fs::rename(&from, with(&format!(".damaged-{stamp}{side}")))
                .map_err(|error| DeviceError::files("putting a damaged database aside", &error))?;
        }
    }
    Ok(with(&format!(".damaged-{stamp}")))
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
        drop(open(&folder, NOW).unwrap());
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn a_file_that_is_no_database_is_put_aside_with_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let garbage = vec![7u8; 8_192];
        std::fs::write(folder.path().join(FILE), &garbage).unwrap();
        let (_, damaged) = open(folder.path(), NOW).unwrap();
        let kept_as = damaged.unwrap().kept_as;
        assert!(kept_as.ends_with("device.db.damaged-1000"));
        assert_eq!(std::fs::read(kept_as).unwrap(), garbage);
    }

    #[test]
    fn a_database_with_a_torn_page_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), NOW).unwrap());
        let file = folder.path().join(FILE);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[4_096..12_288].fill(0xEE);
        std::fs::write(&file, bytes).unwrap();
        assert!(open(folder.path(), NOW).unwrap().1.is_some());
    }

    #[test]
    fn a_second_damaged_file_does_not_replace_the_first() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            std::fs::write(folder.path().join(FILE), vec![7u8; 8_192]).unwrap();
            drop(open(folder.path(), NOW).unwrap());
        }
        assert!(folder.path().join("device.db.damaged-1000").exists());
        assert!(folder.path().join("device.db.damaged-1001").exists());
    }

    #[test]
    fn a_newer_schema_is_refused_and_the_file_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = open(folder.path(), NOW).unwrap();
        db.pragma_update(None, "user_version", 999).unwrap();
        drop(db);
        let before = std::fs::read(folder.path().join(FILE)).unwrap();
        assert!(matches!(open(folder.path(), NOW), Err(DeviceError::SchemaTooNew { found: 999, .. })));
        assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), before);
    }
}
