//! The change log of each document, and the signatures that vouch for it. Append only, in causal order.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};
use sync_protocol::identity::ChangeSignature;
use sync_protocol::{AuthorId, ChangeHash, Signature, UnixMillis};

use super::{bytes, histories, outbox};
use crate::DeviceError;

/// What a change of a saved form is reckoned at: the smallest take about as much on their own.
const SAVED_CHANGE_BYTES: usize = 150;

/// A change as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredChange {
    pub(crate) hash: ChangeHash,
    pub(crate) payload: Vec<u8>,
}

/// Appends a change; gives its row. The caller has made sure that it is not there and that what it builds on is.
pub(crate) fn append(
    db: &Connection,
    document: i64,
    hash: &ChangeHash,
    actor: &[u8],
    payload: &[u8],
    now: UnixMillis,
) -> Result<i64, DeviceError> {
    db.prepare_cached("INSERT INTO change (document, hash, actor, payload, stored_ms) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![document, hash.0, actor, payload, now.0])?;
    Ok(db.last_insert_rowid())
}

pub(crate) fn has(db: &Connection, document: i64, hash: &ChangeHash) -> Result<bool, DeviceError> {
    let mut statement = db.prepare_cached("SELECT 1 FROM change WHERE document = ?1 AND hash = ?2")?;
    Ok(statement.exists(params![document, hash.0])? || histories::has(db, document, hash)?)
}

/// All changes of a document, each after those it builds on.
pub(crate) fn of_document(db: &Connection, document: i64) -> Result<Vec<StoredChange>, DeviceError> {
    let mut changes = histories::changes(db, document)?;
    changes.extend(loose_of_document(db, document)?);
    Ok(changes)
}

/// The changes of a document that are not in its saved form, each after those it builds on.
pub(crate) fn loose_of_document(db: &Connection, document: i64) -> Result<Vec<StoredChange>, DeviceError> {
    collect(db, "SELECT hash, payload FROM change WHERE document = ?1 ORDER BY number", document)
}

/// What a document consists of: its newest change that is a row, the number of that, how many rows there are and how many
/// changes its saved form holds. While none of it differs, nothing came and nothing went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    newest: Option<(ChangeHash, i64)>,
    rows: i64,
    saved: usize,
}

/// The mark of a document as it is now.
pub(crate) fn mark(db: &Connection, document: i64) -> Result<Mark, DeviceError> {
    // Beside max(), a column is that of the row which has it: a rule of SQLite's.
    let sql = "SELECT max(number), hash, count(*) FROM change WHERE document = ?1 GROUP BY document";
    let mut statement = db.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| Ok(((ChangeHash(bytes(row, 1)?), row.get(0)?), row.get(2)?));
    let (newest, rows) = statement.query_row([document], read).optional()?.unzip();
    Ok(Mark { newest, rows: rows.unwrap_or(0), saved: histories::count(db, document)? })
}

/// About how many bytes a document's changes come to, those in its saved form included.
pub(crate) fn payload_bytes(db: &Connection, document: i64) -> Result<usize, DeviceError> {
    let sql = "SELECT coalesce(sum(length(payload)), 0) FROM change WHERE document = ?1";
    let rows: i64 = db.prepare_cached(sql)?.query_row([document], |row| row.get(0))?;
    Ok(usize::try_from(rows).unwrap_or_default() + histories::count(db, document)? * SAVED_CHANGE_BYTES)
}

/// The hashes of all changes of a document, each after those it builds on.
pub(crate) fn hashes_of_document(db: &Connection, document: i64) -> Result<Vec<ChangeHash>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT hash FROM change WHERE document = ?1 ORDER BY number")?;
    let rows = statement.query_map([document], |row| bytes(row, 0).map(ChangeHash))?;
    let mut hashes = histories::hashes(db, document)?;
    for hash in rows {
        hashes.push(hash?);
    }
    Ok(hashes)
}

/// As [`of_document`], without those that the relay does not have.
pub(crate) fn shared_of_document(db: &Connection, document: i64) -> Result<Vec<StoredChange>, DeviceError> {
    let sql = "SELECT hash, payload FROM change WHERE document = ?1
               AND number NOT IN (SELECT change FROM outbox WHERE outbox.document = ?1) ORDER BY number";
    let mut changes = histories::changes(db, document)?;
    changes.extend(collect(db, sql, document)?);
    Ok(changes)
}

fn collect(db: &Connection, sql: &str, document: i64) -> Result<Vec<StoredChange>, DeviceError> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement
        .query_map([document], |row| Ok(StoredChange { hash: ChangeHash(bytes(row, 0)?), payload: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets the unsent changes of a document, which are made anew under another actor id.
pub(crate) fn forget_unsent(db: &Connection, document: i64) -> Result<(), DeviceError> {
    db.execute("CREATE TEMP TABLE IF NOT EXISTS unsent (change INTEGER)", [])?;
    db.execute("DELETE FROM unsent", [])?;
    db.execute("INSERT INTO unsent SELECT change FROM outbox WHERE document = ?1", [document])?;
    db.execute("DELETE FROM outbox WHERE document = ?1", [document])?;
    db.execute("DELETE FROM change WHERE number IN (SELECT change FROM unsent)", [])?;
    Ok(())
}

/// Forgets these changes of a document, in the outbox too.
pub(crate) fn forget(db: &Connection, document: i64, hashes: &HashSet<ChangeHash>) -> Result<(), DeviceError> {
    for hash in hashes {
        outbox::remove(db, document, hash)?;
        db.prepare_cached("DELETE FROM change WHERE document = ?1 AND hash = ?2")?
            .execute(params![document, hash.0])?;
    }
    Ok(())
}

/// Keeps a signature if it is the newest of its actor.
pub(crate) fn keep_signature(
    db: &Connection,
    document: i64,
    actor: &[u8],
    seq: u64,
    signature: &ChangeSignature,
) -> Result<(), DeviceError> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    db.prepare_cached(
        "INSERT INTO author_signature (document, actor, seq, tip, signature) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (document, actor) DO UPDATE SET seq = ?3, tip = ?4, signature = ?5 WHERE ?3 >= seq",
    )?
    .execute(params![document, actor, seq, signature.tip.0, signature.signature.0])?;
    Ok(())
}

/// The newest signature of each actor of a document.
pub(crate) fn signatures(db: &Connection, document: i64) -> Result<Vec<ChangeSignature>, DeviceError> {
    let mut statement =
        db.prepare_cached("SELECT actor, tip, signature FROM author_signature WHERE document = ?1 ORDER BY actor")?;
    let rows = statement.query_map([document], |row| {
        let actor: Vec<u8> = row.get(0)?;
        Ok((actor, ChangeHash(bytes(row, 1)?), Signature(bytes(row, 2)?)))
    })?;
    let mut signatures = Vec::new();
    for row in rows {
        let (actor, tip, signature) = row?;
        if let Some(author) = AuthorId::of_actor(&actor) {
            signatures.push(ChangeSignature { author, tip, signature });
        }
    }
    Ok(signatures)
}

/// Forgets an author's signatures in a document, when the changes they are over are made anew.
pub(crate) fn forget_signatures(db: &Connection, document: i64, author: &AuthorId) -> Result<(), DeviceError> {
    db.execute(
        "DELETE FROM author_signature WHERE document = ?1 AND substr(actor, 1, 16) = ?2",
        params![document, author.0],
    )?;
    Ok(())
}

/// Removes the whole log of a document that may no longer be had.
pub(crate) fn forget_document(db: &Connection, document: i64) -> Result<(), DeviceError> {
    db.execute("DELETE FROM author_signature WHERE document = ?1", [document])?;
    db.execute("DELETE FROM change WHERE document = ?1", [document])?;
    histories::forget_document(db, document)
}
