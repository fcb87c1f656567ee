//! The SQLite file of a profile: opening it safely, and one module for each thing it keeps.

pub(crate) mod changes;
pub(crate) mod documents;
pub(crate) mod drafts;
pub(crate) mod emergency;
pub(crate) mod erase;
pub(crate) mod facts;
pub(crate) mod histories;
pub(crate) mod identity;
pub(crate) mod inbox;
pub(crate) mod incoming;
pub(crate) mod kept_work;
pub(crate) mod key;
mod migrations;
mod open;
pub(crate) mod outbox;
pub(crate) mod patients;
pub(crate) mod projections;
pub(crate) mod quarantine;
pub(crate) mod receipts;
pub(crate) mod referrals;
pub(crate) mod resources;
pub(crate) mod rows;
pub(crate) mod sealed;
mod search;
pub(crate) mod sums;
pub(crate) mod sync_state;
pub(crate) mod trail;
pub(crate) mod trust;
pub(crate) mod unsent;

pub use open::DamagedFile;
pub(crate) use open::{
    ADOPTING, ENCRYPTED_FILE, KEY_FILE, PLAIN_FILE, TOMBSTONE, damaged_files, erase_damaged_files, open, open_beside,
};

use rusqlite::Row;

use crate::DeviceError;

/// Reads an id of fixed length from column `index`.
pub(crate) fn bytes<const N: usize>(row: &Row<'_>, index: usize) -> rusqlite::Result<[u8; N]> {
    row.get(index)
}

/// A stored value that does not read back: the file was changed by something else.
pub(crate) fn unreadable(what: &'static str) -> DeviceError {
    DeviceError::Storage { code: 0, doing: what }
}
