//! All tables that are made from documents, as one thing: emptied, marked as made in this version's way, made anew.

use rusqlite::Connection;

use crate::DeviceError;

/// The way in which rows are made; raised whenever the same document would give other rows.
const WAY: u32 = 2;

/// What rows of this version say of how they were made.
fn made() -> String {
    format!("{WAY}; schema {}", crate::projection::schema().version)
}

/// Empties them inside the caller's transaction. What hangs on resources goes with them.
pub(crate) fn empty(db: &Connection) -> Result<(), DeviceError> {
    db.execute_batch("DELETE FROM resource; DELETE FROM inbox; DELETE FROM patient; DELETE FROM patient_search; DELETE FROM patient_word;")?;
    Ok(())
}

/// Rows are as this version makes them.
pub(crate) fn set_made(db: &Connection) -> Result<(), DeviceError> {
    db.execute("UPDATE projection SET made = ?1", [made()])?;
    Ok(())
}

/// Marks every document to be read anew if rows were made in another way than this version's.
pub(crate) fn check(db: &Connection) -> Result<(), DeviceError> {
    let found: String = db.query_row("SELECT made FROM projection", [], |row| row.get(0))?;
    if found != made() {
        db.execute("UPDATE document SET stale = 1", [])?;
        set_made(db)?;
    }
    Ok(())
}

pub(crate) fn resources(db: &Connection) -> Result<u64, DeviceError> {
    let count: i64 = db.query_row("SELECT count(*) FROM resource", [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Every row of every table, without the numbers that only say in which order rows were written.
#[cfg(test)]
pub(crate) fn dump(db: &Connection) -> Result<Vec<String>, DeviceError> {
    const RESOURCE: &str = "hex(d.id) || '/' || r.resource_type || '/' || r.id";
    let queries = [
        format!(
            "SELECT {RESOURCE}, r.json, r.summary, r.date, r.status, r.section, r.moment_ms, r.current, r.due, r.due_ms,
                 r.owner FROM resource r JOIN document d ON d.number = r.document"
        ),
        format!(
            "SELECT {RESOURCE}, m.place, m.code, m.name, m.value, m.unit, m.shown FROM measurement m
                 JOIN resource r ON r.number = m.resource JOIN document d ON d.number = r.document"
        ),
        format!(
            "SELECT {RESOURCE}, p.patient, p.replaced_by FROM replacement p
                 JOIN resource r ON r.number = p.resource JOIN document d ON d.number = r.document"
        ),
        "SELECT hex(d.id), i.conflicts, i.overridden FROM inbox i JOIN document d ON d.number = i.document".to_owned(),
        "SELECT organization, patient, name, birth_date, gender, identifiers FROM patient".to_owned(),
        format!(
            "SELECT 'note', {RESOURCE} FROM note_search n JOIN resource r ON r.number = n.rowid
                 JOIN document d ON d.number = r.document WHERE note_search MATCH 'knee'"
        ),
        "SELECT hex(id), stale, unreadable FROM document".to_owned(),
    ];
    let mut lines = Vec::new();
    for sql in queries {
        let mut statement = db.prepare(&sql)?;
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cells = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at).map(|cell| format!("{cell:?}")));
            cells.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        for row in rows {
            lines.push(row?.join("|"));
        }
    }
    lines.sort();
    Ok(lines)
}
