//! Receipts of what devices removed, as they were signed.

use rusqlite::{Connection, params};
use sync_protocol::frame::PurgeReceipt;
use sync_protocol::{DeviceId, DocumentId, Signature, UnixMillis};

use super::rows::bytes;
use crate::store::{KeptReceipt, StoreError};

pub(super) fn keep(db: &Connection, device: &DeviceId, kept: &KeptReceipt) -> Result<bool, StoreError> {
    let sql = "INSERT INTO purge_receipt (device, receipt, signature, documents, wiped, purged_at_ms, received_at_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let receipt = &kept.receipt;
    let documents: Vec<u8> = receipt.documents.iter().flat_map(|document| document.0).collect();
    let values = params![
        device.0,
        // As signed: SQLite knows no unsigned numbers, and a device may count as it likes.
        receipt.receipt.cast_signed(),
        receipt.signature.0,
        documents,
        receipt.wiped,
        receipt.purged_at.0,
        kept.received_at.0,
    ];
    Ok(db.prepare_cached(sql)?.execute(values)? > 0)
}

pub(super) fn of(db: &Connection, device: &DeviceId) -> Result<Vec<KeptReceipt>, StoreError> {
    let sql = "SELECT receipt, signature, documents, wiped, purged_at_ms, received_at_ms FROM purge_receipt
               WHERE device = ?1 ORDER BY receipt";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([device.0])?;
    let mut receipts = Vec::new();
    while let Some(row) = rows.next()? {
        let documents: Vec<u8> = row.get(2)?;
        let documents = documents.chunks(DocumentId::LEN).map(|id| bytes("document id", id).map(DocumentId));
        receipts.push(KeptReceipt {
            receipt: PurgeReceipt {
                receipt: row.get::<_, i64>(0)?.cast_unsigned(),
                documents: documents.collect::<Result<_, _>>()?,
                wiped: row.get(3)?,
                purged_at: UnixMillis(row.get(4)?),
                signature: Signature(bytes("signature", &row.get::<_, Vec<u8>>(1)?)?),
            },
            received_at: UnixMillis(row.get(5)?),
        });
    }
    Ok(receipts)
}
