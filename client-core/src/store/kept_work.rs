//! Unsent work in documents that this device may no longer have.

use rusqlite::{Connection, params};
use sync_protocol::{ChangeHash, Compartment, DocumentDescriptor, DocumentId, OrganizationId, PatientId, UnixMillis};

use super::documents::StoredDocument;
use super::outbox::Unsent;
use super::{bytes, unreadable};
use crate::{ChartRef, DeviceError};

/// What became of work that was kept aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeptState {
    /// Stays here until the right returns.
    Kept,
    /// To be sent, for a privacy officer to decide.
    Queued,
    /// With the relay, until a privacy officer has decided.
    Custody,
    /// The relay does not take it.
    Refused,
    /// A privacy officer returned it; it becomes a draft when the chart is here again.
    Returned,
}

impl KeptState {
    const ALL: [Self; 5] = [Self::Kept, Self::Queued, Self::Custody, Self::Refused, Self::Returned];

    fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Queued => "queued",
            Self::Custody => "custody",
            Self::Refused => "refused",
            Self::Returned => "returned",
        }
    }

    fn parse(text: &str) -> Result<Self, DeviceError> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| unreadable("reading kept work"))
    }
}

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
    /// What became of it.
    pub state: KeptState,
    /// Why, where the relay or a privacy officer said so.
    pub reason: Option<String>,
}

/// Copies the unsent changes of a document aside. Those that were queued become `unsent`.
pub(crate) fn keep(db: &Connection, document: &StoredDocument, unsent: KeptState) -> Result<usize, DeviceError> {
    let descriptor = &document.descriptor;
    Ok(db.execute(
        "INSERT OR IGNORE INTO kept_work
             (document, organization, patient, compartment, part, hash, actor, payload, made_ms, state, reason)
         SELECT ?2, ?3, ?4, ?5, ?6, change.hash, change.actor, change.payload, outbox.queued_ms,
                CASE outbox.state WHEN 'queued' THEN ?7 ELSE outbox.state END, outbox.reason
         FROM outbox JOIN change ON change.number = outbox.change WHERE outbox.document = ?1 ORDER BY outbox.seq",
        params![
            document.number,
            document.id.0,
            descriptor.organization.as_str(),
            descriptor.patient.as_ref().map(PatientId::as_str),
            descriptor.compartment.as_str(),
            descriptor.part,
            unsent.as_str()
        ],
    )?)
}

/// A kept change with what it takes to put it back.
pub(crate) struct Returning {
    pub(crate) hash: ChangeHash,
    pub(crate) actor: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) made_at: UnixMillis,
    pub(crate) state: KeptState,
    pub(crate) reason: Option<String>,
}

/// What is kept of a document, oldest first.
pub(crate) fn of_document(db: &Connection, document: &DocumentId) -> Result<Vec<Returning>, DeviceError> {
    let mut statement = db.prepare_cached(
        "SELECT hash, actor, payload, made_ms, state, reason FROM kept_work WHERE document = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([document.0])?;
    let mut kept = Vec::new();
    while let Some(row) = rows.next()? {
        kept.push(Returning {
            hash: ChangeHash(bytes(row, 0)?),
            actor: row.get(1)?,
            payload: row.get(2)?,
            made_at: UnixMillis(row.get(3)?),
            state: KeptState::parse(&row.get::<_, String>(4)?)?,
            reason: row.get(5)?,
        });
    }
    Ok(kept)
}

/// A kept change, or one that is held back in a document that is here, with its bytes.
pub(crate) fn own_payload(
    db: &Connection,
    document: &DocumentId,
    change: &ChangeHash,
) -> Result<Option<Vec<u8>>, DeviceError> {
    let sql = "SELECT payload FROM kept_work WHERE document = ?1 AND hash = ?2
               UNION ALL
               SELECT change.payload FROM outbox JOIN change ON change.number = outbox.change
               JOIN document ON document.number = outbox.document WHERE document.id = ?1 AND change.hash = ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![document.0, change.0])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

/// Takes a change out. True if it was there.
pub(crate) fn forget(db: &Connection, document: &DocumentId, change: &ChangeHash) -> Result<bool, DeviceError> {
    let sql = "DELETE FROM kept_work WHERE document = ?1 AND hash = ?2";
    Ok(db.execute(sql, params![document.0, change.0])? > 0)
}

pub(crate) fn has(db: &Connection, document: &DocumentId, change: &ChangeHash) -> Result<bool, DeviceError> {
    let mut statement = db.prepare_cached("SELECT 1 FROM kept_work WHERE document = ?1 AND hash = ?2")?;
    Ok(statement.exists(params![document.0, change.0])?)
}

/// Notes what became of a change.
pub(crate) fn set_state(
    db: &Connection,
    document: &DocumentId,
    change: &ChangeHash,
    state: KeptState,
    reason: Option<&str>,
) -> Result<(), DeviceError> {
    let sql = "UPDATE kept_work SET state = ?3, reason = ?4 WHERE document = ?1 AND hash = ?2";
    db.execute(sql, params![document.0, change.0, state.as_str(), reason])?;
    Ok(())
}

/// Puts changes that were refused for this reason back in the queue.
pub(crate) fn requeue_refused_because(db: &Connection, reason: &str) -> Result<(), DeviceError> {
    let sql = "UPDATE kept_work SET state = 'queued', reason = NULL WHERE state = 'refused' AND reason = ?1";
    db.prepare_cached(sql)?.execute([reason])?;
    Ok(())
}

/// Has all that the relay does not have sent: everything is about to be erased.
pub(crate) fn queue_all(db: &Connection) -> Result<(), DeviceError> {
    db.execute("UPDATE kept_work SET state = 'queued', reason = NULL WHERE state IN ('kept', 'refused')", [])?;
    Ok(())
}

/// The charts of the changes that wait to be sent, once for each change; none stands for the directory.
pub(crate) fn queued(db: &Connection) -> Result<Vec<Option<ChartRef>>, DeviceError> {
    let queued = all(db)?.into_iter().filter(|kept| kept.state == KeptState::Queued);
    Ok(queued.map(|kept| kept.chart).collect())
}

/// Whether any wait to be sent.
pub(crate) fn has_queued(db: &Connection) -> Result<bool, DeviceError> {
    Ok(db.prepare_cached("SELECT 1 FROM kept_work WHERE state = 'queued' LIMIT 1")?.exists([])?)
}

/// Changes to be sent after row `after`, of one document; none if there is no more. `seq` is the row, `document` is 0.
pub(crate) fn next(
    db: &Connection,
    after: i64,
    limit: usize,
    bytes_target: usize,
) -> Result<Option<(DocumentDescriptor, Vec<Unsent>)>, DeviceError> {
    let mut statement = db.prepare_cached(
        "SELECT number, document, organization, patient, compartment, part, hash, payload FROM kept_work
         WHERE state = 'queued' AND number > ?1 ORDER BY number LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut found: Option<(DocumentDescriptor, Vec<Unsent>)> = None;
    let mut size = 0;
    while size < bytes_target
        && let Some(row) = rows.next()?
    {
        let id = DocumentId(bytes(row, 1)?);
        // Kept by an earlier version, and not to be told from its id: it stays here.
        let Some(descriptor) = descriptor(id, (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))? else { continue };
        let payload: Vec<u8> = row.get(7)?;
        let unsent = Unsent { seq: row.get(0)?, document: 0, hash: ChangeHash(bytes(row, 6)?), payload };
        match &mut found {
            None => {
                size += unsent.payload.len();
                found = Some((descriptor, vec![unsent]));
            }
            Some((same, changes)) if *same == descriptor => {
                size += unsent.payload.len();
                changes.push(unsent);
            }
            Some(_) => break,
        }
    }
    Ok(found)
}

type Described = (String, Option<String>, Option<String>, Option<String>);

/// What a kept change's document is about. Rows of the first schema do not say the compartment: it is tried out.
fn descriptor(id: DocumentId, row: Described) -> Result<Option<DocumentDescriptor>, DeviceError> {
    let fail = |_| unreadable("reading kept work");
    let (organization, patient, compartment, part) = row;
    let organization = OrganizationId::new(organization).map_err(fail)?;
    let patient = patient.map(PatientId::new).transpose().map_err(fail)?;
    let candidates = match compartment {
        Some(text) => vec![text.parse::<Compartment>().map_err(|_| unreadable("reading kept work"))?],
        None => Compartment::ALL.to_vec(),
    };
    let part = part.unwrap_or_default();
    let described = candidates.into_iter().map(|compartment| DocumentDescriptor {
        organization: organization.clone(),
        patient: patient.clone(),
        compartment,
        part: part.clone(),
    });
    Ok(described.into_iter().find(|descriptor| descriptor.id() == id))
}

/// All that is kept, oldest first.
pub(crate) fn all(db: &Connection) -> Result<Vec<KeptChange>, DeviceError> {
    let fail = |_| unreadable("reading kept work");
    let mut statement = db.prepare_cached(
        "SELECT document, organization, patient, hash, made_ms, state, reason FROM kept_work ORDER BY number",
    )?;
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
            state: KeptState::parse(&row.get::<_, String>(5)?)?,
            reason: row.get(6)?,
        });
    }
    Ok(kept)
}
