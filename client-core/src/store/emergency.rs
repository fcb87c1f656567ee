//! Requests for emergency access and what became of them, and the documents that are here by it alone.
//!
//! Times named `elapsed` and `ends` are by this device's own count, see [`crate::elapsed`].

use rusqlite::{Connection, OptionalExtension, Row, params};
use sync_protocol::frame::{BreakGlass, Opening};
use sync_protocol::{DocumentId, OpeningId, OrganizationId, PatientId, UnixMillis};

use super::{bytes, unreadable};
use crate::{ChartRef, DeviceError};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmergencyState {
    /// It is sent as soon as the relay is reached.
    Waiting,
    /// The chart is open.
    Open {
        /// Under which it stands in the relay's audit trail; none if it was opened here, without the relay.
        opening: Option<OpeningId>,
        /// When it ends by itself, by the relay's clock.
        until: UnixMillis,
    },
    /// The relay refused it, with the reason.
    Refused(String),
    /// The relay was not reached in time: nothing was asked.
    Lapsed,
    /// It was open, and is over.
    Over,
}

/// A request for emergency access.
#[derive(Clone, PartialEq, Eq)]
pub struct EmergencyAccess {
    /// Names it on this device.
    pub request: u64,
    /// The chart.
    pub chart: ChartRef,
    /// Purpose of use (v3-PurposeOfUse).
    pub purpose: String,
    /// Why, in the practitioner's words.
    pub reason: String,
    /// When, by this device's clock.
    pub asked_at: UnixMillis,
    /// What became of it.
    pub state: EmergencyState,
}

impl std::fmt::Debug for EmergencyAccess {
    /// Which, not why: a person wrote the reason.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmergencyAccess")
            .field("request", &self.request)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Queues a request; gives its number.
pub(crate) fn ask(
    db: &Connection,
    chart: &ChartRef,
    purpose: &str,
    reason: &str,
    now: UnixMillis,
    elapsed: i64,
) -> Result<u64, DeviceError> {
    db.execute(
        "INSERT INTO emergency (organization, patient, purpose, reason, asked_ms, asked_elapsed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![chart.organization.as_str(), chart.patient.as_str(), purpose, reason, now.0, elapsed],
    )?;
    Ok(db.last_insert_rowid().unsigned_abs())
}

/// The next request after number `after` that waits to be sent.
pub(crate) fn next_waiting(db: &Connection, after: u64) -> Result<Option<BreakGlass>, DeviceError> {
    let sql = "SELECT request, organization, patient, purpose, reason FROM emergency
               WHERE state = 'waiting' AND request > ?1 ORDER BY request LIMIT 1";
    let row = db
        .prepare_cached(sql)?
        .query_row([number(after)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let Some((request, organization, patient, purpose, reason)) = row else { return Ok(None) };
    let chart = chart(organization, patient)?;
    let (organization, patient) = (chart.organization, chart.patient);
    Ok(Some(BreakGlass { request: request.unsigned_abs(), organization, patient, purpose, reason }))
}

/// Notes that a request was granted, until `ends`. False if it does not wait.
pub(crate) fn opened(db: &Connection, request: u64, opening: &Opening, ends: i64) -> Result<bool, DeviceError> {
    let changed = db.execute(
        "UPDATE emergency SET state = 'open', opening = ?2, until_ms = ?3, ends_elapsed = ?4
         WHERE request = ?1 AND state = 'waiting'",
        params![number(request), opening.id.0, opening.until.0, ends],
    )?;
    Ok(changed > 0)
}

/// Notes that a request was refused. False if it does not wait.
pub(crate) fn refused(db: &Connection, request: u64, why: &str) -> Result<bool, DeviceError> {
    let sql = "UPDATE emergency SET state = 'refused', refusal = ?2 WHERE request = ?1 AND state = 'waiting'";
    Ok(db.execute(sql, params![number(request), why])? > 0)
}

/// Ends what is over at `elapsed`, and what was asked before `asked_before` and never sent.
pub(crate) fn pass(db: &Connection, elapsed: i64, asked_before: i64) -> Result<(), DeviceError> {
    db.prepare_cached("UPDATE emergency SET state = 'over' WHERE state = 'open' AND ends_elapsed <= ?1")?
        .execute([elapsed])?;
    db.prepare_cached("UPDATE emergency SET state = 'lapsed' WHERE state = 'waiting' AND asked_elapsed <= ?1")?
        .execute([asked_before])?;
    Ok(())
}

/// Ends every opening of a chart.
pub(crate) fn end_of_chart(db: &Connection, chart: &ChartRef) -> Result<(), DeviceError> {
    let sql = "UPDATE emergency SET state = 'over' WHERE state = 'open' AND organization = ?1 AND patient = ?2";
    db.execute(sql, params![chart.organization.as_str(), chart.patient.as_str()])?;
    Ok(())
}

/// Whether a request waits or a chart is open.
pub(crate) fn any_pending(db: &Connection) -> Result<bool, DeviceError> {
    Ok(db.prepare_cached("SELECT 1 FROM emergency WHERE state IN ('waiting', 'open') LIMIT 1")?.exists([])?)
}

/// All requests, oldest first.
pub(crate) fn all(db: &Connection) -> Result<Vec<EmergencyAccess>, DeviceError> {
    let mut statement = db.prepare_cached(
        "SELECT request, organization, patient, purpose, reason, asked_ms, state, refusal, opening, until_ms
         FROM emergency ORDER BY request",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(EmergencyAccess {
            request: row.get::<_, i64>(0)?.unsigned_abs(),
            chart: chart(row.get(1)?, row.get(2)?)?,
            purpose: row.get(3)?,
            reason: row.get(4)?,
            asked_at: UnixMillis(row.get(5)?),
            state: state(row)?,
        });
    }
    Ok(found)
}

fn state(row: &Row<'_>) -> Result<EmergencyState, DeviceError> {
    Ok(match row.get::<_, String>(6)?.as_str() {
        "waiting" => EmergencyState::Waiting,
        "open" => EmergencyState::Open { opening: opening(row)?, until: UnixMillis(row.get(9)?) },
        "refused" => EmergencyState::Refused(row.get::<_, Option<String>>(7)?.unwrap_or_default()),
        "lapsed" => EmergencyState::Lapsed,
        "over" => EmergencyState::Over,
        _ => return Err(unreadable("reading an emergency access")),
    })
}

fn opening(row: &Row<'_>) -> Result<Option<OpeningId>, DeviceError> {
    let given: Option<Vec<u8>> = row.get(8)?;
    given.map(|id| OpeningId::from_slice(&id).map_err(|_| unreadable("reading an emergency access"))).transpose()
}

/// Notes a chart that was opened here, without the relay. `asked`: by the clock and by the count; `over`: by the relay's
/// clock and by the count.
pub(crate) fn opened_here(
    db: &Connection,
    chart: &ChartRef,
    (purpose, reason): (&str, &str),
    (now, elapsed): (UnixMillis, i64),
    (until, ends): (UnixMillis, i64),
) -> Result<(), DeviceError> {
    let request = ask(db, chart, purpose, reason, now, elapsed)?;
    let sql = "UPDATE emergency SET state = 'open', until_ms = ?2, ends_elapsed = ?3 WHERE request = ?1";
    db.execute(sql, params![number(request), until.0, ends])?;
    Ok(())
}

fn chart(organization: String, patient: String) -> Result<ChartRef, DeviceError> {
    let fail = |_| unreadable("reading an emergency access");
    let organization = OrganizationId::new(organization).map_err(fail)?;
    Ok(ChartRef { organization, patient: PatientId::new(patient).map_err(fail)? })
}

/// Marks a document as open by emergency access only. `until`: by the relay's clock.
pub(crate) fn mark(db: &Connection, document: &DocumentId, until: UnixMillis, ends: i64) -> Result<(), DeviceError> {
    db.prepare_cached(
        "INSERT INTO emergency_document (document, until_ms, ends_elapsed) VALUES (?1, ?2, ?3)
         ON CONFLICT (document) DO UPDATE SET until_ms = ?2, ends_elapsed = ?3",
    )?
    .execute(params![document.0, until.0, ends])?;
    Ok(())
}

/// The document may be had by other rights now, or is not here any more.
pub(crate) fn unmark(db: &Connection, document: &DocumentId) -> Result<(), DeviceError> {
    db.prepare_cached("DELETE FROM emergency_document WHERE document = ?1")?.execute([document.0])?;
    Ok(())
}

/// The relay's clock was heard: at `elapsed` it is `relay_now` there. All ends are reckoned anew from it.
pub(crate) fn reckon(db: &Connection, relay_now: UnixMillis, elapsed: i64) -> Result<(), DeviceError> {
    let shift = elapsed.saturating_sub(relay_now.0);
    db.execute("UPDATE emergency_document SET ends_elapsed = until_ms + ?1", [shift])?;
    db.execute("UPDATE emergency SET ends_elapsed = until_ms + ?1 WHERE state = 'open'", [shift])?;
    Ok(())
}

pub(crate) fn any_document(db: &Connection) -> Result<bool, DeviceError> {
    Ok(db.prepare_cached("SELECT 1 FROM emergency_document LIMIT 1")?.exists([])?)
}

/// Those of `documents` that are marked.
pub(crate) fn marked_among(db: &Connection, documents: &[DocumentId]) -> Result<Vec<DocumentId>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT 1 FROM emergency_document WHERE document = ?1")?;
    let mut marked = Vec::new();
    for document in documents {
        if statement.exists([document.0])? {
            marked.push(*document);
        }
    }
    Ok(marked)
}

/// Documents whose time is over at `elapsed`.
pub(crate) fn over(db: &Connection, elapsed: i64) -> Result<Vec<DocumentId>, DeviceError> {
    let mut statement =
        db.prepare_cached("SELECT document FROM emergency_document WHERE ends_elapsed <= ?1 ORDER BY document")?;
    let rows = statement.query_map([elapsed], |row| bytes(row, 0).map(DocumentId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// When the next document's time is over.
pub(crate) fn next_end(db: &Connection) -> Result<Option<i64>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT min(ends_elapsed) FROM emergency_document")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?.flatten())
}

fn number(request: u64) -> i64 {
    i64::try_from(request).unwrap_or(i64::MAX)
}
