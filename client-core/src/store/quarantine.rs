//! Deliveries that were not accepted. Kept whole and with the reason, so that a later try can take them.

use rusqlite::{Connection, params};
use sync_protocol::frame::DeliveredDocument;
use sync_protocol::{DocumentId, UnixMillis};

use super::{bytes, incoming};
use crate::DeviceError;

/// Keeps a delivery; gives the positions of its changes that were not kept before.
///
/// A second one for the same document joins the first; the newer reason shows.
pub(crate) fn keep(
    db: &Connection,
    delivery: &DeliveredDocument,
    reason: &str,
    now: UnixMillis,
) -> Result<Vec<usize>, DeviceError> {
    db.execute(
        "INSERT INTO quarantine (document, reason, since_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT (document) DO UPDATE SET reason = ?2",
        params![delivery.document.0, reason, now.0],
    )?;
    let mut statement =
        db.prepare_cached("INSERT OR IGNORE INTO quarantined_item (document, kind, body) VALUES (?1, ?2, ?3)")?;
    let (mut added, mut position) = (Vec::new(), 0);
    for (kind, body) in incoming::items(delivery)? {
        let inserted = statement.execute(params![delivery.document.0, kind, body])? > 0;
        if kind == incoming::CHANGE {
            if inserted {
                added.push(position);
            }
            position += 1;
        }
    }
    Ok(added)
}

/// What is kept of a document; none if nothing is.
pub(crate) fn kept(db: &Connection, document: &DocumentId) -> Result<Option<DeliveredDocument>, DeviceError> {
    let mut statement =
        db.prepare_cached("SELECT kind, body FROM quarantined_item WHERE document = ?1 ORDER BY number")?;
    let rows = statement.query_map([document.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let items = rows.collect::<Result<Vec<_>, _>>()?;
    if items.is_empty() {
        return Ok(None);
    }
    incoming::assemble(*document, items).map(Some)
}

/// The content was accepted after all.
pub(crate) fn release(db: &Connection, document: &DocumentId) -> Result<(), DeviceError> {
    db.execute("DELETE FROM quarantine WHERE document = ?1", [document.0])?;
    Ok(())
}

/// Whether anything is in quarantine: spares looking up each document.
pub(crate) fn any(db: &Connection) -> Result<bool, DeviceError> {
    Ok(db.prepare_cached("SELECT 1 FROM quarantine LIMIT 1")?.exists([])?)
}

/// Documents with a reason and since when, by this device's clock.
pub(crate) fn all(db: &Connection) -> Result<Vec<(DocumentId, String, UnixMillis)>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT document, reason, since_ms FROM quarantine ORDER BY since_ms")?;
    let rows = statement.query_map([], |row| Ok((DocumentId(bytes(row, 0)?), row.get(1)?, UnixMillis(row.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
