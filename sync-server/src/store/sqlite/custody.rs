//! Changes kept for a privacy officer.

use rusqlite::{Connection, Row, params};
use sync_protocol::{ChangeHash, DeviceId, DocumentId, UnixMillis};

use super::decisions;
use super::rows::{bytes, from_json, organizations_of, parse, to_json, within};
use crate::store::{CustodyCase, CustodyEntry, Scope, StoreError};

pub(super) fn put(db: &Connection, entry: &CustodyEntry) -> Result<(), StoreError> {
    let sql = "INSERT INTO custody (document_id, descriptor, hash, payload, signature, device, practitioner,
               organization, reason, received_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
               ON CONFLICT DO NOTHING";
    let values = params![
        entry.descriptor.id().0,
        to_json(&entry.descriptor)?,
        entry.hash.0,
        entry.payload,
        entry.signature.as_ref().map(to_json).transpose()?,
        entry.device.0,
        entry.practitioner.as_str(),
        entry.organization.as_str(),
        to_json(&entry.reason)?,
        entry.received_at.0,
    ];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn contains(db: &Connection, document: &DocumentId, hash: &ChangeHash) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM custody WHERE document_id = ?1 AND hash = ?2)";
    Ok(db.prepare_cached(sql)?.query_row(params![document.0, hash.0], |row| row.get(0))?)
}

pub(super) const ENTRY: &str =
    "descriptor, hash, payload, signature, device, practitioner, organization, reason, received_at_ms";

pub(super) fn all(db: &Connection) -> Result<Vec<CustodyEntry>, StoreError> {
    let mut statement = db.prepare(&format!("SELECT {ENTRY} FROM custody ORDER BY id"))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(entry(row)?);
    }
    Ok(found)
}

pub(super) fn entry(row: &Row<'_>) -> Result<CustodyEntry, StoreError> {
    let signature: Option<String> = row.get(3)?;
    Ok(CustodyEntry {
        descriptor: from_json("descriptor", &row.get::<_, String>(0)?)?,
        hash: ChangeHash(bytes("change hash", &row.get::<_, Vec<u8>>(1)?)?),
        payload: row.get(2)?,
        signature: signature.map(|text| from_json("signature", &text)).transpose()?,
        device: DeviceId(bytes("device id", &row.get::<_, Vec<u8>>(4)?)?),
        practitioner: parse("practitioner id", &row.get::<_, String>(5)?)?,
        organization: parse("organization id", &row.get::<_, String>(6)?)?,
        reason: from_json("custody reason", &row.get::<_, String>(7)?)?,
        received_at: UnixMillis(row.get(8)?),
    })
}

/// What waits for a decision, or for a signature after one.
const OPEN: &str = "(outcome IS NULL OR outcome = 'accepted' AND NOT in_log)";

pub(super) fn page(db: &Connection, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CustodyCase>, StoreError> {
    // What is meant for an organization that does not exist is its author's to return.
    let of_nobody = within(scope, "organization");
    let within = within(scope, "descriptor ->> '$.o'");
    let sql = format!(
        "SELECT {} FROM custody WHERE ({within} OR {of_nobody} AND descriptor ->> '$.o' NOT IN (SELECT id FROM organization))
           AND {OPEN} AND id > ?2 ORDER BY id LIMIT ?3",
        decisions::case_columns()
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params![organizations_of(scope)?, after, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(decisions::case(row)?);
    }
    Ok(found)
}
