//! Sealing keys of devices, and what lies sealed on them.

use rusqlite::{Connection, OptionalExtension, params};
use sync_protocol::{DeviceId, SealingKey, UnixMillis};

use super::rows::bytes;
use super::runs;
use crate::store::{Position, StagedDocument, StoreError};

pub(super) fn sealing_key(db: &Connection, device: &DeviceId) -> Result<Option<SealingKey>, StoreError> {
    let mut statement = db.prepare_cached("SELECT key FROM sealing_key WHERE device = ?1")?;
    let key: Option<Vec<u8>> = statement.query_row([device.0], |row| row.get(0)).optional()?;
    key.map(|key| bytes("sealing key", &key).map(SealingKey)).transpose()
}

pub(super) fn set_sealing_key(db: &Connection, device: &DeviceId, key: &SealingKey) -> Result<(), StoreError> {
    let sql = "INSERT INTO sealing_key (device, key) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET key = ?2";
    db.execute(sql, params![device.0, key.0])?;
    Ok(())
}

pub(super) fn staged(db: &Connection, device: &DeviceId) -> Result<Vec<StagedDocument>, StoreError> {
    let sql = "SELECT document, position, at_ms, acknowledged FROM staged WHERE device = ?1 ORDER BY document";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([device.0], |row| {
        Ok(StagedDocument {
            document: row.get(0)?,
            upto: Position(row.get(1)?),
            at: UnixMillis(row.get(2)?),
            acknowledged: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn put_staged(db: &Connection, device: &DeviceId, staged: &StagedDocument) -> Result<(), StoreError> {
    let sql = "INSERT INTO staged (device, document, position, at_ms, acknowledged) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO UPDATE SET position = ?3, at_ms = ?4, acknowledged = ?5";
    let StagedDocument { document, upto, at, acknowledged } = staged;
    db.prepare_cached(sql)?.execute(params![device.0, document, upto.0, at.0, acknowledged])?;
    Ok(())
}

pub(super) fn remove_staged(db: &Connection, device: &DeviceId, document: u32) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM staged WHERE device = ?1 AND document = ?2")?
        .execute(params![device.0, document])?;
    Ok(())
}

pub(super) fn last_position(db: &Connection, document: u32) -> Result<Position, StoreError> {
    let sql = "SELECT coalesce(max(position), 0) FROM change_log WHERE document = ?1";
    let loose = Position(db.prepare_cached(sql)?.query_row([document], |row| row.get(0))?);
    Ok(loose.max(runs::packed_to(db, document)?))
}
