//! Wiping a profile: its key first, so that whatever of the files stays readable to a finder is unreadable all the same.
//!
//! The tombstone comes before all: where the power fails in between, the next opening knows that a wipe was begun, and ends it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sync_protocol::UnixMillis;

use super::key_file::KeyFile;
use super::{UnsentSummary, attempts, unsent};
use crate::durable;
use crate::store::{ENCRYPTED_FILE, TOMBSTONE, damaged_files};
use crate::{DeviceError, ProfileError};

/// Why a profile was wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// Too many wrong PINs.
    WrongPins,
    /// Its organization ordered it, by the relay.
    Ordered,
}

/// What stays of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tombstone {
    pub(super) label: String,
    pub(super) cause: Cause,
    pub(super) at: UnixMillis,
    pub(super) lost: Option<UnsentSummary>,
}

/// Wipes the profile in `folder`.
pub(crate) fn wipe(folder: &Path, cause: Cause, now: UnixMillis) -> Result<(), ProfileError> {
    let label = KeyFile::read(folder).map(|file| file.label).unwrap_or_default();
    let lost = unsent::read(folder).map(|(_, unsent)| unsent);
    let failed = ProfileError::files("wiping a profile");
    let tombstone = serde_json::to_vec(&Tombstone { label, cause, at: now, lost });
    let tombstone = tombstone.map_err(|error| failed(error.into()))?;
    durable::replace(&folder.join(TOMBSTONE), &tombstone).map_err(failed)?;
    finish(folder)
}

/// Ends a wipe that was begun. Does nothing where none was.
pub(super) fn finish(folder: &Path) -> Result<(), ProfileError> {
    if !folder.join(TOMBSTONE).exists() {
        return Ok(());
    }
    empty(folder)
}

/// Removes everything but the tombstone: the key first.
pub(super) fn empty(folder: &Path) -> Result<(), ProfileError> {
    let failed = ProfileError::files("wiping a profile");
    durable::destroy(&KeyFile::path(folder)).map_err(&failed)?;
    for suffix in ["-wal", "-shm", ""] {
        remove(&folder.join(format!("{ENCRYPTED_FILE}{suffix}"))).map_err(&failed)?;
    }
    for path in damaged_files(folder)? {
        remove(&path).map_err(&failed)?;
    }
    attempts::remove(folder).map_err(&failed)?;
    unsent::remove(folder).map_err(&failed)?;
    durable::sync_folder(folder).map_err(failed)
}

/// What is encrypted needs not be overwritten once its key is gone.
fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => durable::step(),
    }
    Ok(())
}

/// What is left of a profile that was wiped; none if it was not.
pub(super) fn tombstone(folder: &Path) -> Option<Tombstone> {
    let bytes = std::fs::read(folder.join(TOMBSTONE)).ok()?;
    let unknown = || Tombstone { label: String::new(), cause: Cause::Ordered, at: UnixMillis(0), lost: None };
    Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| unknown()))
}

/// For the device, whose errors are its own.
pub(crate) fn on_order(folder: &Path, now: UnixMillis) -> Result<(), DeviceError> {
    wipe(folder, Cause::Ordered, now).map_err(|error| match error {
        ProfileError::Device(error) => error,
        _ => DeviceError::Storage { code: 0, doing: "wiping the profile" },
    })
}
