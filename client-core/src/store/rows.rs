//! Rows that queries read.

use clinical_record::ResourceKey;
use clinical_record::facts::ChartSection;
use rusqlite::{Connection, Row, params};
use serde_json::Value;
use sync_protocol::{DocumentId, OrganizationId, PatientId};

use super::resources::ENTERED_IN_ERROR;
use super::{bytes, unreadable};
use crate::query::Span;
use crate::{ChartRef, DeviceError};

/// A resource's row with where it is.
#[derive(Clone)]
pub(crate) struct StoredRow {
    pub(crate) document: DocumentId,
    pub(crate) chart: ChartRef,
    pub(crate) key: ResourceKey,
    pub(crate) summary: String,
    pub(crate) date: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) section: String,
    pub(crate) moment_ms: Option<i64>,
    pub(crate) due: Option<String>,
    pub(crate) due_ms: Option<i64>,
    pub(crate) owner: Option<String>,
    /// Where it was asked for.
    pub(crate) json: Option<Value>,
}

/// A measurement with the row that holds it.
pub(crate) struct StoredMeasurement {
    pub(crate) row: StoredRow,
    pub(crate) place: u32,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
    pub(crate) shown: String,
}

/// Which rows of a chart. The default is all but what was entered in error.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) section: Option<ChartSection>,
    /// Only medicines that are taken and tasks that are open.
    pub(crate) current: bool,
    pub(crate) span: Span,
    /// With the resource.
    pub(crate) json: bool,
}

const COLUMNS: &str = "d.id, d.organization, d.patient, r.resource_type, r.id, r.summary, r.date, r.status, r.section,
    r.moment_ms, r.due, r.due_ms, r.owner";

/// Rows of one chart, in no particular order.
pub(crate) fn of_chart(db: &Connection, chart: &ChartRef, wanted: &Wanted) -> Result<Vec<StoredRow>, DeviceError> {
    let sql = format!(
        "SELECT {COLUMNS}, CASE WHEN ?7 THEN r.json END FROM document d CROSS JOIN resource r ON r.document = d.number
         WHERE d.patient = ?1 AND d.organization = ?2 AND (?3 IS NULL OR r.section = ?3) AND (NOT ?4 OR r.current = 1)
             AND (?5 IS NULL OR r.moment_ms >= ?5) AND (?6 IS NULL OR r.moment_ms < ?6)
             AND r.status IS NOT '{ENTERED_IN_ERROR}'"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let bound = params![
        chart.patient.as_str(),
        chart.organization.as_str(),
        wanted.section.map(ChartSection::as_str),
        wanted.current,
        wanted.span.from.map(|at| at.0),
        wanted.span.until.map(|at| at.0),
        wanted.json,
    ];
    let rows = statement.query_map(bound, |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// Open tasks of all charts.
pub(crate) fn open_tasks(db: &Connection) -> Result<Vec<StoredRow>, DeviceError> {
    let sql = format!(
        "SELECT {COLUMNS}, NULL FROM resource r JOIN document d ON d.number = r.document
         WHERE r.section = 'tasks' AND r.current = 1 AND d.patient IS NOT NULL"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// Rows whose words match an FTS5 expression, the newest first, with the resource.
pub(crate) fn notes(db: &Connection, expression: &str) -> Result<Vec<StoredRow>, DeviceError> {
    let sql = format!(
        "SELECT {COLUMNS}, r.json FROM note_search n JOIN resource r ON r.number = n.rowid
             JOIN document d ON d.number = r.document
         WHERE note_search MATCH ?1 AND d.patient IS NOT NULL AND r.status IS NOT '{ENTERED_IN_ERROR}'
         ORDER BY r.moment_ms DESC, r.resource_type, r.id"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([expression], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// Measurements of one chart, in no particular order; of one kind or of all.
pub(crate) fn measurements(
    db: &Connection,
    chart: &ChartRef,
    code: Option<&str>,
) -> Result<Vec<StoredMeasurement>, DeviceError> {
    let sql = format!(
        "SELECT {COLUMNS}, NULL, m.place, m.code, m.name, m.value, m.unit, m.shown
         FROM document d CROSS JOIN resource r ON r.document = d.number AND r.resource_type = 'Observation'
             JOIN measurement m ON m.resource = r.number
         WHERE d.patient = ?1 AND d.organization = ?2 AND (?3 IS NULL OR m.code = ?3)
             AND r.status IS NOT '{ENTERED_IN_ERROR}'"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![chart.patient.as_str(), chart.organization.as_str(), code], |row| {
        let measured = (row.get(14)?, row.get(15)?, row.get(16)?, row.get(17)?, row.get(18)?, row.get(19)?);
        Ok((read(row), measured))
    })?;
    rows.map(|found| {
        let (row, (place, code, name, value, unit, shown)) = found?;
        Ok(StoredMeasurement { row: row?, place, code, name, value, unit, shown })
    })
    .collect()
}

/// (Patient, the Patient that replaces it), as the Patients on this device say.
pub(crate) fn replacements(db: &Connection) -> Result<Vec<(String, String)>, DeviceError> {
    let mut statement =
        db.prepare_cached("SELECT patient, replaced_by FROM replacement ORDER BY patient, replaced_by")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> Result<StoredRow, DeviceError> {
    let fail = |_| unreadable("reading a row");
    let json: Option<String> = row.get(13)?;
    Ok(StoredRow {
        document: DocumentId(bytes(row, 0)?),
        chart: ChartRef {
            organization: OrganizationId::new(row.get::<_, String>(1)?).map_err(fail)?,
            patient: PatientId::new(row.get::<_, String>(2)?).map_err(fail)?,
        },
        key: ResourceKey::new(row.get::<_, String>(3)?, row.get::<_, String>(4)?),
        summary: row.get(5)?,
        date: row.get(6)?,
        status: row.get(7)?,
        section: row.get(8)?,
        moment_ms: row.get(9)?,
        due: row.get(10)?,
        due_ms: row.get(11)?,
        owner: row.get(12)?,
        json: json.map(|json| serde_json::from_str(&json)).transpose().map_err(|_| unreadable("reading a row"))?,
    })
}
