//! Older changes of long documents in their saved form, so that opening one does not go through its changes one by one.
//!
//! Invariant: a change is either a row of `change` or in the saved form of its document, never in both; what the relay may
//! still ask about (the outbox) is always a row.

use clinical_record::{EncodedChange, RecordDocument};
use rusqlite::{Connection, OptionalExtension, params};
use sync_protocol::ChangeHash;

use super::bytes;
use super::changes::StoredChange;
use crate::DeviceError;

/// The saved form of a document's older changes, if it has one.
pub(crate) fn saved(db: &Connection, document: i64) -> Result<Option<Vec<u8>>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT body FROM saved_history WHERE document = ?1")?;
    Ok(statement.query_row([document], |row| row.get(0)).optional()?)
}

/// Whether a change is in the saved form.
pub(crate) fn has(db: &Connection, document: i64, hash: &ChangeHash) -> Result<bool, DeviceError> {
    let mut statement = db.prepare_cached("SELECT 1 FROM saved_change WHERE document = ?1 AND hash = ?2")?;
    Ok(statement.exists(params![document, hash.0])?)
}

/// The changes of the saved form, each after those it builds on.
pub(crate) fn changes(db: &Connection, document: i64) -> Result<Vec<StoredChange>, DeviceError> {
    let Some(saved) = saved(db, document)? else { return Ok(Vec::new()) };
    let changes = RecordDocument::load_saved(&saved)?.changes_since(&[])?;
    let stored = |change: EncodedChange| StoredChange { hash: ChangeHash(change.meta.hash), payload: change.bytes };
    Ok(changes.into_iter().map(stored).collect())
}

/// Their hashes, each after those it builds on.
pub(crate) fn hashes(db: &Connection, document: i64) -> Result<Vec<ChangeHash>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT hash FROM saved_change WHERE document = ?1 ORDER BY place")?;
    let rows = statement.query_map([document], |row| bytes(row, 0).map(ChangeHash))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Documents with at least `least` changes as rows that the relay has, and at least a part (one in `share`) of what its
/// saved form holds: saving takes time with the whole history, so it is not done for every few.
pub(crate) fn longest(db: &Connection, least: u32, share: u32) -> Result<Vec<i64>, DeviceError> {
    let sql = "SELECT change.document FROM change
               JOIN document ON document.number = change.document AND document.unreadable IS NULL
               LEFT JOIN saved_history ON saved_history.document = change.document
               WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.change = change.number)
               GROUP BY change.document
               HAVING count(*) >= max(?1, coalesce(max(saved_history.changes), 0) / ?2)
               ORDER BY count(*) DESC";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([least, share], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Changes of a document that are rows and that the relay has, oldest first, at most `limit`: row and payload.
pub(crate) fn to_save(db: &Connection, document: i64, limit: usize) -> Result<Vec<(i64, Vec<u8>)>, DeviceError> {
    let mut statement = db.prepare_cached(
        "SELECT number, payload FROM change WHERE document = ?1
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.change = change.number) ORDER BY number LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map([document, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether these are exactly the rows that [`to_save`] would give, or the first of them.
pub(crate) fn all_to_save(db: &Connection, document: i64, rows: &[i64]) -> Result<bool, DeviceError> {
    let mut statement = db.prepare_cached(
        "SELECT number FROM change WHERE document = ?1
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.change = change.number) ORDER BY number",
    )?;
    let found = statement.query_map([document], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    Ok(found.starts_with(rows))
}

/// How many changes the saved form holds.
pub(crate) fn count(db: &Connection, document: i64) -> Result<usize, DeviceError> {
    let mut statement = db.prepare_cached("SELECT changes FROM saved_history WHERE document = ?1")?;
    let count: Option<i64> = statement.query_row([document], |row| row.get(0)).optional()?;
    Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or_default())
}

/// Puts a saved form in the place of these rows and of the form before it. `changes`: how many it holds.
pub(crate) fn put(
    db: &Connection,
    document: i64,
    saved: &[u8],
    changes: usize,
    rows: &[i64],
) -> Result<(), DeviceError> {
    let changes = i64::try_from(changes).unwrap_or(i64::MAX);
    let place: i64 =
        db.query_row("SELECT coalesce(max(place), 0) FROM saved_change WHERE document = ?1", [document], |row| {
            row.get(0)
        })?;
    let mut note = db.prepare_cached(
        "INSERT INTO saved_change (document, hash, place) SELECT document, hash, ?2 FROM change WHERE number = ?1",
    )?;
    let mut remove = db.prepare_cached("DELETE FROM change WHERE number = ?1")?;
    for (later, row) in rows.iter().enumerate() {
        note.execute(params![row, place + 1 + later as i64])?;
        remove.execute([row])?;
    }
    db.prepare_cached("INSERT OR REPLACE INTO saved_history (document, changes, body) VALUES (?1, ?2, ?3)")?
        .execute(params![document, changes, saved])?;
    Ok(())
}

/// Removes all of it, of a document that may no longer be had.
pub(crate) fn forget_document(db: &Connection, document: i64) -> Result<(), DeviceError> {
    db.execute("DELETE FROM saved_history WHERE document = ?1", [document])?;
    db.execute("DELETE FROM saved_change WHERE document = ?1", [document])?;
    Ok(())
}
