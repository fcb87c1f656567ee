//! Packs loose changes into runs and puts these in their place.

use rusqlite::{Connection, Row, params};
use sha2::{Digest, Sha256};
use sync_protocol::{ChangeHash, DeviceId, UnixMillis};

use super::rows::bytes;
use crate::store::run_form::{MAX_RUN_CHANGES, RUN_BYTES, RunChange, RunFact, pack as pack_changes, unpack};
use crate::store::{PackedRun, Packing, Position, StoreError};

/// Bytes of a change's chunk before what its hash is over: magic and checksum.
const HASHED_FROM: usize = 8;

pub(super) fn crowded(db: &Connection, packing: &Packing, limit: usize) -> Result<Vec<u32>, StoreError> {
    // Written out, not bound: only so does the partial index serve.
    let sql = format!("SELECT number FROM document WHERE loose >= {} ORDER BY loose DESC LIMIT ?1", packing.from);
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([limit], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn pack(db: &Connection, document: u32, packing: &Packing) -> Result<Option<PackedRun>, StoreError> {
    let loose: u32 =
        db.prepare_cached("SELECT loose FROM document WHERE number = ?1")?.query_row([document], |row| row.get(0))?;
    if loose < packing.from.max(packing.keep.saturating_add(1)) {
        return Ok(None);
    }
    let room = ((loose - packing.keep) as usize).min(packing.changes).min(MAX_RUN_CHANGES);
    let Oldest { rows, changes } = oldest(db, document, room)?;
    if changes.is_empty() {
        return Ok(None);
    }
    let (facts, body) = pack_changes(&changes)?;
    if unpack(&facts, &body)? != changes {
        return Err(StoreError::Damaged("run of changes"));
    }
    let last_received_ms = changes.iter().map(|change| change.fact.received_at.0).max().unwrap_or_default();
    let unpacked_bytes = changes.iter().map(|change| change.payload.len()).sum();
    Ok(Some(PackedRun { document, rows, last_received_ms, facts, body, unpacked_bytes }))
}

/// Loose changes of a document, oldest first, and what names each.
#[derive(Default)]
struct Oldest {
    rows: Vec<(Position, ChangeHash)>,
    changes: Vec<RunChange>,
}

/// The oldest loose changes of a document, at most `limit` and as many bytes as a run takes. Each is what its hash says.
fn oldest(db: &Connection, document: u32, limit: usize) -> Result<Oldest, StoreError> {
    // The positions first, out of the index alone: sorting the changes of a long document would take all of them along.
    // Not the newest of the log: its position would be given again.
    let sql = "WITH oldest AS MATERIALIZED (
                   SELECT position FROM change_log INDEXED BY change_by_hash
                   WHERE document = ?1 AND position < (SELECT max(position) FROM change_log)
                   ORDER BY position LIMIT ?2)
               SELECT position, hash, actor, origin, received_at_ms, payload
               FROM oldest CROSS JOIN change_log USING (position) ORDER BY position";
    let mut statement = db.prepare_cached(sql)?;
    let mut found = statement.query(params![document, limit])?;
    let (mut oldest, mut size) = (Oldest::default(), 0);
    while size < RUN_BYTES
        && let Some(row) = found.next()?
    {
        let (hash, change) = read(row)?;
        size += change.payload.len();
        oldest.rows.push((change.fact.position, hash));
        oldest.changes.push(change);
    }
    Ok(oldest)
}

fn read(row: &Row<'_>) -> Result<(ChangeHash, RunChange), StoreError> {
    let hash = ChangeHash(bytes("change hash", &row.get::<_, Vec<u8>>(1)?)?);
    let fact = RunFact {
        position: Position(row.get(0)?),
        origin: DeviceId(bytes("device id", &row.get::<_, Vec<u8>>(3)?)?),
        received_at: UnixMillis(row.get(4)?),
    };
    let payload: Vec<u8> = row.get(5)?;
    let hashed = payload.get(HASHED_FROM..).map(Sha256::digest);
    if hashed.is_none_or(|digest| digest[..] != hash.0) {
        return Err(StoreError::Damaged("change"));
    }
    Ok((hash, RunChange { fact, actor: row.get(2)?, payload }))
}

pub(super) fn put_run(db: &Connection, run: &PackedRun) -> Result<bool, StoreError> {
    let (Some((first, _)), Some((last, _))) = (run.rows.first(), run.rows.last()) else { return Ok(false) };
    let place = params![run.document, first.0, last.0];
    if !stands_for_the_oldest(db, run, *last)? {
        return Ok(false);
    }
    let sql = "INSERT INTO change_run (document, first_position, last_position, changes, last_received_ms, facts, body)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let values = params![run.document, first.0, last.0, run.rows.len(), run.last_received_ms, run.facts, run.body];
    db.prepare_cached(sql)?.execute(values)?;
    for sql in [
        "INSERT OR IGNORE INTO run_origin (device)
         SELECT DISTINCT origin FROM change_log INDEXED BY change_by_hash
         WHERE document = ?1 AND position BETWEEN ?2 AND ?3",
        "INSERT INTO run_position (position, document, origin)
         SELECT position, document, run_origin.number
         FROM change_log INDEXED BY change_by_hash JOIN run_origin ON run_origin.device = origin
         WHERE document = ?1 AND position BETWEEN ?2 AND ?3",
        "INSERT INTO run_change (document, hash, position, max_op)
         SELECT document, hash, position, max_op FROM change_log INDEXED BY change_by_hash
         WHERE document = ?1 AND position BETWEEN ?2 AND ?3",
        "INSERT INTO run_actor (document, actor, seq)
         SELECT document, actor, max(seq) FROM change_log INDEXED BY change_by_hash
         WHERE document = ?1 AND position BETWEEN ?2 AND ?3 GROUP BY actor
         ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)",
        "DELETE FROM change_log WHERE position IN (
             SELECT position FROM change_log INDEXED BY change_by_hash
             WHERE document = ?1 AND position BETWEEN ?2 AND ?3)",
    ] {
        db.prepare_cached(sql)?.execute(place)?;
    }
    let sql = "UPDATE document SET loose = loose - ?2, packed_to = ?3 WHERE number = ?1";
    db.prepare_cached(sql)?.execute(params![run.document, run.rows.len(), last.0])?;
    Ok(true)
}

/// Whether the loose changes of a document up to a position are exactly those of the run.
fn stands_for_the_oldest(db: &Connection, run: &PackedRun, last: Position) -> Result<bool, StoreError> {
    let newest: u64 = db.query_row("SELECT coalesce(max(position), 0) FROM change_log", [], |row| row.get(0))?;
    if newest <= last.0 {
        return Ok(false);
    }
    let sql = "SELECT position, hash FROM change_log INDEXED BY change_by_hash
               WHERE document = ?1 AND position <= ?2 ORDER BY position";
    let mut statement = db.prepare_cached(sql)?;
    let mut found = statement.query(params![run.document, last.0])?;
    let mut expected = run.rows.iter();
    while let Some(row) = found.next()? {
        let here = (Position(row.get(0)?), ChangeHash(bytes("change hash", &row.get::<_, Vec<u8>>(1)?)?));
        if expected.next() != Some(&here) {
            return Ok(false);
        }
    }
    Ok(expected.next().is_none())
}
