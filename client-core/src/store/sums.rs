//! Sums over the changes that device and relay share, kept up as changes come and go so that comparing costs nothing.

use rusqlite::{Connection, OptionalExtension, params};
use sync_protocol::frame::InventoryEntry;
use sync_protocol::{ChangeHash, Checksum, DocumentId};

use super::bytes;
use crate::DeviceError;

/// Counts changes of a document as shared.
pub(crate) fn share<'a>(
    db: &Connection,
    document: &DocumentId,
    changes: impl IntoIterator<Item = &'a ChangeHash>,
) -> Result<(), DeviceError> {
    let added = changes.into_iter().fold(Checksum::default(), |sum, hash| sum.with(document, hash));
    if added == Checksum::default() {
        return Ok(());
    }
    let before = of_document(db, document)?;
    db.prepare_cached("INSERT INTO shared_sum (document, sum) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET sum = ?2")?
        .execute(params![document.0, before.plus(added).to_bytes()])?;
    let total = total(db)?.plus(added);
    db.prepare_cached("UPDATE sync_state SET shared_sum = ?1")?.execute([total.to_bytes()])?;
    Ok(())
}

/// The sum over everything that is shared.
pub(crate) fn total(db: &Connection) -> Result<Checksum, DeviceError> {
    let mut statement = db.prepare_cached("SELECT shared_sum FROM sync_state")?;
    Ok(statement.query_row([], |row| bytes(row, 0).map(Checksum::from_bytes))?)
}

fn of_document(db: &Connection, document: &DocumentId) -> Result<Checksum, DeviceError> {
    let mut statement = db.prepare_cached("SELECT sum FROM shared_sum WHERE document = ?1")?;
    let sum = statement.query_row([document.0], |row| bytes(row, 0).map(Checksum::from_bytes)).optional()?;
    Ok(sum.unwrap_or_default())
}

/// One entry for each document of which anything is shared.
pub(crate) fn inventory(db: &Connection) -> Result<Vec<InventoryEntry>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT document, sum FROM shared_sum ORDER BY document")?;
    let rows = statement.query_map([], |row| {
        let fingerprint = Checksum::from_bytes(bytes(row, 1)?);
        Ok(InventoryEntry { document: DocumentId(bytes(row, 0)?), fingerprint })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A document is not held any more.
pub(crate) fn forget(db: &Connection, document: &DocumentId) -> Result<(), DeviceError> {
    let total = total(db)?.minus(of_document(db, document)?);
    if db.execute("DELETE FROM shared_sum WHERE document = ?1", [document.0])? > 0 {
        db.execute("UPDATE sync_state SET shared_sum = ?1", [total.to_bytes()])?;
    }
    Ok(())
}
