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
///
/// `removed`: whether there was anything to remove. What was not here needs no overwriting.
pub(crate) fn queue(
    db: &Connection,
    documents: &[DocumentId],
    wiped: bool,
    removed: bool,
    now: UnixMillis,
) -> Result<(), DeviceError> {
    let ids: Vec<u8> = documents.iter().flat_map(|document| document.0).collect();
    let same = "FROM purge_receipt WHERE documents = ?1 AND wiped = ?2";
    if removed {
        // An earlier one may be called clean already: this removal is later.
        db.prepare_cached(&format!("DELETE {same}"))?.execute(params![ids, wiped])?;
    } else if db.prepare_cached(&format!("SELECT 1 {same}"))?.exists(params![ids, wiped])? {
        return Ok(());
    }
    let clean = !removed && newest_unclean(db)?.is_none();
    db.prepare_cached("INSERT INTO purge_receipt (documents, wiped, purged_ms, clean) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![ids, wiped, now.0, clean])?;
    Ok(())
}

/// The newest receipt of which something may still linger in the file or its log; none if there is none.
pub(crate) fn newest_unclean(db: &Connection) -> Result<Option<u64>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT max(receipt) FROM purge_receipt WHERE clean = 0")?;
    let newest: Option<i64> = statement.query_row([], |row| row.get(0))?;
    Ok(newest.map(i64::unsigned_abs))
}

/// The file was rewritten and its log cut after what the receipts up to `through` speak of. Another process may have
/// removed more since.
pub(crate) fn set_clean(db: &Connection, through: u64) -> Result<(), DeviceError> {
    let sql = "UPDATE purge_receipt SET clean = 1 WHERE clean = 0 AND receipt <= ?1";
    db.execute(sql, [i64::try_from(through).unwrap_or(i64::MAX)])?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1);

    fn stated(db: &Connection) -> Vec<DocumentId> {
        let mut stated = Vec::new();
        let mut after = 0;
        while let Some(receipt) = next(db, after).unwrap() {
            after = receipt.number;
            stated.extend(receipt.documents);
        }
        stated
    }

    #[test]
    fn what_another_process_removed_meanwhile_is_not_called_clean() {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = crate::store::open(folder.path(), None, NOW).unwrap();
        let [first, second] = [DocumentId([1; 16]), DocumentId([2; 16])];
        queue(&db, &[first], false, true, NOW).unwrap();
        let through = newest_unclean(&db).unwrap().unwrap();
        queue(&db, &[second], false, true, NOW).unwrap();
        set_clean(&db, through).unwrap();
        assert_eq!(stated(&db), [first]);
        // Delivered anew and removed again, before the relay knew of the first time.
        queue(&db, &[first], false, true, NOW).unwrap();
        assert!(stated(&db).is_empty());
        assert_eq!(count(&db).unwrap(), 2);
    }

    #[test]
    fn what_was_not_here_is_stated_at_once_unless_it_may_linger_from_before() {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = crate::store::open(folder.path(), None, NOW).unwrap();
        let [first, second, third] = [1, 2, 3].map(|n| DocumentId([n; 16]));
        queue(&db, &[first], false, false, NOW).unwrap();
        assert_eq!(stated(&db), [first]);
        queue(&db, &[second], false, true, NOW).unwrap();
        queue(&db, &[third, second], false, false, NOW).unwrap();
        assert_eq!(stated(&db), [first]);
    }
}
