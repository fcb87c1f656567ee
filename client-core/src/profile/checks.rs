//! The way to a profile's key: the waits, the PIN, and what a wrong one leads to.

use std::fs::File;
use std::path::Path;

use sync_protocol::UnixMillis;

use super::attempts::Attempts;
use super::key_file::KeyFile;
use super::{Pin, PlatformSecret, ProfileError, wipe};
use crate::store::key::DatabaseKey;

/// Name of the file by which processes wait for one another.
const LOCK: &str = "profile.lock";

/// Waits until no other process is at the files of `folder`; until the handle is dropped none is.
pub(super) fn alone(folder: &Path) -> Result<File, ProfileError> {
    let failed = ProfileError::files("waiting for another process at the profile");
    let file = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK)).map_err(&failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// The same, without waiting; none if another process is there.
pub(super) fn alone_now(folder: &Path) -> Option<File> {
    let file = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK)).ok()?;
    file.try_lock().is_ok().then_some(file)
}

/// The key of the profile in `folder`, and its file, if the PIN is the right one. To be called while alone.
///
/// A try is on disk before the PIN is looked at.
/// # Errors
/// [`ProfileError::WrongPin`], [`ProfileError::LockedOut`], [`ProfileError::WrongSecret`], [`ProfileError::Wiped`],
/// [`ProfileError::Damaged`].
pub(super) fn key_of(
    folder: &Path,
    pin: &Pin,
    secret: &PlatformSecret,
    now: UnixMillis,
) -> Result<(KeyFile, DatabaseKey), ProfileError> {
    if wipe::tombstone(folder).is_some() {
        wipe::finish(folder)?;
        return Err(ProfileError::Wiped);
    }
    let file = KeyFile::read(folder)?;
    file.refuse_other_secret(secret)?;
    let attempts = Attempts::load(folder, now).refuse_while_waiting(folder, now)?;
    let attempts = attempts.count(folder, now)?;
    if let Some(key) = file.unwrap(pin, secret)? {
        Attempts::clear(folder, now)?;
        return Ok((file, key));
    }
    let most = file.settings.wipe_after_wrong_pins;
    if most.is_some_and(|most| attempts.wrong >= most) {
        wipe::wipe(folder, wipe::Cause::WrongPins, now)?;
        return Err(ProfileError::Wiped);
    }
    let remaining_before_wipe = most.map(|most| most - attempts.wrong);
    Err(ProfileError::WrongPin { remaining_before_wipe, wait_ms: attempts.wait_ms() })
}
