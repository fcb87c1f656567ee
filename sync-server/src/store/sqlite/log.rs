//! Documents, the change log and signatures.

use rusqlite::{Connection, OptionalExtension, params};
use sync_protocol::identity::ChangeSignature;
use sync_protocol::{
    AuthorId, ChangeHash, Checksum, DeviceId, DocumentDescriptor, DocumentId, OrganizationId, PatientId, Signature,
};

use super::rows::{bytes, descriptor};
use super::runs;
use crate::access::{AppendPermit, ReadPermit};
use crate::store::{ChangeFacts, DocumentEntry, NewChange, Position, StoreError, StoredChange, StoredSignature};

pub(super) fn visit_documents(
    db: &Connection,
    visit: &mut dyn FnMut(u32, DocumentDescriptor, Checksum),
) -> Result<(), StoreError> {
    let sql = "SELECT number, fingerprint, organization, patient, compartment, part FROM document ORDER BY number";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let fingerprint = Checksum::from_bytes(bytes("fingerprint", &row.get::<_, Vec<u8>>(1)?)?);
        visit(row.get(0)?, descriptor(row, 2)?, fingerprint);
    }
    Ok(())
}

pub(super) fn document(db: &Connection, id: &DocumentId) -> Result<Option<DocumentEntry>, StoreError> {
    let sql = "SELECT number, organization, patient, compartment, part FROM document WHERE id = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([id.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(DocumentEntry { number: row.get(0)?, id: *id, descriptor: descriptor(row, 1)? }))
}

pub(super) fn document_by_number(db: &Connection, number: u32) -> Result<DocumentEntry, StoreError> {
    let sql = "SELECT id, organization, patient, compartment, part FROM document WHERE number = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([number])?;
    let row = rows.next()?.ok_or(StoreError::NotFound("document"))?;
    let id = DocumentId(bytes("document id", &row.get::<_, Vec<u8>>(0)?)?);
    Ok(DocumentEntry { number, id, descriptor: descriptor(row, 1)? })
}

pub(super) fn documents_of_chart(
    db: &Connection,
    organization: &OrganizationId,
    patient: Option<&PatientId>,
) -> Result<Vec<(u32, DocumentDescriptor)>, StoreError> {
    let sql = "SELECT number, organization, patient, compartment, part FROM document
               WHERE organization = ?1 AND patient IS ?2 ORDER BY number";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![organization.as_str(), patient.map(PatientId::as_str)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, descriptor(row, 1)?));
    }
    Ok(found)
}

pub(super) fn head(db: &Connection) -> Result<Position, StoreError> {
    let mut statement = db.prepare_cached("SELECT coalesce(max(position), 0) FROM change_log")?;
    Ok(Position(statement.query_row([], |row| row.get(0))?))
}

pub(super) fn change(db: &Connection, document: u32, hash: &ChangeHash) -> Result<Option<ChangeFacts>, StoreError> {
    let sql = "SELECT position, max_op FROM change_log WHERE document = ?1 AND hash = ?2";
    let mut statement = db.prepare_cached(sql)?;
    let facts = |row: &rusqlite::Row<'_>| Ok(ChangeFacts { position: Position(row.get(0)?), max_op: row.get(1)? });
    match statement.query_row(params![document, hash.0], facts).optional()? {
        None => runs::change(db, document, hash),
        loose => Ok(loose),
    }
}

pub(super) fn last_seq(db: &Connection, document: u32, actor: &[u8]) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(seq), 0) FROM change_log WHERE document = ?1 AND actor = ?2";
    let loose: u64 = db.prepare_cached(sql)?.query_row(params![document, actor], |row| row.get(0))?;
    if loose > 0 { Ok(loose) } else { runs::last_seq(db, document, actor) }
}

pub(super) fn append(
    db: &Connection,
    permit: &AppendPermit<'_>,
    change: &NewChange<'_>,
) -> Result<(u32, Position), StoreError> {
    let id = permit.descriptor().id();
    let Known { document, fingerprint, packed } = match known(db, &id)? {
        Some(known) => known,
        None => Known {
            document: begin_document(db, &id, permit.descriptor())?,
            fingerprint: Checksum::default(),
            packed: false,
        },
    };
    // The indexes of the log keep out a second change under the same hash or number, but not one that stands in a run.
    if packed
        && (runs::change(db, document, &change.hash)?.is_some()
            || runs::last_seq(db, document, change.actor)? >= change.seq)
    {
        return Err(StoreError::Exists("change"));
    }
    let fingerprint = fingerprint.with(&id, &change.hash).to_bytes();
    db.prepare_cached("UPDATE document SET fingerprint = ?2, loose = loose + 1 WHERE number = ?1")?
        .execute(params![document, fingerprint])?;
    let sql = "INSERT INTO change_log (document, hash, actor, seq, max_op, origin, received_at_ms, payload)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values = params![
        document,
        change.hash.0,
        change.actor,
        change.seq,
        change.max_op,
        change.origin.0,
        change.received_at.0,
        change.payload,
    ];
    db.prepare_cached(sql)?.execute(values)?;
    Ok((document, Position(db.last_insert_rowid() as u64)))
}

/// A document that changes are appended to.
struct Known {
    document: u32,
    fingerprint: Checksum,
    /// Some of its changes stand in runs.
    packed: bool,
}

fn known(db: &Connection, id: &DocumentId) -> Result<Option<Known>, StoreError> {
    let mut statement = db.prepare_cached("SELECT number, fingerprint, packed_to > 0 FROM document WHERE id = ?1")?;
    let mut rows = statement.query([id.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let fingerprint = Checksum::from_bytes(bytes("fingerprint", &row.get::<_, Vec<u8>>(1)?)?);
    Ok(Some(Known { document: row.get(0)?, fingerprint, packed: row.get(2)? }))
}

fn begin_document(db: &Connection, id: &DocumentId, descriptor: &DocumentDescriptor) -> Result<u32, StoreError> {
    let sql = "INSERT INTO document (id, organization, patient, compartment, part, fingerprint)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![
        id.0,
        descriptor.organization.as_str(),
        descriptor.patient.as_ref().map(PatientId::as_str),
        descriptor.compartment.as_str(),
        descriptor.part,
        Checksum::default().to_bytes(),
    ];
    db.prepare_cached(sql)?.execute(values)?;
    u32::try_from(db.last_insert_rowid()).map_err(|_| StoreError::Damaged("document number"))
}

pub(super) fn put_signature(
    db: &Connection,
    permit: &AppendPermit<'_>,
    document: u32,
    stored: &StoredSignature,
) -> Result<(), StoreError> {
    // The permit names the document; a number that is not its own would be a mistake of ours.
    if document_by_number(db, document)?.id != permit.descriptor().id() {
        return Err(StoreError::NotPermitted);
    }
    let sql = "INSERT INTO author_signature (document, actor, seq, author, tip, signature)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT DO UPDATE SET seq = ?3, author = ?4, tip = ?5, signature = ?6 WHERE seq < ?3";
    let ChangeSignature { author, tip, signature } = &stored.signature;
    let values = params![document, stored.actor, stored.seq, author.0, tip.0, signature.0];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Changes that are being read, until they are as many bytes as were asked for.
pub(super) struct Page {
    changes: Vec<StoredChange>,
    bytes: usize,
    max_bytes: usize,
}

impl Page {
    pub(super) fn is_full(&self) -> bool {
        !self.changes.is_empty() && self.bytes >= self.max_bytes
    }

    pub(super) fn add(&mut self, change: StoredChange) {
        self.bytes += change.payload.len();
        self.changes.push(change);
    }
}

pub(super) fn changes(
    db: &Connection,
    permit: &ReadPermit<'_>,
    document: u32,
    after: Position,
    max_bytes: usize,
) -> Result<Vec<StoredChange>, StoreError> {
    if !permit.covers(document) {
        return Err(StoreError::NotPermitted);
    }
    read(db, document, after, max_bytes)
}

/// The changes of a document after a position. The caller has a permit for it.
pub(super) fn read(
    db: &Connection,
    document: u32,
    after: Position,
    max_bytes: usize,
) -> Result<Vec<StoredChange>, StoreError> {
    let mut page = Page { changes: Vec::new(), bytes: 0, max_bytes };
    // Runs take the oldest first, so whatever is loose comes after them.
    runs::read(db, document, after, &mut page)?;
    if !page.is_full() {
        loose_changes(db, document, after, &mut page)?;
    }
    Ok(page.changes)
}

fn loose_changes(db: &Connection, document: u32, after: Position, page: &mut Page) -> Result<(), StoreError> {
    // `INDEXED BY` the document: its changes are few, the log after `after` may be long. The positions first: what is sorted
    // is then small, and changes beyond the page are not touched.
    let sql = "WITH wanted AS MATERIALIZED (
                   SELECT position FROM change_log INDEXED BY change_by_hash
                   WHERE document = ?1 AND position > ?2 ORDER BY position)
               SELECT position, actor, payload FROM wanted CROSS JOIN change_log USING (position) ORDER BY position";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![document, after.0])?;
    while !page.is_full()
        && let Some(row) = rows.next()?
    {
        page.add(StoredChange { position: Position(row.get(0)?), actor: row.get(1)?, payload: row.get(2)? });
    }
    Ok(())
}

pub(super) fn signatures(
    db: &Connection,
    permit: &ReadPermit<'_>,
    document: u32,
) -> Result<Vec<StoredSignature>, StoreError> {
    if !permit.covers(document) {
        return Err(StoreError::NotPermitted);
    }
    let sql = "SELECT actor, seq, author, tip, signature FROM author_signature WHERE document = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([document])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let signature = ChangeSignature {
            author: AuthorId(bytes("author id", &row.get::<_, Vec<u8>>(2)?)?),
            tip: ChangeHash(bytes("change hash", &row.get::<_, Vec<u8>>(3)?)?),
            signature: Signature(bytes("signature", &row.get::<_, Vec<u8>>(4)?)?),
        };
        found.push(StoredSignature { actor: row.get(0)?, seq: row.get(1)?, signature });
    }
    Ok(found)
}

pub(super) fn log_after(
    db: &Connection,
    after: Position,
    limit: usize,
) -> Result<Vec<(Position, u32, DeviceId)>, StoreError> {
    // Both sides are read in the order of their keys, and only as far as the limit.
    let sql = "SELECT position, document, origin FROM change_log WHERE position > ?1
               UNION ALL
               SELECT position, document, (SELECT device FROM run_origin WHERE number = run_position.origin)
               FROM run_position WHERE position > ?1
               ORDER BY position LIMIT ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![after.0, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let origin = DeviceId(bytes("device id", &row.get::<_, Vec<u8>>(2)?)?);
        found.push((Position(row.get(0)?), row.get(1)?, origin));
    }
    Ok(found)
}
