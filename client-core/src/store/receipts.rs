//! Receipts that are owed to the relay: what was removed here, until the relay has said that it knows.

use rusqlite::{Connection, OptionalExtension, params};
use sync_protocol::{DocumentId, UnixMillis};

use super::unreadable;
use crate::DeviceError;

/// A receipt that may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) number: u64,
    pub(crate) documents: Vec<DocumentId>,
    pub(crate) wiped: bool,
    pub(crate) purged_at: UnixMillis,
}

/// Queues a receipt, inside the transaction of the removal. One that is owed already for just these is not doubled.
pub(crate) fn queue(
    db: &Connection,
    documents: &[DocumentId],
    wiped: bool,
    now: UnixMillis,
) -> Result<(), DeviceError> {
    let ids: Vec<u8> = documents.iter().flat_map(|document| document.0).collect();
    let owed = db
        .prepare_cached("SELECT 1 FROM purge_receipt WHERE documents = ?1 AND wiped = ?2")?
        .exists(params![ids, wiped])?;
    if !owed {
        db.prepare_cached("INSERT INTO purge_receipt (documents, wiped, purged_ms) VALUES (?1, ?2, ?3)")?
            .execute(params![ids, wiped, now.0])?;
    }
    Ok(())
}

/// Whether what a receipt speaks of may still linger in the write-ahead log.
pub(crate) fn any_unclean(db: &Connection) -> Result<bool, DeviceError> {
    Ok(db.prepare_cached("SELECT 1 FROM purge_receipt WHERE clean = 0 LIMIT 1")?.exists([])?)
}

/// The log was cut after every removal so far.
pub(crate) fn set_clean(db: &Connection) -> Result<(), DeviceError> {
    db.execute("UPDATE purge_receipt SET clean = 1 WHERE clean = 0", [])?;
    Ok(())
}

/// The next receipt after number `after` that holds true; none if there is no more.
pub(crate) fn next(db: &Connection, after: u64) -> Result<Option<Receipt>, DeviceError> {
    let sql = "SELECT receipt, documents, wiped, purged_ms FROM purge_receipt WHERE clean = 1 AND receipt > ?1
               ORDER BY receipt LIMIT 1";
    let row = db
        .prepare_cached(sql)?
        .query_row([i64::try_from(after).unwrap_or(i64::MAX)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((number, ids, wiped, purged_ms)) = row else { return Ok(None) };
    let (ids, rest) = ids.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(unreadable("reading a receipt"));
    }
    let documents = ids.iter().map(|id| DocumentId(*id)).collect();
    Ok(Some(Receipt { number: number.unsigned_abs(), documents, wiped, purged_at: UnixMillis(purged_ms) }))
}

/// The relay has a receipt. True if it was the one that everything was erased.
pub(crate) fn kept(db: &Connection, number: u64) -> Result<bool, DeviceError> {
    let sql = "DELETE FROM purge_receipt WHERE receipt = ?1 RETURNING wiped";
    let wiped = db.query_row(sql, [i64::try_from(number).unwrap_or(i64::MAX)], |row| row.get(0)).optional()?;
    Ok(wiped.unwrap_or(false))
}

pub(crate) fn count(db: &Connection) -> Result<u64, DeviceError> {
    let count: i64 = db.query_row("SELECT count(*) FROM purge_receipt", [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
