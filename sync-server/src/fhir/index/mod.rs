//! The API's index: resources as JSON and what searches compare, in a file of its own that is made of the documents.
//!
//! A document is opened when it has changed, and by nothing else. What is read here leaves the relay only after the
//! caller's set of documents was asked for each row: see [`find`]. The file can be removed at any time.

mod fill;
mod find;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sync_protocol::{DocumentDescriptor, UnixMillis};

pub use find::{Found, Matches, Wanted};

use crate::access::IndexPermit;
use crate::store::{DocumentHistory, Position, SqliteStore, Store, StoreError};

/// Number of the schema and of the way in which values are made; with another one the file is made anew.
const FORM: u32 = 1;
/// Rows of the log that are looked at together.
const LOG_PAGE: usize = 10_000;

/// Why the index does not answer.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It lacks too many documents to make up for it while somebody waits.
    #[error("{0} documents are still to be indexed")]
    Behind(usize),
    /// Its file or the relay's cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for IndexError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// See the module.
pub struct Index {
    db: Connection,
    log: SqliteStore,
    permit: IndexPermit,
    /// Changes of the log up to here are in `waiting` or in the index.
    seen: Position,
    /// Documents that have changed since they were indexed.
    waiting: BTreeSet<u32>,
}

impl Index {
    /// Opens the index, or begins it; finds out which documents have changed meanwhile. `relay`: the relay's database.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn open(path: &Path, relay: &Path, permit: IndexPermit) -> Result<Self, IndexError> {
        let log = SqliteStore::open_beside(relay)?;
        let db = match open_file(path) {
            Ok(Some(db)) => db,
            // Of another version, or damaged: nothing in it is not in the documents.
            Ok(None) | Err(_) => {
                remove(path);
                open_file(path)?.ok_or(StoreError::Damaged("index"))?
            }
        };
        let seen = log.head()?;
        let mut index = Self { db, log, permit, seen, waiting: BTreeSet::new() };
        index.compare()?;
        Ok(index)
    }

    /// Looks for changes and indexes what has changed, at most `budget` documents. How many are left.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn catch_up(&mut self, budget: usize) -> Result<usize, IndexError> {
        loop {
            let rows = self.log.log_after(self.seen, LOG_PAGE)?;
            let Some((last, _, _)) = rows.last() else { break };
            self.seen = *last;
            self.waiting.extend(rows.iter().map(|(_, document, _)| *document));
        }
        let due: Vec<u32> = self.waiting.iter().take(budget).copied().collect();
        if !due.is_empty() {
            let transaction = self.db.transaction()?;
            for document in &due {
                fill::document(&transaction, &self.log, &self.permit, *document)?;
            }
            transaction.commit()?;
            self.waiting.retain(|document| !due.contains(document));
        }
        Ok(self.waiting.len())
    }

    /// As [`Self::catch_up`], for somebody who waits for all of it.
    ///
    /// # Errors
    /// [`IndexError::Behind`] if `budget` is not enough.
    pub fn be_current(&mut self, budget: usize) -> Result<(), IndexError> {
        match self.catch_up(budget)? {
            0 => Ok(()),
            left => Err(IndexError::Behind(left)),
        }
    }

    /// A document itself, as the log has it now, with its number; none if it was never begun.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn history(&self, descriptor: &DocumentDescriptor) -> Result<Option<(u32, DocumentHistory)>, IndexError> {
        let Some(entry) = self.log.document(&descriptor.id())? else { return Ok(None) };
        Ok(Some((entry.number, self.log.history(&self.permit, entry.number)?)))
    }

    /// What a document is about.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn descriptor(&self, document: u32) -> Result<DocumentDescriptor, IndexError> {
        Ok(self.log.document_by_number(document)?.descriptor)
    }

    /// When the relay took the newest change of a document.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn changed_at(&self, document: u32) -> Result<UnixMillis, IndexError> {
        Ok(Self::last_change_at(&self.log, document)?)
    }

    fn last_change_at(log: &SqliteStore, document: u32) -> Result<UnixMillis, StoreError> {
        use crate::store::LedgerStore;
        Ok(log.version(document, Position(i64::MAX as u64))?.last_change_at.unwrap_or_default())
    }

    /// Puts every document that is not indexed as it is now among those that wait, and forgets those that are gone.
    fn compare(&mut self) -> Result<(), IndexError> {
        let indexed: Vec<(u32, Vec<u8>)> = {
            let mut statement = self.db.prepare("SELECT number, fingerprint FROM document")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        let mut indexed: std::collections::HashMap<u32, Vec<u8>> = indexed.into_iter().collect();
        let mut waiting = BTreeSet::new();
        self.log.visit_documents(&mut |number, _, fingerprint| {
            if indexed.remove(&number).is_none_or(|known| known != fingerprint.to_bytes()) {
                waiting.insert(number);
            }
        })?;
        for gone in indexed.into_keys() {
            self.db.execute("DELETE FROM document WHERE number = ?1", [gone])?;
        }
        self.waiting = waiting;
        Ok(())
    }
}

/// Opens the file; none if it is of another form.
fn open_file(path: &Path) -> Result<Option<Connection>, rusqlite::Error> {
    let db = Connection::open(path)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // What is lost in a crash is indexed again.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // What a document does not say any more is not left in free pages.
    db.pragma_update(None, "secure_delete", true)?;
    db.set_prepared_statement_cache_capacity(64);
    let form: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if form == 0 {
        db.execute_batch(include_str!("schema.sql"))?;
        db.pragma_update(None, "user_version", FORM)?;
    }
    Ok((form == 0 || form == FORM).then_some(db))
}

/// Removes the index's files.
pub fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match std::fs::remove_file(PathBuf::from(file)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(%error, "a file of the FHIR index cannot be removed"),
        }
    }
}
