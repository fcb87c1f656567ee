//! The documents this device holds: what each is about and in what state it is.

use rusqlite::{Connection, OptionalExtension, Row, params};
use sync_protocol::{Compartment, DocumentDescriptor, DocumentId, OrganizationId, PatientId};

use super::{bytes, unreadable};
use crate::{ChartRef, DeviceError};

/// A held document.
#[derive(Clone, Debug)]
pub(crate) struct StoredDocument {
    /// Its row; local to this database.
    pub(crate) number: i64,
    pub(crate) id: DocumentId,
    pub(crate) descriptor: DocumentDescriptor,
    /// Changes came in that the resource rows do not show yet.
    pub(crate) stale: bool,
    /// Why it cannot be opened.
    pub(crate) unreadable: Option<String>,
}

impl StoredDocument {
    /// The chart it belongs to; none for the directory.
    pub(crate) fn chart(&self) -> Option<ChartRef> {
        chart_of(&self.descriptor)
    }
}

pub(crate) fn chart_of(descriptor: &DocumentDescriptor) -> Option<ChartRef> {
    let patient = descriptor.patient.clone()?;
    Some(ChartRef { organization: descriptor.organization.clone(), patient })
}

const COLUMNS: &str = "number, id, organization, patient, compartment, part, stale, unreadable";

pub(crate) fn find(db: &Connection, id: &DocumentId) -> Result<Option<StoredDocument>, DeviceError> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM document WHERE id = ?1"))?;
    statement.query_row([id.0], read).optional()?.map(stored).transpose()
}

pub(crate) fn by_number(db: &Connection, number: i64) -> Result<Option<StoredDocument>, DeviceError> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM document WHERE number = ?1"))?;
    statement.query_row([number], read).optional()?.map(stored).transpose()
}

/// The document with this descriptor, made if it is not there. The caller has validated the descriptor.
pub(crate) fn find_or_add(db: &Connection, descriptor: &DocumentDescriptor) -> Result<StoredDocument, DeviceError> {
    let id = descriptor.id();
    match find(db, &id)? {
        Some(document) => Ok(document),
        None => add(db, descriptor),
    }
}

/// Makes a document that is not there. The caller has validated the descriptor.
pub(crate) fn add(db: &Connection, descriptor: &DocumentDescriptor) -> Result<StoredDocument, DeviceError> {
    let id = descriptor.id();
    db.prepare_cached(
        "INSERT INTO document (id, organization, patient, compartment, part) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        id.0,
        descriptor.organization.as_str(),
        descriptor.patient.as_ref().map(PatientId::as_str),
        descriptor.compartment.as_str(),
        descriptor.part
    ])?;
    let number = db.last_insert_rowid();
    Ok(StoredDocument { number, id, descriptor: descriptor.clone(), stale: false, unreadable: None })
}

pub(crate) fn of_chart(db: &Connection, chart: &ChartRef) -> Result<Vec<StoredDocument>, DeviceError> {
    let sql = format!("SELECT {COLUMNS} FROM document WHERE patient = ?1 AND organization = ?2 ORDER BY number");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([chart.patient.as_str(), chart.organization.as_str()], read)?;
    rows.map(|row| stored(row?)).collect()
}

pub(crate) fn of_directories(db: &Connection) -> Result<Vec<StoredDocument>, DeviceError> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM document WHERE patient IS NULL ORDER BY number"))?;
    let rows = statement.query_map([], read)?;
    rows.map(|row| stored(row?)).collect()
}

/// Documents of one compartment, of all charts, that changes came into and that are not shown as they are now.
pub(crate) fn stale_in(db: &Connection, compartment: &str) -> Result<Vec<StoredDocument>, DeviceError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM document WHERE stale = 1 AND unreadable IS NULL AND compartment = ?1 ORDER BY number"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([compartment], read)?;
    rows.map(|row| stored(row?)).collect()
}

/// Documents of all charts that changes came into and that are not shown as they are now: at most `limit`, from row `from` on.
pub(crate) fn stale_from(db: &Connection, from: i64, limit: u32) -> Result<Vec<StoredDocument>, DeviceError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM document WHERE number >= ?1 AND stale = 1 AND unreadable IS NULL ORDER BY number LIMIT ?2"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![from, limit], read)?;
    rows.map(|row| stored(row?)).collect()
}

pub(crate) fn all(db: &Connection) -> Result<Vec<StoredDocument>, DeviceError> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM document ORDER BY number"))?;
    let rows = statement.query_map([], read)?;
    rows.map(|row| stored(row?)).collect()
}

/// The organizations that have a patient with this id, in order.
pub(crate) fn organizations_of(db: &Connection, patient: &PatientId) -> Result<Vec<OrganizationId>, DeviceError> {
    let sql = "SELECT DISTINCT organization FROM document WHERE patient = ?1 ORDER BY organization";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([patient.as_str()], |row| row.get::<_, String>(0))?;
    rows.map(|row| OrganizationId::new(row?).map_err(|_| unreadable("reading a document"))).collect()
}

pub(crate) fn unreadable_ones(db: &Connection) -> Result<Vec<StoredDocument>, DeviceError> {
    let sql = format!("SELECT {COLUMNS} FROM document WHERE unreadable IS NOT NULL ORDER BY number");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([], read)?;
    rows.map(|row| stored(row?)).collect()
}

pub(crate) fn set_stale(db: &Connection, number: i64, stale: bool) -> Result<(), DeviceError> {
    db.prepare_cached("UPDATE document SET stale = ?2 WHERE number = ?1")?.execute(params![number, stale])?;
    Ok(())
}

pub(crate) fn set_unreadable(db: &Connection, number: i64, reason: Option<&str>) -> Result<(), DeviceError> {
    db.prepare_cached("UPDATE document SET unreadable = ?2 WHERE number = ?1")?.execute(params![number, reason])?;
    Ok(())
}

type DocumentRow = (i64, [u8; 16], String, Option<String>, String, String, bool, Option<String>);

fn read(row: &Row<'_>) -> rusqlite::Result<DocumentRow> {
    Ok((row.get(0)?, bytes(row, 1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?))
}

fn stored(row: DocumentRow) -> Result<StoredDocument, DeviceError> {
    let (number, id, organization, patient, compartment, part, stale, unreadable_reason) = row;
    let fail = || unreadable("reading a document");
    let descriptor = DocumentDescriptor {
        organization: OrganizationId::new(organization).map_err(|_| fail())?,
        patient: patient.map(PatientId::new).transpose().map_err(|_| fail())?,
        compartment: compartment.parse::<Compartment>().map_err(|_| fail())?,
        part,
    };
    Ok(StoredDocument { number, id: DocumentId(id), descriptor, stale, unreadable: unreadable_reason })
}

pub(crate) fn count(db: &Connection) -> Result<u64, DeviceError> {
    let count: i64 = db.query_row("SELECT count(*) FROM document", [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Removes a document's row, once nothing refers to it.
pub(crate) fn remove(db: &Connection, number: i64) -> Result<(), DeviceError> {
    db.execute("DELETE FROM document WHERE number = ?1", [number])?;
    Ok(())
}
