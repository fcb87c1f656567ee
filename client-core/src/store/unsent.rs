//! What only this device has, counted: for who looks after a tablet and may not read what is on it.

use rusqlite::Connection;
use sync_protocol::UnixMillis;

use super::trail;
use crate::DeviceError;

/// Numbers alone: never a patient, a document or a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnsentCounts {
    pub(crate) changes: u64,
    pub(crate) drafts: u64,
    pub(crate) held: u64,
    pub(crate) trail: u64,
    pub(crate) receipts: u64,
    pub(crate) oldest_saved_at: Option<UnixMillis>,
}

const COUNTS: &str = "
    SELECT (SELECT count(*) FROM outbox WHERE state = 'queued') + (SELECT count(*) FROM kept_work WHERE state = 'queued'),
           (SELECT count(*) FROM draft),
           (SELECT count(*) FROM outbox WHERE state IN ('custody', 'refused'))
               + (SELECT count(*) FROM kept_work WHERE state <> 'queued'),
           (SELECT count(*) FROM purge_receipt),
           (SELECT min(saved) FROM (
               SELECT * FROM (SELECT queued_ms AS saved FROM outbox ORDER BY seq LIMIT 1)
               UNION ALL SELECT min(made_ms) FROM kept_work
               UNION ALL SELECT min(made_ms) FROM draft))";

/// Counts it.
pub(crate) fn counts(db: &Connection) -> Result<UnsentCounts, DeviceError> {
    let standing = trail::standing(db)?;
    let mut counts = db.prepare_cached(COUNTS)?.query_row([], |row| {
        let at = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
        Ok(UnsentCounts {
            changes: at(0)?,
            drafts: at(1)?,
            held: at(2)?,
            trail: 0,
            receipts: at(3)?,
            oldest_saved_at: row.get::<_, Option<i64>>(4)?.map(UnixMillis),
        })
    })?;
    counts.trail = standing.newest.saturating_sub(standing.kept_through);
    Ok(counts)
}
