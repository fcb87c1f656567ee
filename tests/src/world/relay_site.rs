//! A relay with its folder: real store, real file; it can be cut off from power and set back to a copy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use sync_protocol::limits::Limits;
use sync_protocol::{ChangeHash, DocumentId};
use sync_server::metrics::Metrics;
use sync_server::relay::{Relay, RelaySettings};
use sync_server::store::SqliteStore;

use crate::Dice;
use crate::folder;

/// Days that a device may be used without reaching the relay.
pub const LEASE_DAYS: i64 = 14;
/// Milliseconds in a day.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Settings as a relay has them by default.
#[must_use]
pub fn usual_settings() -> RelaySettings {
    RelaySettings {
        limits: Limits::default(),
        lease_ms: (LEASE_DAYS * DAY_MS) as u64,
        certificate_ms: 365 * DAY_MS,
        ledger: Default::default(),
    }
}

/// The relay's place: a folder, and the relay over it while it runs.
pub(super) struct RelaySite {
    folder: PathBuf,
    lives: u32,
    dice: Dice,
    pub settings: RelaySettings,
    pub metrics: Arc<Metrics>,
    pub running: Option<Relay>,
}

impl RelaySite {
    pub fn open(folder: &Path, settings: RelaySettings, dice: Dice) -> Self {
        let mut site =
            Self { folder: folder.join("relay-0"), lives: 0, dice, settings, metrics: Arc::default(), running: None };
        std::fs::create_dir_all(&site.folder).unwrap();
        site.start();
        site
    }

    pub fn start(&mut self) {
        let store = SqliteStore::open(&self.file()).unwrap();
        let randomness = Box::new(self.dice.fork().randomness());
        self.running = Some(Relay::open(Box::new(store), self.settings, self.metrics.clone(), randomness).unwrap());
    }

    pub fn file(&self) -> PathBuf {
        self.folder.join("relay.db")
    }

    /// What is not on the disk at this moment is gone. The relay does not run afterwards.
    pub fn power_cut(&mut self) {
        self.lives += 1;
        let next = self.folder.with_file_name(format!("relay-{}", self.lives));
        // The files as they are now, before closing the database could tidy them up.
        folder::copy(&self.folder, &next);
        self.running = None;
        std::fs::remove_dir_all(&self.folder).unwrap();
        self.folder = next;
    }

    /// A copy as an administrator makes it, while the relay runs.
    pub fn back_up(&self, to: &Path) {
        let db = Connection::open(self.file()).unwrap();
        db.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
    }

    /// Puts a copy in place of the database. The relay must not run. `new_epoch`: as docs/OPERATIONS tells to.
    pub fn restore(&mut self, from: &Path, new_epoch: bool) {
        assert!(self.running.is_none(), "stop the relay first");
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(self.folder.join(format!("relay.db{suffix}")));
        }
        std::fs::copy(from, self.file()).unwrap();
        if new_epoch {
            let db = Connection::open(self.file()).unwrap();
            db.execute("DELETE FROM setting WHERE name = 'epoch'", []).unwrap();
        }
    }

    /// Every change in the log, as it is committed in the file.
    pub fn log(&self) -> Vec<(DocumentId, ChangeHash)> {
        let db = Connection::open(self.file()).unwrap();
        let sql =
            "SELECT document.id, hash FROM change_log JOIN document ON document.number = document ORDER BY position";
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((DocumentId(row.get(0)?), ChangeHash(row.get(1)?)))).unwrap();
        rows.map(Result::unwrap).collect()
    }
}
