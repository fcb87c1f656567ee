//! Reads changes that stand in runs.

use rusqlite::{Connection, OptionalExtension, params};
use sync_protocol::{ChangeHash, DeviceId, UnixMillis};

use super::log::Page;
use crate::store::run_form::{unpack, unpack_facts};
use crate::store::{ChangeFacts, DocumentVersion, Position, StoreError, StoredChange};

/// The position of the newest change of a document that stands in a run; 0 for none.
pub(super) fn packed_to(db: &Connection, document: u32) -> Result<Position, StoreError> {
    let mut statement = db.prepare_cached("SELECT packed_to FROM document WHERE number = ?1")?;
    Ok(Position(statement.query_row([document], |row| row.get(0)).optional()?.unwrap_or_default()))
}

/// Adds the changes after a position to a page, one run after another.
pub(super) fn read(db: &Connection, document: u32, after: Position, page: &mut Page) -> Result<(), StoreError> {
    if packed_to(db, document)? <= after {
        return Ok(());
    }
    let sql = "SELECT facts, body FROM change_run WHERE document = ?1 AND last_position > ?2 ORDER BY last_position";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![document, after.0])?;
    while let Some(row) = rows.next()? {
        let changes = unpack(row.get_ref(0)?.as_blob().map_err(damaged)?, row.get_ref(1)?.as_blob().map_err(damaged)?)?;
        for change in changes.into_iter().filter(|change| change.fact.position > after) {
            if page.is_full() {
                return Ok(());
            }
            page.add(StoredChange { position: change.fact.position, actor: change.actor, payload: change.payload });
        }
    }
    Ok(())
}

fn damaged(_: rusqlite::types::FromSqlError) -> StoreError {
    StoreError::Damaged("run of changes")
}

pub(super) fn change(db: &Connection, document: u32, hash: &ChangeHash) -> Result<Option<ChangeFacts>, StoreError> {
    let sql = "SELECT position, max_op FROM run_change WHERE document = ?1 AND hash = ?2";
    let facts = |row: &rusqlite::Row<'_>| Ok(ChangeFacts { position: Position(row.get(0)?), max_op: row.get(1)? });
    Ok(db.prepare_cached(sql)?.query_row(params![document, hash.0], facts).optional()?)
}

pub(super) fn last_seq(db: &Connection, document: u32, actor: &[u8]) -> Result<u64, StoreError> {
    let sql = "SELECT seq FROM run_actor WHERE document = ?1 AND actor = ?2";
    let found = db.prepare_cached(sql)?.query_row(params![document, actor], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}

/// What stands in runs of a document up to a position; of one origin alone, if one is given.
pub(super) fn version(
    db: &Connection,
    document: u32,
    upto: Position,
    origin: Option<&DeviceId>,
) -> Result<DocumentVersion, StoreError> {
    let sql = "SELECT last_position, changes, last_received_ms, facts FROM change_run
               WHERE document = ?1 AND first_position <= ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![document, upto.0])?;
    let mut version = DocumentVersion::default();
    while let Some(row) = rows.next()? {
        if origin.is_none() && row.get::<_, u64>(0)? <= upto.0 {
            add(&mut version, row.get(1)?, UnixMillis(row.get(2)?));
            continue;
        }
        let facts = unpack_facts(row.get_ref(3)?.as_blob().map_err(damaged)?)?;
        let wanted = facts.iter().filter(|fact| fact.position <= upto && origin.is_none_or(|id| *id == fact.origin));
        wanted.for_each(|fact| add(&mut version, 1, fact.received_at));
    }
    Ok(version)
}

fn add(version: &mut DocumentVersion, changes: u64, last: UnixMillis) {
    version.changes += changes;
    version.last_change_at = version.last_change_at.max(Some(last));
}
