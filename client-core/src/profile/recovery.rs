//! What a crash or a power cut left half done on a tablet is ended or undone at the next opening.
//!
//! | found | was | now |
//! |---|---|---|
//! | `ID.making` | a profile that never came to be | removed; an adopted one is still where it was |
//! | `device.db.adopting-ID`, and `ID` | encrypted, and verified | the one that is not encrypted is erased |
//! | `device.db.adopting-ID`, and no `ID` | not encrypted yet | it gets its name back |
//! | `ID/profile.wiped` beside anything else | being wiped | wiped to the end |
//! | `ID.removing` | being removed | removed to the end |

use std::path::{Path, PathBuf};

use super::{ProfileError, ProfileId, checks, wipe};
use crate::durable;
use crate::store::{ADOPTING, PLAIN_FILE};

/// A profile in the making.
pub(super) const MAKING: &str = ".making";
/// A profile that is going.
pub(super) const REMOVING: &str = ".removing";

/// Ends or undoes what was interrupted in the tablet's folder, unless another process is at it now.
pub(super) fn recover(tablet: &Path) -> Result<(), ProfileError> {
    let Some(_alone) = checks::alone_now(tablet) else { return Ok(()) };
    recover_alone(tablet)
}

/// The same, for who is alone already.
pub(super) fn recover_alone(tablet: &Path) -> Result<(), ProfileError> {
    end_adoptions(tablet, tablet)?;
    for (name, path) in entries(tablet)? {
        if name.ends_with(MAKING) || name.ends_with(REMOVING) {
            remove_profile(&path)?;
        } else if name.parse::<ProfileId>().is_ok()
            && let Some(_alone) = checks::alone_now(&path)
        {
            wipe::finish(&path)?;
        }
    }
    Ok(())
}

/// Ends or undoes the encrypting of the profile in `plain`.
pub(super) fn end_adoptions(tablet: &Path, plain: &Path) -> Result<(), ProfileError> {
    let failed = ProfileError::files("ending an interrupted encryption");
    for (name, path) in entries(plain)? {
        let Some(id) = name.strip_prefix(ADOPTING).and_then(|id| id.parse::<ProfileId>().ok()) else { continue };
        match tablet.join(id.as_str()).exists() {
            true => durable::destroy(&path).map_err(&failed)?,
            false => durable::rename(&path, &plain.join(PLAIN_FILE)).map_err(&failed)?,
        }
    }
    Ok(())
}

/// Removes a profile's folder, its key first.
pub(super) fn remove_profile(folder: &Path) -> Result<(), ProfileError> {
    let failed = ProfileError::files("removing a profile");
    wipe::empty(folder)?;
    std::fs::remove_dir_all(folder).map_err(&failed)?;
    durable::sync_parent(folder).map_err(failed)
}

/// Names and paths of what is in a folder.
pub(super) fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, ProfileError> {
    let failed = ProfileError::files("reading the folder of profiles");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(&failed)? {
        let entry = entry.map_err(&failed)?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    found.sort();
    Ok(found)
}
