//! Documents that lie ready, sealed, and those that were unsealed here.

use rusqlite::{Connection, params};
use serde_bytes::ByteBuf;
use sync_protocol::frame::SealedDocument;
use sync_protocol::{DocumentId, OrganizationId, PatientId, UnixMillis};

use super::{bytes, unreadable};
use crate::{ChartRef, DeviceError};

/// A chart of which something lies ready. What it is cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedChart {
    /// Whose.
    pub chart: ChartRef,
    /// Documents that lie ready.
    pub documents: u64,
    /// For how long an opening would hold, in milliseconds.
    pub for_ms: u64,
    /// When the oldest of them was laid ready, by this device's clock.
    pub since: UnixMillis,
}

/// Keeps a sealed document in place of what was sealed of it before.
pub(crate) fn put(db: &Connection, sealed: &SealedDocument, now: UnixMillis) -> Result<(), DeviceError> {
    db.prepare_cached(
        "INSERT INTO sealed (document, organization, patient, for_ms, staged_ms, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (document) DO UPDATE
         SET organization = ?2, patient = ?3, for_ms = ?4, staged_ms = ?5, body = ?6",
    )?
    .execute(params![
        sealed.document.0,
        sealed.organization.as_str(),
        sealed.patient.as_str(),
        i64::try_from(sealed.for_ms).unwrap_or(i64::MAX),
        now.0,
        sealed.sealed.as_slice()
    ])?;
    Ok(())
}

/// What lies ready of a chart.
pub(crate) fn of_chart(db: &Connection, chart: &ChartRef) -> Result<Vec<SealedDocument>, DeviceError> {
    let sql = "SELECT document, for_ms, body FROM sealed WHERE patient = ?1 AND organization = ?2 ORDER BY document";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([chart.patient.as_str(), chart.organization.as_str()], |row| {
        Ok(SealedDocument {
            document: DocumentId(bytes(row, 0)?),
            organization: chart.organization.clone(),
            patient: chart.patient.clone(),
            for_ms: row.get::<_, i64>(1)?.unsigned_abs(),
            sealed: ByteBuf::from(row.get::<_, Vec<u8>>(2)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All charts of which something lies ready.
pub(crate) fn charts(db: &Connection) -> Result<Vec<SealedChart>, DeviceError> {
    let fail = |_| unreadable("reading what lies ready");
    let mut statement = db.prepare_cached(
        "SELECT organization, patient, count(*), min(for_ms), min(staged_ms) FROM sealed
         GROUP BY patient, organization ORDER BY patient, organization",
    )?;
    let mut rows = statement.query([])?;
    let mut charts = Vec::new();
    while let Some(row) = rows.next()? {
        charts.push(SealedChart {
            chart: ChartRef {
                organization: OrganizationId::new(row.get::<_, String>(0)?).map_err(fail)?,
                patient: PatientId::new(row.get::<_, String>(1)?).map_err(fail)?,
            },
            documents: row.get::<_, i64>(2)?.unsigned_abs(),
            for_ms: row.get::<_, i64>(3)?.unsigned_abs(),
            since: UnixMillis(row.get(4)?),
        });
    }
    Ok(charts)
}

/// The document lies ready no more, nor counts as unsealed: it was taken back.
pub(crate) fn forget(db: &Connection, document: &DocumentId) -> Result<(), DeviceError> {
    remove(db, document)?;
    closed(db, document)
}

fn remove(db: &Connection, document: &DocumentId) -> Result<(), DeviceError> {
    db.prepare_cached("DELETE FROM sealed WHERE document = ?1")?.execute([document.0])?;
    Ok(())
}

/// The document was unsealed here. What lay ready stays until it is delivered or taken back.
pub(crate) fn note_unsealed(db: &Connection, document: &DocumentId) -> Result<(), DeviceError> {
    db.prepare_cached("INSERT OR IGNORE INTO unsealed (document) VALUES (?1)")?.execute([document.0])?;
    Ok(())
}

/// What was unsealed is closed again; what lies ready stays.
pub(crate) fn closed(db: &Connection, document: &DocumentId) -> Result<(), DeviceError> {
    db.prepare_cached("DELETE FROM unsealed WHERE document = ?1")?.execute([document.0])?;
    Ok(())
}

/// The document was delivered: no sealed copy is needed. True if it had been unsealed here and not delivered since.
pub(crate) fn delivered(db: &Connection, document: &DocumentId) -> Result<bool, DeviceError> {
    remove(db, document)?;
    let changed = db.prepare_cached("DELETE FROM unsealed WHERE document = ?1")?.execute([document.0])?;
    Ok(changed > 0)
}
