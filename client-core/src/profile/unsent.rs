//! How much work only this device has, beside the database so that it can be told while the profile is locked.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use sync_protocol::UnixMillis;

use crate::store::unsent::{UnsentCounts, counts};
use crate::{DeviceError, durable};

/// Name of the file.
const FILE: &str = "profile.unsent";

/// Numbers alone: never a patient, a document or a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsentSummary {
    /// Changes that wait to be sent.
    pub changes: u64,
    /// Resources with work that a privacy officer returned.
    pub drafts: u64,
    /// Changes in custody, refused, or kept aside of charts that were taken back.
    pub held: u64,
    /// Entries of the audit trail that the relay does not have.
    pub trail: u64,
    /// Receipts for removed charts that the relay does not have.
    pub receipts: u64,
    /// When the oldest of the changes and drafts was saved, by this device's clock.
    pub oldest_saved_at: Option<UnixMillis>,
    /// When this was counted, by this device's clock.
    pub as_of: UnixMillis,
}

impl UnsentSummary {
    /// Counts it in a database.
    pub(crate) fn count(db: &Connection, now: UnixMillis) -> Result<Self, DeviceError> {
        Ok(Self::of(counts(db)?, now))
    }

    fn of(counts: UnsentCounts, as_of: UnixMillis) -> Self {
        let UnsentCounts { changes, drafts, held, trail, receipts, oldest_saved_at } = counts;
        Self { changes, drafts, held, trail, receipts, oldest_saved_at, as_of }
    }

    /// Whether nothing at all would be lost with this device.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes + self.drafts + self.held + self.trail + self.receipts == 0
    }
}

impl std::fmt::Display for UnsentSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { changes, drafts, held, trail, receipts, .. } = self;
        write!(
            f,
            "{changes} changes not sent, {drafts} drafts, {held} changes held back, {trail} entries of the audit trail, \
             {receipts} receipts"
        )
    }
}

#[derive(Serialize, Deserialize)]
struct Content {
    enrolled: bool,
    unsent: UnsentSummary,
}

/// The file of one profile that is unlocked.
pub(crate) struct UnsentFile {
    path: PathBuf,
    written: Cell<Option<(bool, UnsentSummary)>>,
    /// Rows that the connection had written when the file was last brought up to date.
    seen: Cell<Option<u64>>,
}

impl UnsentFile {
    pub(crate) fn of(folder: &Path) -> Self {
        Self { path: folder.join(FILE), written: Cell::new(None), seen: Cell::new(None) }
    }

    /// Brings the file up to date. To be called after each commit.
    ///
    /// It tells of what is in the database and is no part of it: where it cannot be written, the work is safe all the same.
    pub(crate) fn refresh(&self, db: &Connection, enrolled: bool, now: UnixMillis) {
        let written = db.total_changes();
        if self.seen.get() == Some(written) && self.written.get().is_some_and(|(was, _)| was == enrolled) {
            return;
        }
        let Ok(unsent) = UnsentSummary::count(db, now) else { return };
        let before = self.written.get();
        if before.is_none_or(|(was, before)| was != enrolled || UnsentSummary { as_of: now, ..before } != unsent) {
            // Entries of the trail come with each chart that is read; they are not worth waiting for the disk.
            let is_work = |of: UnsentSummary| (of.changes, of.drafts, of.held);
            let synced = before.is_none_or(|(_, before)| is_work(before) != is_work(unsent));
            if write(&self.path, &Content { enrolled, unsent }, synced).is_err() {
                return;
            }
        }
        self.written.set(Some((enrolled, unsent)));
        self.seen.set(Some(written));
    }
}

fn write(path: &Path, content: &Content, synced: bool) -> std::io::Result<()> {
    let bytes = serde_json::to_vec(content)?;
    if synced { durable::replace(path, &bytes) } else { durable::replace_soon(path, &bytes) }
}

/// Whether the profile in `folder` is enrolled, and what only this device has of it. None if the file does not say.
pub(super) fn read(folder: &Path) -> Option<(bool, UnsentSummary)> {
    let content: Content = serde_json::from_slice(&std::fs::read(folder.join(FILE)).ok()?).ok()?;
    Some((content.enrolled, content.unsent))
}

/// Removes the file.
pub(super) fn remove(folder: &Path) -> std::io::Result<()> {
    durable::destroy(&folder.join(FILE))
}
