//! Which documents hold something that waits for a clinician, so that an inbox over all charts opens only those.

use clinical_record::RecordDocument;
use rusqlite::{Connection, params};

use crate::DeviceError;

/// Counts what waits in a document anew.
pub(crate) fn put(db: &Connection, document: i64, opened: &RecordDocument) -> Result<(), DeviceError> {
    let (conflicts, overridden) = (opened.conflicts().len() as i64, opened.overridden_edits().len() as i64);
    if conflicts + overridden == 0 {
        return clear(db, document);
    }
    let sql = "INSERT OR REPLACE INTO inbox (document, conflicts, overridden) VALUES (?1, ?2, ?3)";
    db.prepare_cached(sql)?.execute(params![document, conflicts, overridden])?;
    Ok(())
}

/// As [`put`], after an edit made here: in a document that nobody else has edited at the same time nothing new can wait.
pub(crate) fn put_after_edit(
    db: &Connection,
    document: i64,
    opened: &RecordDocument,
    linear: bool,
) -> Result<(), DeviceError> {
    if waits(db, document)? || !linear { put(db, document, opened) } else { Ok(()) }
}

/// Whether anything waits in a document that is shown as it is now.
pub(crate) fn waits(db: &Connection, document: i64) -> Result<bool, DeviceError> {
    Ok(db.prepare_cached("SELECT 1 FROM inbox WHERE document = ?1")?.exists([document])?)
}

fn clear(db: &Connection, document: i64) -> Result<(), DeviceError> {
    db.prepare_cached("DELETE FROM inbox WHERE document = ?1")?.execute([document])?;
    Ok(())
}

/// Numbers of the documents in which something waits, by number.
pub(crate) fn documents(db: &Connection) -> Result<Vec<i64>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT document FROM inbox ORDER BY document")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
