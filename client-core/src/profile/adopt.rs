//! Encrypting a profile that was made without a key: copied into an encrypted database, compared row by row, then erased.
//!
//! At every moment there is exactly one database that opens, with all the work: the old one has another name while it is being
//! copied, and the new one comes to be by its folder getting its name. [`super::recovery`] ends what is interrupted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use sync_protocol::UnixMillis;

use super::key_file::Wrapping;
use super::profiles::{Making, check_new};
use super::{Pin, PlatformSecret, ProfileError, ProfileId, ProfileSettings, Profiles, checks, recovery};
use crate::random::Randomness;
use crate::store::key::DatabaseKey;
use crate::store::{ADOPTING, ENCRYPTED_FILE, PLAIN_FILE, damaged_files};
use crate::{Device, DeviceError, durable};

impl Profiles {
    /// Encrypts the profile in `plain`, which was made without a key, as a new profile of this tablet, and opens it. All of it comes
    /// along: identity, charts, unsent work, trail. What was not encrypted is overwritten and removed.
    ///
    /// `plain` may be this tablet's own folder. No other process may have the profile open.
    /// # Errors
    /// [`ProfileError::Invalid`] while damaged databases lie there, which are not encrypted either; [`DeviceError::StorageBusy`]
    /// while another process has it open; as [`Profiles::create`]. The profile is then as it was.
    #[expect(clippy::too_many_arguments, reason = "those of `create`, and what is to be encrypted")]
    pub fn adopt(
        &self,
        plain: &Path,
        label: &str,
        pin: &Pin,
        secret: &PlatformSecret,
        settings: ProfileSettings,
        mut randomness: impl Randomness + 'static,
        now: UnixMillis,
    ) -> Result<(ProfileId, Device), ProfileError> {
        check_new(label, pin, settings)?;
        let _alone = checks::alone(&self.folder)?;
        recovery::end_adoptions(&self.folder, plain)?;
        look_at(plain, now)?;
        let making = Making::new(&self.folder, &mut randomness)?;
        let adopting = set_apart(plain, making.id())?;
        let by = Wrapping { pin, secret, work: self.work };
        let made = copy(&adopting, &making.folder, making.key())
            .and_then(|()| making.open_once(now))
            .and_then(|()| making.finish((label, settings), &by, &mut randomness, now));
        let (id, key) = match made {
            Ok(made) => made,
            Err(error) => {
                // Nothing came of it: the profile is what it was.
                recovery::recover_alone(&self.folder)?;
                recovery::end_adoptions(&self.folder, plain)?;
                return Err(error);
            }
        };
        recovery::end_adoptions(&self.folder, plain)?;
        let device = Device::open_encrypted(&self.folder.join(id.as_str()), key, randomness, now)?;
        Ok((id, device))
    }
}

/// Brings the database to the present schema, and refuses what cannot be encrypted with it.
fn look_at(plain: &Path, now: UnixMillis) -> Result<(), ProfileError> {
    if !plain.join(PLAIN_FILE).exists() {
        return Err(ProfileError::Invalid("there is no profile in this folder that is not encrypted"));
    }
    let device = Device::open(plain, |_: &mut [u8]| {}, now)?;
    if device.damaged_file().is_some() || !damaged_files(plain)?.is_empty() {
        let message =
            "a damaged database lies in the folder, not encrypted (device.db.damaged-…); take it to a safe place first";
        return Err(ProfileError::Invalid(message));
    }
    Ok(())
}

/// Takes the old database's name away, so that nobody works on it any more. Gives its new one.
fn set_apart(plain: &Path, id: &ProfileId) -> Result<PathBuf, ProfileError> {
    let (file, adopting) = (plain.join(PLAIN_FILE), plain.join(format!("{ADOPTING}{id}")));
    let db = Connection::open(&file).map_err(DeviceError::from)?;
    let alone = || -> rusqlite::Result<()> {
        db.busy_timeout(Duration::from_millis(200))?;
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        // One file from here on, and refused while another process has it open.
        db.pragma_update(None, "journal_mode", "DELETE")?;
        db.execute_batch("BEGIN EXCLUSIVE")
    };
    alone().map_err(DeviceError::from)?;
    durable::rename(&file, &adopting).map_err(ProfileError::files("setting the profile apart"))?;
    Ok(adopting)
}

fn copy(from: &Path, folder: &Path, key: &DatabaseKey) -> Result<(), ProfileError> {
    let to = folder.join(ENCRYPTED_FILE);
    // Not for reading only: what is attached is opened as this is.
    let db = Connection::open(from).map_err(DeviceError::from)?;
    let same = export(&db, &to, key).and_then(|()| is_same(&db)).map_err(DeviceError::from)?;
    drop(db);
    if !same {
        return Err(ProfileError::damaged(&to, "it does not hold what was copied into it"));
    }
    let failed = ProfileError::files("writing the encrypted database");
    std::fs::File::open(&to).and_then(|file| file.sync_all()).map_err(&failed)?;
    durable::step();
    durable::sync_folder(folder).map_err(failed)
}

fn export(db: &Connection, to: &Path, key: &DatabaseKey) -> rusqlite::Result<()> {
    let to = to.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(to.to_owned()))?;
    db.execute("ATTACH DATABASE ?1 AS encrypted KEY ?2", rusqlite::params![to, key.spelled().as_str()])?;
    durable::step();
    db.query_row("SELECT sqlcipher_export('encrypted')", [], |_| Ok(()))?;
    let schema: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    db.pragma_update(Some("encrypted"), "user_version", schema)?;
    durable::step();
    Ok(())
}

/// Whether every table of both holds the same rows, and the copy is sound.
fn is_same(db: &Connection) -> rusqlite::Result<bool> {
    let verdict: String = db.query_row("PRAGMA encrypted.quick_check(1)", [], |row| row.get(0))?;
    let version = |schema: &str| db.pragma_query_value::<i64, _>(Some(schema), "user_version", |row| row.get(0));
    if verdict != "ok" || version("main")? != version("encrypted")? {
        return Ok(false);
    }
    let schema = "SELECT type, name, sql FROM";
    let differs = |one: &str, other: &str| db.prepare(&format!("{one} EXCEPT {other}"))?.exists([]);
    let (ours, theirs) = (format!("{schema} main.sqlite_schema"), format!("{schema} encrypted.sqlite_schema"));
    if differs(&ours, &theirs)? || differs(&theirs, &ours)? {
        return Ok(false);
    }
    let sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND rootpage > 0";
    let tables: Vec<String> = db.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for table in tables {
        let [ours, theirs] = ["main", "encrypted"].map(|schema| format!("SELECT * FROM {schema}.\"{table}\""));
        let count =
            |rows: &str| db.query_row(&format!("SELECT count(*) FROM ({rows})"), [], |row| row.get::<_, i64>(0));
        if count(&ours)? != count(&theirs)? || differs(&ours, &theirs)? {
            return Ok(false);
        }
    }
    Ok(true)
}
