//! Where the sync stands.

use rusqlite::{Connection, params};
use serde_bytes::ByteBuf;
use sync_protocol::frame::{Cursor, Resume};
use sync_protocol::{EpochId, UnixMillis};

use crate::DeviceError;

/// What status shows of past syncs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SyncRecord {
    pub(crate) last_synced: Option<UnixMillis>,
    pub(crate) clock_skew_ms: Option<i64>,
    pub(crate) diverged: bool,
}

/// What to resume with.
pub(crate) fn resume(db: &Connection) -> Result<Resume, DeviceError> {
    let row = db.query_row("SELECT cursor, epoch, compare_next FROM sync_state", [], |row| {
        Ok((row.get::<_, Option<Vec<u8>>>(0)?, row.get::<_, Option<[u8; 16]>>(1)?, row.get(2)?))
    });
    let (cursor, epoch, compare) = row?;
    Ok(Resume { cursor: cursor.map(|bytes| Cursor(ByteBuf::from(bytes))), epoch: epoch.map(EpochId), compare })
}

/// Stores where to go on, with the epoch that the cursor belongs to.
pub(crate) fn set_cursor(db: &Connection, cursor: &Cursor, epoch: &EpochId) -> Result<(), DeviceError> {
    db.prepare_cached("UPDATE sync_state SET cursor = ?1, epoch = ?2")?
        .execute(params![cursor.0.as_slice(), epoch.0])?;
    Ok(())
}

pub(crate) fn record(db: &Connection) -> Result<SyncRecord, DeviceError> {
    let mut statement = db.prepare_cached("SELECT last_synced_ms, clock_skew_ms, diverged FROM sync_state")?;
    Ok(statement.query_row([], |row| {
        Ok(SyncRecord {
            last_synced: row.get::<_, Option<i64>>(0)?.map(UnixMillis),
            clock_skew_ms: row.get(1)?,
            diverged: row.get(2)?,
        })
    })?)
}

pub(crate) fn set_clock_skew(db: &Connection, skew_ms: i64) -> Result<(), DeviceError> {
    db.execute("UPDATE sync_state SET clock_skew_ms = ?1", [skew_ms])?;
    Ok(())
}

/// Device and relay were found to agree.
pub(crate) fn agreed(db: &Connection, now: UnixMillis) -> Result<(), DeviceError> {
    let sql = "UPDATE sync_state SET last_synced_ms = ?1, compare_next = 0, diverged = 0";
    db.prepare_cached(sql)?.execute([now.0])?;
    Ok(())
}

/// Device and relay were found to differ: the next resume compares everything.
pub(crate) fn disagreed(db: &Connection, diverged: bool) -> Result<(), DeviceError> {
    db.execute("UPDATE sync_state SET compare_next = ?2, diverged = ?1", params![diverged, !diverged])?;
    Ok(())
}
