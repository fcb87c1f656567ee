//! Parts of a document whose delivery goes on in the next batch.

use rusqlite::{Connection, params};
use serde_bytes::ByteBuf;
use sync_protocol::DocumentId;
use sync_protocol::frame::DeliveredDocument;

use super::unreadable;
use crate::DeviceError;

const DESCRIPTOR: &str = "descriptor";
/// Kind of a row that is a change.
pub(crate) const CHANGE: &str = "change";
const SIGNATURE: &str = "signature";

/// The rows that a delivery is kept as, here and in quarantine: (kind, body).
pub(crate) fn items(delivery: &DeliveredDocument) -> Result<Vec<(&'static str, Vec<u8>)>, DeviceError> {
    let fail = |_| unreadable("keeping a delivery");
    let mut items = Vec::new();
    if let Some(descriptor) = &delivery.descriptor {
        items.push((DESCRIPTOR, serde_json::to_vec(descriptor).map_err(fail)?));
    }
    items.extend(delivery.changes.iter().map(|change| (CHANGE, change.to_vec())));
    for signature in &delivery.signatures {
        items.push((SIGNATURE, serde_json::to_vec(signature).map_err(fail)?));
    }
    Ok(items)
}

/// A delivery from its rows, in their order.
pub(crate) fn assemble(document: DocumentId, items: Vec<(String, Vec<u8>)>) -> Result<DeliveredDocument, DeviceError> {
    let fail = |_| unreadable("reading a delivery");
    let mut delivery = DeliveredDocument {
        document,
        descriptor: None,
        changes: Vec::new(),
        signatures: Vec::new(),
        more: false,
        break_glass_until: None,
    };
    for (kind, body) in items {
        match kind.as_str() {
            DESCRIPTOR => delivery.descriptor = Some(serde_json::from_slice(&body).map_err(fail)?),
            CHANGE => delivery.changes.push(ByteBuf::from(body)),
            _ => delivery.signatures.push(serde_json::from_slice(&body).map_err(fail)?),
        }
    }
    Ok(delivery)
}

/// Keeps a part aside.
pub(crate) fn stage(db: &Connection, part: &DeliveredDocument) -> Result<(), DeviceError> {
    let mut statement = db.prepare_cached("INSERT INTO incoming_change (document, kind, body) VALUES (?1, ?2, ?3)")?;
    for (kind, body) in items(part)? {
        statement.execute(params![part.document.0, kind, body])?;
    }
    Ok(())
}

/// The parts kept for this document together with the last one; they are kept no longer.
pub(crate) fn complete(db: &Connection, last: DeliveredDocument) -> Result<DeliveredDocument, DeviceError> {
    let mut statement =
        db.prepare_cached("SELECT kind, body FROM incoming_change WHERE document = ?1 ORDER BY number")?;
    let rows = statement.query_map([last.document.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let staged = rows.collect::<Result<Vec<_>, _>>()?;
    if staged.is_empty() {
        return Ok(last);
    }
    db.execute("DELETE FROM incoming_change WHERE document = ?1", [last.document.0])?;
    let mut whole = assemble(last.document, staged)?;
    whole.descriptor = last.descriptor.or(whole.descriptor);
    whole.changes.extend(last.changes);
    whole.signatures.extend(last.signatures);
    Ok(whole)
}

/// Forgets all parts: the relay starts over from the stored cursor.
pub(crate) fn clear(db: &Connection) -> Result<(), DeviceError> {
    db.execute("DELETE FROM incoming_change", [])?;
    Ok(())
}

/// Forgets the parts of one document.
pub(crate) fn forget(db: &Connection, document: &DocumentId) -> Result<(), DeviceError> {
    db.execute("DELETE FROM incoming_change WHERE document = ?1", [document.0])?;
    Ok(())
}
