//! Unsent work in documents that this device may no longer have.

use rusqlite::{Connection, params};
use sync_protocol::{ChangeHash, DocumentId, OrganizationId, PatientId, UnixMillis};

use super::documents::StoredDocument;
use super::{bytes, unreadable};
use crate::{ChartRef, DeviceError};

/// A change that was made here, not sent, and whose document was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptChange {
    /// The document.
    pub document: DocumentId,
    /// The chart; none for the directory.
    pub chart: Option<ChartRef>,
    /// The change.
    pub change: ChangeHash,
    /// When it was made, by this device's clock.
    pub made_at: UnixMillis,
}

/// Copies the unsent changes of a document aside.
pub(crate) fn keep(db: &Connection, document: &StoredDocument) -> Result<usize, DeviceError> {
    let descriptor = &document.descriptor;
    Ok(db.execute(
        "INSERT OR IGNORE INTO kept_work (document, organization, patient, hash, actor, payload, made_ms)
         SELECT ?2, ?3, ?4, change.hash, change.actor, change.payload, outbox.queued_ms
         FROM outbox JOIN change ON change.number = outbox.change WHERE outbox.document = ?1 ORDER BY outbox.seq",
        params![
            document.number,
            document.id.0,
            descriptor.organization.as_str(),
            descriptor.patient.as_ref().map(PatientId::as_str)
        ],
    )?)
}

/// A kept change with what it takes to put it back.
pub(crate) struct Returning {
    pub(crate) hash: ChangeHash,
    pub(crate) actor: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) made_at: UnixMillis,
}

/// What is kept of a document, oldest first.
pub(crate) fn of_document(db: &Connection, document: &DocumentId) -> Result<Vec<Returning>, DeviceError> {
    let mut statement =
        db.prepare_cached("SELECT hash, actor, payload, made_ms FROM kept_work WHERE document = ?1 ORDER BY number")?;
    let rows = statement.query_map([document.0], |row| {
        Ok(Returning {
            hash: ChangeHash(bytes(row, 0)?),
            actor: row.get(1)?,
            payload: row.get(2)?,
            made_at: UnixMillis(row.get(3)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn forget(db: &Connection, document: &DocumentId, change: &ChangeHash) -> Result<(), DeviceError> {
    db.execute("DELETE FROM kept_work WHERE document = ?1 AND hash = ?2", params![document.0, change.0])?;
    Ok(())
}

/// All that is kept, oldest first.
pub(crate) fn all(db: &Connection) -> Result<Vec<KeptChange>, DeviceError> {
    let fail = |_| unreadable("reading kept work");
    let mut statement =
        db.prepare_cached("SELECT document, organization, patient, hash, made_ms FROM kept_work ORDER BY number")?;
    let mut rows = statement.query([])?;
    let mut kept = Vec::new();
    while let Some(row) = rows.next()? {
        let patient: Option<String> = row.get(2)?;
        let chart = match patient {
            None => None,
            Some(patient) => Some(ChartRef {
                organization: OrganizationId::new(row.get::<_, String>(1)?).map_err(fail)?,
                patient: PatientId::new(patient).map_err(fail)?,
            }),
        };
        kept.push(KeptChange {
            document: DocumentId(bytes(row, 0)?),
            chart,
            change: ChangeHash(bytes(row, 3)?),
            made_at: UnixMillis(row.get(4)?),
        });
    }
    Ok(kept)
}
