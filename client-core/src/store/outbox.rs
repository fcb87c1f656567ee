//! Outbox: changes made here that are not in the relay's log.
//!
//! Invariant: a row exists exactly while its change is committed here and not acknowledged as stored by the relay.

use std::collections::HashSet;

use rusqlite::{Connection, Row, params};
use sync_protocol::{ChangeHash, DocumentId, OrganizationId, PatientId, UnixMillis};

use super::{bytes, unreadable};
use crate::{ChartRef, DeviceError};

/// What became of a change so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutboxState {
    /// To be sent, or sent and not answered.
    Queued,
    /// With the relay, but kept from others until a privacy officer has decided.
    Custody,
    /// The relay does not take it.
    Refused,
}

impl OutboxState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Custody => "custody",
            Self::Refused => "refused",
        }
    }

    fn parse(text: &str) -> Result<Self, DeviceError> {
        [Self::Queued, Self::Custody, Self::Refused]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| unreadable("reading the outbox"))
    }
}

/// A change to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Unsent {
    pub(crate) seq: i64,
    pub(crate) document: i64,
    pub(crate) hash: ChangeHash,
    pub(crate) payload: Vec<u8>,
}

/// A change that is not in the relay's log, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) document: DocumentId,
    pub(crate) hash: ChangeHash,
    pub(crate) chart: Option<ChartRef>,
    pub(crate) queued_at: UnixMillis,
    pub(crate) state: OutboxState,
    pub(crate) reason: Option<String>,
}

/// Queues a change inside the caller's transaction.
pub(crate) fn enqueue(db: &Connection, document: i64, change: i64, now: UnixMillis) -> Result<(), DeviceError> {
    db.prepare_cached("INSERT INTO outbox (document, change, queued_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![document, change, now.0])?;
    Ok(())
}

/// Queued changes after `after`, oldest first, at most `limit`, ending once their payloads reach `bytes_target`.
pub(crate) fn next(db: &Connection, after: i64, limit: usize, bytes_target: usize) -> Result<Vec<Unsent>, DeviceError> {
    let mut statement = db.prepare_cached(
        "SELECT outbox.seq, outbox.document, change.hash, change.payload
         FROM outbox JOIN change ON change.number = outbox.change
         WHERE outbox.state = 'queued' AND outbox.seq > ?1 ORDER BY outbox.seq LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let (mut unsent, mut size) = (Vec::new(), 0);
    while size < bytes_target
        && let Some(row) = rows.next()?
    {
        let payload: Vec<u8> = row.get(3)?;
        size += payload.len();
        unsent.push(Unsent { seq: row.get(0)?, document: row.get(1)?, hash: ChangeHash(bytes(row, 2)?), payload });
    }
    Ok(unsent)
}

/// Whether a change is in the outbox, whatever its state.
pub(crate) fn has(db: &Connection, document: i64, hash: &ChangeHash) -> Result<bool, DeviceError> {
    let sql = "SELECT 1 FROM outbox WHERE change = (SELECT number FROM change WHERE document = ?1 AND hash = ?2)";
    Ok(db.prepare_cached(sql)?.exists(params![document, hash.0])?)
}

/// The changes of a document that are in the outbox, whatever their state.
pub(crate) fn hashes_of_document(db: &Connection, document: i64) -> Result<HashSet<ChangeHash>, DeviceError> {
    let mut statement = db.prepare_cached(
        "SELECT change.hash FROM outbox JOIN change ON change.number = outbox.change WHERE outbox.document = ?1",
    )?;
    let rows = statement.query_map([document], |row| bytes(row, 0).map(ChangeHash))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Puts changes that were refused for this reason back in the queue.
pub(crate) fn requeue_refused_because(db: &Connection, reason: &str) -> Result<(), DeviceError> {
    let sql = "UPDATE outbox SET state = 'queued', reason = NULL WHERE state = 'refused' AND reason = ?1";
    db.prepare_cached(sql)?.execute([reason])?;
    Ok(())
}

/// Puts refused changes back in the queue: everything is about to be erased.
pub(crate) fn requeue_refused(db: &Connection) -> Result<(), DeviceError> {
    db.execute("UPDATE outbox SET state = 'queued', reason = NULL WHERE state = 'refused'", [])?;
    Ok(())
}

/// Puts changes of a document that were not taken for one of these reasons back in the queue. Gives how many.
pub(crate) fn requeue_because(db: &Connection, document: i64, reasons: [&str; 2]) -> Result<usize, DeviceError> {
    let sql = "UPDATE outbox SET state = 'queued', reason = NULL
               WHERE document = ?1 AND state <> 'queued' AND reason IN (?2, ?3)";
    Ok(db.execute(sql, params![document, reasons[0], reasons[1]])?)
}

/// Takes a change out, whatever its state. True if it was there.
pub(crate) fn remove(db: &Connection, document: i64, hash: &ChangeHash) -> Result<bool, DeviceError> {
    let sql = "DELETE FROM outbox
               WHERE change = (SELECT number FROM change WHERE document = ?1 AND hash = ?2)";
    Ok(db.prepare_cached(sql)?.execute(params![document, hash.0])? > 0)
}

/// Notes what the relay said of a change. False if it is not in the outbox.
pub(crate) fn set_state(
    db: &Connection,
    document: i64,
    hash: &ChangeHash,
    state: OutboxState,
    reason: &str,
) -> Result<bool, DeviceError> {
    let sql = "UPDATE outbox SET state = ?3, reason = ?4
               WHERE change = (SELECT number FROM change WHERE document = ?1 AND hash = ?2)";
    Ok(db.prepare_cached(sql)?.execute(params![document, hash.0, state.as_str(), reason])? > 0)
}

/// Puts refused and held changes back in the queue. Gives how many.
pub(crate) fn requeue(db: &Connection) -> Result<usize, DeviceError> {
    Ok(db.execute("UPDATE outbox SET state = 'queued', reason = NULL WHERE state <> 'queued'", [])?)
}

pub(crate) fn count(db: &Connection, state: OutboxState) -> Result<u64, DeviceError> {
    let mut statement = db.prepare_cached("SELECT count(*) FROM outbox WHERE state = ?1")?;
    let count: i64 = statement.query_row([state.as_str()], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Whether anything waits to be sent.
pub(crate) fn has_queued(db: &Connection) -> Result<bool, DeviceError> {
    Ok(db.prepare_cached("SELECT 1 FROM outbox WHERE state = 'queued' LIMIT 1")?.exists([])?)
}

pub(crate) fn document_has_any(db: &Connection, document: i64) -> Result<bool, DeviceError> {
    Ok(db.prepare_cached("SELECT 1 FROM outbox WHERE document = ?1 LIMIT 1")?.exists([document])?)
}

/// How many changes each chart has in each state; none stands for the directory.
pub(crate) fn counted(db: &Connection) -> Result<Vec<(Option<ChartRef>, OutboxState, u64)>, DeviceError> {
    let mut statement = db.prepare_cached(
        "SELECT document.organization, document.patient, outbox.state, count(*)
         FROM outbox JOIN document ON document.number = outbox.document
         GROUP BY document.organization, document.patient, outbox.state ORDER BY 1, 2, 3",
    )?;
    let mut rows = statement.query([])?;
    let mut counted = Vec::new();
    while let Some(row) = rows.next()? {
        let state = OutboxState::parse(&row.get::<_, String>(2)?)?;
        counted.push((chart(row.get(0)?, row.get(1)?)?, state, row.get::<_, i64>(3)?.unsigned_abs()));
    }
    Ok(counted)
}

/// Everything in the outbox, oldest first.
pub(crate) fn all(db: &Connection) -> Result<Vec<Held>, DeviceError> {
    held(db, "1")
}

/// What is in custody or refused, oldest first.
pub(crate) fn not_accepted(db: &Connection) -> Result<Vec<Held>, DeviceError> {
    held(db, "outbox.state <> 'queued'")
}

fn held(db: &Connection, condition: &str) -> Result<Vec<Held>, DeviceError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT document.id, change.hash, document.organization, document.patient, outbox.queued_ms,
                outbox.state, outbox.reason
         FROM outbox JOIN change ON change.number = outbox.change
                     JOIN document ON document.number = outbox.document
         WHERE {condition} ORDER BY outbox.seq"
    ))?;
    let rows = statement.query_map([], read_held)?;
    rows.map(|row| {
        let (mut held, organization, patient, state) = row?;
        held.chart = chart(organization, patient)?;
        held.state = OutboxState::parse(&state)?;
        Ok(held)
    })
    .collect()
}

fn read_held(row: &Row<'_>) -> rusqlite::Result<(Held, String, Option<String>, String)> {
    let held = Held {
        document: DocumentId(bytes(row, 0)?),
        hash: ChangeHash(bytes(row, 1)?),
        chart: None,
        queued_at: UnixMillis(row.get(4)?),
        state: OutboxState::Queued,
        reason: row.get(6)?,
    };
    Ok((held, row.get(2)?, row.get(3)?, row.get(5)?))
}

fn chart(organization: String, patient: Option<String>) -> Result<Option<ChartRef>, DeviceError> {
    let fail = |_| unreadable("reading the outbox");
    let Some(patient) = patient else { return Ok(None) };
    let organization = OrganizationId::new(organization).map_err(fail)?;
    Ok(Some(ChartRef { organization, patient: PatientId::new(patient).map_err(fail)? }))
}

/// How many changes of a document are in the outbox, whatever their state.
pub(crate) fn count_of_document(db: &Connection, document: i64) -> Result<u64, DeviceError> {
    let mut statement = db.prepare_cached("SELECT count(*) FROM outbox WHERE document = ?1")?;
    let count: i64 = statement.query_row([document], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Empties a document's part, once its changes are kept elsewhere.
pub(crate) fn forget_document(db: &Connection, document: i64) -> Result<(), DeviceError> {
    db.execute("DELETE FROM outbox WHERE document = ?1", [document])?;
    Ok(())
}
