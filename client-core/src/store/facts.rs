//! What queries read besides the resources themselves: measurements, words of notes, who replaces whom. Rows hang on the
//! resource's row and go with it.

use clinical_record::facts::{
    ChartSection, due_date, first_millis, is_current_medication, is_open_task, measurements, owner_of, replaced_by,
    searchable_text,
};
use rusqlite::{Connection, params};
use serde_json::Value;

use crate::DeviceError;

/// Columns of a resource's row that its JSON decides.
pub(crate) struct Standing {
    pub(crate) section: ChartSection,
    pub(crate) current: bool,
    pub(crate) due: Option<String>,
    pub(crate) owner: Option<String>,
}

impl Standing {
    pub(crate) fn of(resource: &Value) -> Self {
        let section = ChartSection::of(resource);
        let is_task = section == ChartSection::Tasks;
        Self {
            section,
            current: is_current_medication(resource) || is_open_task(resource),
            due: is_task.then(|| due_date(resource)).flatten(),
            owner: is_task.then(|| owner_of(resource)).flatten(),
        }
    }

    pub(crate) fn due_ms(&self) -> Option<i64> {
        self.due.as_deref().and_then(first_millis)
    }
}

/// Writes the facts of a resource anew. `number`: its row.
pub(crate) fn put(db: &Connection, number: i64, resource: &Value) -> Result<(), DeviceError> {
    match resource["resourceType"].as_str() {
        Some("Observation") => put_measurements(db, number, resource)?,
        Some("Patient") => put_replacements(db, number, resource)?,
        _ => {}
    }
    put_words(db, number, resource)
}

fn put_measurements(db: &Connection, number: i64, observation: &Value) -> Result<(), DeviceError> {
    db.prepare_cached("DELETE FROM measurement WHERE resource = ?1")?.execute([number])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO measurement (resource, place, code, name, value, unit, shown) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for one in measurements(observation) {
        insert.execute(params![number, one.place, one.code, one.name, one.value, one.unit, one.shown])?;
    }
    Ok(())
}

fn put_replacements(db: &Connection, number: i64, patient: &Value) -> Result<(), DeviceError> {
    db.prepare_cached("DELETE FROM replacement WHERE resource = ?1")?.execute([number])?;
    let id = patient["id"].as_str().unwrap_or_default();
    for other in replaced_by(patient) {
        let sql = "INSERT INTO replacement (resource, patient, replaced_by) VALUES (?1, ?2, ?3)";
        db.prepare_cached(sql)?.execute(params![number, id, other])?;
    }
    Ok(())
}

fn put_words(db: &Connection, number: i64, resource: &Value) -> Result<(), DeviceError> {
    match searchable_text(resource) {
        Some(words) => {
            let sql = "INSERT OR REPLACE INTO note_search (rowid, words) VALUES (?1, ?2)";
            db.prepare_cached(sql)?.execute(params![number, words])?;
        }
        // Of a row that was written before: what it said must not be found any more.
        None => drop(db.prepare_cached("DELETE FROM note_search WHERE rowid = ?1")?.execute([number])?),
    }
    Ok(())
}
