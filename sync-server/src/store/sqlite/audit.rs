//! The audit trail: each row carries the hash of the one before.

use rusqlite::{Connection, OptionalExtension, params};
use sync_protocol::{DeviceId, OrganizationId, PractitionerId, UnixMillis};

use super::rows::{bytes, organizations_of, within};
use crate::store::{AuditRow, NewAuditRow, Scope, StoreError};

pub(super) fn append(db: &Connection, new: &NewAuditRow) -> Result<(), StoreError> {
    let (last_seq, previous_hash) = last(db)?;
    let mut row = AuditRow {
        seq: last_seq + 1,
        at: new.at,
        action: new.action.to_owned(),
        device: new.device,
        practitioner: new.practitioner.as_ref().map(PractitionerId::to_string),
        organization: new.organization.as_ref().map(OrganizationId::to_string),
        detail: new.detail.to_string(),
        previous_hash,
        hash: [0; 32],
    };
    row.hash = row.expected_hash();
    let sql = "INSERT INTO audit (seq, at_ms, action, device, practitioner, organization, detail, previous_hash, hash)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let values = params![
        row.seq,
        row.at.0,
        row.action,
        row.device.map(|d| d.0),
        row.practitioner,
        row.organization,
        row.detail,
        row.previous_hash,
        row.hash,
    ];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn last(db: &Connection) -> Result<(u64, [u8; 32]), StoreError> {
    let mut statement = db.prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?;
    let last: Option<(u64, Vec<u8>)> = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    last.map_or(Ok((0, [0; 32])), |(seq, hash)| Ok((seq, bytes("audit hash", &hash)?)))
}

pub(super) fn page(db: &Connection, scope: &Scope, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
    let within = within(scope, "organization");
    let sql = format!(
        "SELECT seq, at_ms, action, device, practitioner, organization, detail, previous_hash, hash FROM audit
         WHERE {within} AND seq > ?2 ORDER BY seq LIMIT ?3"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params![organizations_of(scope)?, after, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let device: Option<Vec<u8>> = row.get(3)?;
        found.push(AuditRow {
            seq: row.get(0)?,
            at: UnixMillis(row.get(1)?),
            action: row.get(2)?,
            device: device.map(|id| bytes("device id", &id).map(DeviceId)).transpose()?,
            practitioner: row.get(4)?,
            organization: row.get(5)?,
            detail: row.get(6)?,
            previous_hash: bytes("audit hash", &row.get::<_, Vec<u8>>(7)?)?,
            hash: bytes("audit hash", &row.get::<_, Vec<u8>>(8)?)?,
        });
    }
    Ok(found)
}
