//! Resources as they are shown: what a document's content reads as, so that a chart opens without opening documents.

use clinical_record::ResourceKey;
use clinical_record::facts::first_millis;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::facts::{self, Standing};
use super::unreadable;
use crate::DeviceError;

/// Status of what was taken back.
pub(crate) const ENTERED_IN_ERROR: &str = "entered-in-error";

/// One resource as a list shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ResourceEntry {
    /// Type and id.
    pub key: ResourceKey,
    /// One line for a person.
    pub summary: String,
    /// When it applies, as FHIR writes it; for sorting what is shown.
    pub date: Option<String>,
    /// Its status code, where the type has one.
    pub status: Option<String>,
}

impl std::fmt::Debug for ResourceEntry {
    /// The key only: a summary is patient content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResourceEntry").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Adds a resource of a document or replaces it, with what queries read of it.
pub(crate) fn put(
    db: &Connection,
    document: i64,
    entry: &ResourceEntry,
    resource: &serde_json::Value,
) -> Result<(), DeviceError> {
    let standing = Standing::of(resource);
    let number: i64 = db
        .prepare_cached(
            "INSERT INTO resource (document, resource_type, id, json, summary, date, status, section, moment_ms, current,
                 due, due_ms, owner)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (document, resource_type, id) DO UPDATE SET json = ?4, summary = ?5, date = ?6, status = ?7,
                 section = ?8, moment_ms = ?9, current = ?10, due = ?11, due_ms = ?12, owner = ?13
             RETURNING number",
        )?
        .query_row(
            params![
                document,
                entry.key.resource_type,
                entry.key.id,
                resource.to_string(),
                entry.summary,
                entry.date,
                entry.status,
                standing.section.as_str(),
                entry.date.as_deref().and_then(first_millis),
                standing.current,
                standing.due,
                standing.due_ms(),
                standing.owner,
            ],
            |row| row.get(0),
        )?;
    facts::put(db, number, resource)
}

pub(crate) fn clear(db: &Connection, document: i64) -> Result<(), DeviceError> {
    db.prepare_cached("DELETE FROM resource WHERE document = ?1")?.execute([document])?;
    Ok(())
}

/// The resources of a document, by type, newest first.
pub(crate) fn of_document(db: &Connection, document: i64) -> Result<Vec<ResourceEntry>, DeviceError> {
    let mut statement = db.prepare_cached(
        "SELECT resource_type, id, summary, date, status FROM resource WHERE document = ?1
         ORDER BY resource_type, date DESC, id",
    )?;
    let rows = statement.query_map([document], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Which of `documents` holds the resource.
pub(crate) fn holder(db: &Connection, documents: &[i64], key: &ResourceKey) -> Result<Option<i64>, DeviceError> {
    let mut statement =
        db.prepare_cached("SELECT 1 FROM resource WHERE document = ?1 AND resource_type = ?2 AND id = ?3")?;
    for document in documents {
        if statement.exists(params![document, key.resource_type, key.id])? {
            return Ok(Some(*document));
        }
    }
    Ok(None)
}

/// The resource's JSON.
pub(crate) fn json(
    db: &Connection,
    document: i64,
    key: &ResourceKey,
) -> Result<Option<serde_json::Value>, DeviceError> {
    let sql = "SELECT json FROM resource WHERE document = ?1 AND resource_type = ?2 AND id = ?3";
    let text: Option<String> =
        db.prepare_cached(sql)?.query_row(params![document, key.resource_type, key.id], |row| row.get(0)).optional()?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| unreadable("reading a resource"))).transpose()
}

/// Every resource of a document as JSON.
pub(crate) fn all_json(db: &Connection, document: i64) -> Result<Vec<serde_json::Value>, DeviceError> {
    let sql = "SELECT json FROM resource WHERE document = ?1 ORDER BY resource_type, id";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([document], |row| row.get::<_, String>(0))?;
    rows.map(|text| serde_json::from_str(&text?).map_err(|_| unreadable("reading a resource"))).collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<ResourceEntry> {
    let key = ResourceKey::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?);
    Ok(ResourceEntry { key, summary: row.get(2)?, date: row.get(3)?, status: row.get(4)? })
}
