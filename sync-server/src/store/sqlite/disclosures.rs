//! Which version of which document went to which device.

use roaring::RoaringBitmap;
use rusqlite::{Connection, params};
use sync_protocol::{DeviceId, UnixMillis};

use super::rows::bytes;
use super::runs;
use crate::store::{Disclosed, DisclosureRow, DocumentVersion, Position, SentUpTo, StoreError};

pub(super) fn add(db: &Connection, device: &DeviceId, row: u64, documents: &[Disclosed]) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO disclosure (document, row, device, upto, break_glass, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT DO UPDATE SET upto = max(upto, ?4)";
    let mut statement = db.prepare_cached(sql)?;
    for one in documents {
        statement.execute(params![one.document, row, device.0, one.upto.0, one.break_glass, one.sealed])?;
    }
    Ok(())
}

pub(super) fn laid_sealed(db: &Connection, device: &DeviceId) -> Result<RoaringBitmap, StoreError> {
    let mut statement = db.prepare_cached("SELECT DISTINCT document FROM disclosure WHERE device = ?1 AND sealed")?;
    let documents = statement.query_map([device.0], |row| row.get::<_, u32>(0))?;
    Ok(documents.collect::<Result<_, _>>()?)
}

pub(super) fn sent_to(db: &Connection, device: &DeviceId) -> Result<Vec<SentUpTo>, StoreError> {
    let sql = "SELECT document, max(upto), max(iif(acknowledgement.row IS NULL, NULL, upto)), max(break_glass)
               FROM disclosure LEFT JOIN acknowledgement ON acknowledgement.row = disclosure.row
               WHERE device = ?1 AND NOT sealed GROUP BY document ORDER BY document";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([device.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(SentUpTo {
            document: row.get(0)?,
            sent: Position(row.get(1)?),
            acknowledged: row.get::<_, Option<u64>>(2)?.map(Position),
            break_glass: row.get(3)?,
        });
    }
    Ok(found)
}

pub(super) fn of(db: &Connection, document: u32, after: u64, limit: usize) -> Result<Vec<DisclosureRow>, StoreError> {
    let sql =
        "SELECT disclosure.row, disclosure.device, upto, break_glass, sealed, audit.at_ms, practitioner, organization,
                 acknowledgement.at_ms
               FROM disclosure JOIN audit ON audit.seq = disclosure.row
                 LEFT JOIN acknowledgement ON acknowledgement.row = disclosure.row
               WHERE document = ?1 AND disclosure.row > ?2 ORDER BY disclosure.row LIMIT ?3";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![document, after, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(DisclosureRow {
            row: row.get(0)?,
            device: DeviceId(bytes("device id", &row.get::<_, Vec<u8>>(1)?)?),
            disclosed: Disclosed {
                document,
                upto: Position(row.get(2)?),
                break_glass: row.get(3)?,
                sealed: row.get(4)?,
            },
            at: UnixMillis(row.get(5)?),
            practitioner: row.get(6)?,
            organization: row.get(7)?,
            acknowledged_at: row.get::<_, Option<i64>>(8)?.map(UnixMillis),
        });
    }
    Ok(found)
}

pub(super) fn one(db: &Connection, document: u32, row: u64) -> Result<Option<(DeviceId, Position)>, StoreError> {
    let mut statement = db.prepare_cached("SELECT device, upto FROM disclosure WHERE document = ?1 AND row = ?2")?;
    let mut rows = statement.query(params![document, row])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((DeviceId(bytes("device id", &row.get::<_, Vec<u8>>(0)?)?), Position(row.get(1)?))))
}

pub(super) fn version(
    db: &Connection,
    document: u32,
    upto: Position,
    origin: Option<&DeviceId>,
) -> Result<DocumentVersion, StoreError> {
    // `INDEXED BY` the document: its changes are few, the log is long.
    let sql = "SELECT count(*), max(received_at_ms) FROM change_log INDEXED BY change_by_hash
               WHERE document = ?1 AND position <= ?2 AND (?3 IS NULL OR origin = ?3)";
    let mut statement = db.prepare_cached(sql)?;
    let loose = statement.query_row(params![document, upto.0, origin.map(|id| id.0)], |row| {
        Ok(DocumentVersion { changes: row.get(0)?, last_change_at: row.get::<_, Option<i64>>(1)?.map(UnixMillis) })
    })?;
    let packed = runs::version(db, document, upto, origin)?;
    Ok(DocumentVersion {
        changes: loose.changes + packed.changes,
        last_change_at: loose.last_change_at.max(packed.last_change_at),
    })
}
