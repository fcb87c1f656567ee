//! The trails of devices, with every branch.

use rusqlite::{Connection, Row, params};
use sync_protocol::{DeviceId, OrganizationId, PatientId, Signature, TrailHash, UnixMillis};

use super::rows::{bytes, from_json, to_json};
use crate::store::{KeptEntry, StoreError, TrailBranch, TrailStretch};

pub(super) fn branches(db: &Connection, device: &DeviceId) -> Result<Vec<TrailBranch>, StoreError> {
    let sql = "SELECT branch, first, previous,
                 (SELECT max(seq) FROM trail_entry WHERE device = ?1 AND branch = trail_branch.branch)
               FROM trail_branch WHERE device = ?1 ORDER BY branch DESC";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([device.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let first: u64 = row.get(1)?;
        found.push(TrailBranch {
            branch: row.get(0)?,
            first,
            previous: TrailHash(bytes("trail hash", &row.get::<_, Vec<u8>>(2)?)?),
            last: row.get::<_, Option<u64>>(3)?.unwrap_or(first - 1),
        });
    }
    Ok(found)
}

pub(super) fn begin_branch(
    db: &Connection,
    device: &DeviceId,
    branch: &TrailBranch,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO trail_branch (device, branch, first, previous, begun_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![device.0, branch.branch, branch.first, branch.previous.0, now.0];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn hashes(
    db: &Connection,
    device: &DeviceId,
    branch: u32,
    first: u64,
    last: u64,
) -> Result<Vec<(u64, TrailHash)>, StoreError> {
    let sql = "SELECT seq, hash FROM trail_entry WHERE device = ?1 AND branch = ?2 AND seq BETWEEN ?3 AND ?4
               ORDER BY seq";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.0, branch, first, last])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, TrailHash(bytes("trail hash", &row.get::<_, Vec<u8>>(1)?)?)));
    }
    Ok(found)
}

pub(super) fn add_entry(db: &Connection, kept: &KeptEntry) -> Result<(), StoreError> {
    let sql = "INSERT INTO trail_entry (device, branch, seq, entry, hash) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![kept.device.0, kept.branch, kept.seq, to_json(&kept.entry)?, kept.hash.0];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn add_stretch(db: &Connection, stretch: &TrailStretch) -> Result<(), StoreError> {
    let sql = "INSERT INTO trail_stretch (device, branch, last, hash, signature, row) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT DO NOTHING";
    let TrailStretch { device, branch, last, hash, signature, row } = stretch;
    db.prepare_cached(sql)?.execute(params![device.0, branch, last, hash.0, signature.0, row])?;
    Ok(())
}

const ENTRY: &str = "device, branch, seq, entry, hash";

pub(super) fn entries(
    db: &Connection,
    device: &DeviceId,
    branch: u32,
    after: u64,
    limit: usize,
) -> Result<Vec<KeptEntry>, StoreError> {
    let sql =
        format!("SELECT {ENTRY} FROM trail_entry WHERE device = ?1 AND branch = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params![device.0, branch, after, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(entry(row)?);
    }
    Ok(found)
}

fn entry(row: &Row<'_>) -> Result<KeptEntry, StoreError> {
    Ok(KeptEntry {
        device: DeviceId(bytes("device id", &row.get::<_, Vec<u8>>(0)?)?),
        branch: row.get(1)?,
        seq: row.get(2)?,
        entry: from_json("entry of a device's trail", &row.get::<_, String>(3)?)?,
        hash: TrailHash(bytes("trail hash", &row.get::<_, Vec<u8>>(4)?)?),
    })
}

pub(super) fn stretches(db: &Connection, device: &DeviceId, branch: u32) -> Result<Vec<TrailStretch>, StoreError> {
    let sql = "SELECT last, hash, signature, row FROM trail_stretch WHERE device = ?1 AND branch = ?2 ORDER BY last";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.0, branch])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(TrailStretch {
            device: *device,
            branch,
            last: row.get(0)?,
            hash: TrailHash(bytes("trail hash", &row.get::<_, Vec<u8>>(1)?)?),
            signature: Signature(bytes("signature", &row.get::<_, Vec<u8>>(2)?)?),
            row: row.get(3)?,
        });
    }
    Ok(found)
}

pub(super) fn of_chart(
    db: &Connection,
    organization: &OrganizationId,
    patient: &PatientId,
    (of_one, limit): (usize, usize),
) -> Result<Vec<KeptEntry>, StoreError> {
    // By the row that anchors each: no device's clock, and no device that tells too much, hides what others tell.
    let sql = format!(
        "SELECT {ENTRY} FROM (
           SELECT {ENTRY}, anchor, row_number() OVER (PARTITION BY device ORDER BY anchor DESC, seq DESC) AS nth FROM (
             SELECT {ENTRY}, (SELECT row FROM trail_stretch
                              WHERE trail_stretch.device = trail_entry.device
                                AND trail_stretch.branch = trail_entry.branch AND last >= seq
                              ORDER BY last LIMIT 1) AS anchor
             FROM trail_entry WHERE entry ->> '$.p' IS NOT NULL AND entry ->> '$.o' = ?1 AND entry ->> '$.p' = ?2))
         WHERE nth <= ?3 ORDER BY anchor, seq LIMIT ?4"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params![organization.as_str(), patient.as_str(), of_one, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(entry(row)?);
    }
    Ok(found)
}
