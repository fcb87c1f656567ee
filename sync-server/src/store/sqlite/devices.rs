//! Enrolment codes, devices and what each holds, certificates.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sync_protocol::identity::Certificate;
use sync_protocol::{AuthorId, DeviceId, PublicKey, UnixMillis};

use super::rows::{bytes, exists, found, from_json, organizations_of, parse, to_json, within};
use crate::store::{DeviceRecord, EnrolmentCode, Holdings, Scope, StoreError};

const DEVICE_COLUMNS: &str = "certificate, name, enrolled_at_ms, last_seen_ms, revoked_at_ms";

pub(super) fn add_enrolment_code(db: &Connection, code: &EnrolmentCode) -> Result<(), StoreError> {
    let sql = "INSERT INTO enrolment_code (code_hash, organization, practitioner, expires_at_ms)
               VALUES (?1, ?2, ?3, ?4)";
    let EnrolmentCode { code_hash, organization, practitioner, expires_at, .. } = code;
    let values = params![code_hash, organization.as_str(), practitioner.as_str(), expires_at.0];
    db.execute(sql, values).map_err(exists("enrolment code"))?;
    Ok(())
}

pub(super) fn enrolment_code(db: &Connection, code_hash: &[u8; 32]) -> Result<Option<EnrolmentCode>, StoreError> {
    let sql = "SELECT organization, practitioner, expires_at_ms, used_by FROM enrolment_code WHERE code_hash = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([code_hash])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let used_by: Option<Vec<u8>> = row.get(3)?;
    Ok(Some(EnrolmentCode {
        code_hash: *code_hash,
        organization: parse("organization id", &row.get::<_, String>(0)?)?,
        practitioner: parse("practitioner id", &row.get::<_, String>(1)?)?,
        expires_at: UnixMillis(row.get(2)?),
        used_by: used_by.map(|id| bytes("device id", &id).map(DeviceId)).transpose()?,
    }))
}

pub(super) fn enroll(db: &Connection, code_hash: &[u8; 32], device: &DeviceRecord) -> Result<(), StoreError> {
    let id = device.id();
    let used = "UPDATE enrolment_code SET used_by = ?2 WHERE code_hash = ?1 AND used_by IS NULL";
    found("unused enrolment code", db.execute(used, params![code_hash, id.0])?)?;
    add(db, device)
}

/// Adds a device, with its author's certificate.
pub(super) fn add(db: &Connection, device: &DeviceRecord) -> Result<(), StoreError> {
    let id = device.id();
    let sql = "INSERT INTO device (id, public_key, name, practitioner, organization, author, certificate,
               enrolled_at_ms, held, given, gone, withdrawals)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?9, 0)";
    let body = &device.certificate.body;
    let values = params![
        id.0,
        device.key().0,
        device.name,
        body.practitioner.as_str(),
        body.organization.as_str(),
        device.certificate.author().0,
        to_json(&device.certificate)?,
        device.enrolled_at.0,
        encode_bitmap(&RoaringBitmap::new()),
    ];
    db.execute(sql, values).map_err(exists("device"))?;
    put_certificate(db, &device.certificate)
}

pub(super) fn device_by_key(db: &Connection, key: &PublicKey) -> Result<Option<DeviceRecord>, StoreError> {
    let sql = format!("SELECT {DEVICE_COLUMNS} FROM device WHERE public_key = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([key.0])?;
    rows.next()?.map(device).transpose()
}

pub(super) fn devices(db: &Connection) -> Result<Vec<DeviceRecord>, StoreError> {
    let mut statement = db.prepare(&format!("SELECT {DEVICE_COLUMNS} FROM device ORDER BY enrolled_at_ms, id"))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(device(row)?);
    }
    Ok(found)
}

pub(super) fn devices_page(
    db: &Connection,
    scope: &Scope,
    after: Option<DeviceId>,
    limit: usize,
) -> Result<Vec<DeviceRecord>, StoreError> {
    let within = within(scope, "organization");
    let sql = format!("SELECT {DEVICE_COLUMNS} FROM device WHERE {within} AND id > ?2 ORDER BY id LIMIT ?3");
    let mut statement = db.prepare_cached(&sql)?;
    // An empty id is before every other.
    let after = after.map_or_else(Vec::new, |id| id.0.to_vec());
    let mut rows = statement.query(params![organizations_of(scope)?, after, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(device(row)?);
    }
    Ok(found)
}

pub(super) fn device_by_id(db: &Connection, id: &DeviceId) -> Result<DeviceRecord, StoreError> {
    let mut statement = db.prepare_cached(&format!("SELECT {DEVICE_COLUMNS} FROM device WHERE id = ?1"))?;
    let mut rows = statement.query([id.0])?;
    device(rows.next()?.ok_or(StoreError::NotFound("device"))?)
}

fn device(row: &Row<'_>) -> Result<DeviceRecord, StoreError> {
    Ok(DeviceRecord {
        certificate: from_json("certificate", &row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        enrolled_at: UnixMillis(row.get(2)?),
        last_seen: row.get::<_, Option<i64>>(3)?.map(UnixMillis),
        revoked_at: row.get::<_, Option<i64>>(4)?.map(UnixMillis),
    })
}

pub(super) fn seen(db: &Connection, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached("UPDATE device SET last_seen_ms = ?2 WHERE id = ?1")?;
    found("device", statement.execute(params![device.0, now.0])?)
}

pub(super) fn revoke(db: &Connection, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError> {
    // The first revocation's time stands.
    let sql = "UPDATE device SET revoked_at_ms = coalesce(revoked_at_ms, ?2) WHERE id = ?1";
    found("device", db.execute(sql, params![device.0, now.0])?)
}

pub(super) fn holdings(db: &Connection, device: &DeviceId) -> Result<Holdings, StoreError> {
    let mut statement = db.prepare_cached("SELECT held, given, gone, withdrawals, marked FROM device WHERE id = ?1")?;
    let mut rows = statement.query([device.0])?;
    let row = rows.next()?.ok_or(StoreError::NotFound("device"))?;
    Ok(Holdings {
        held: decode_bitmap(&row.get::<_, Vec<u8>>(0)?)?,
        given: decode_bitmap(&row.get::<_, Vec<u8>>(1)?)?,
        gone: decode_bitmap(&row.get::<_, Vec<u8>>(2)?)?,
        withdrawals: row.get(3)?,
        marked: match row.get::<_, Option<String>>(4)? {
            Some(marked) => from_json::<Vec<_>>("marks of documents", &marked)?.into_iter().collect(),
            None => BTreeMap::new(),
        },
    })
}

pub(super) fn set_holdings(db: &Connection, device: &DeviceId, holdings: &Holdings) -> Result<(), StoreError> {
    let sql = "UPDATE device SET held = ?2, given = ?3, gone = ?4, withdrawals = ?5, marked = ?6 WHERE id = ?1";
    let Holdings { held, given, gone, withdrawals, marked } = holdings;
    let marked = (!marked.is_empty()).then(|| to_json(&marked.iter().collect::<Vec<_>>())).transpose()?;
    let [held, given, gone] = [held, given, gone].map(encode_bitmap);
    let values = params![device.0, held, given, gone, withdrawals, marked];
    found("device", db.prepare_cached(sql)?.execute(values)?)
}

pub(super) fn decode_bitmap(blob: &[u8]) -> Result<RoaringBitmap, StoreError> {
    RoaringBitmap::deserialize_from(blob).map_err(|_| StoreError::Damaged("set of documents"))
}

pub(super) fn encode_bitmap(bitmap: &RoaringBitmap) -> Vec<u8> {
    let mut blob = Vec::with_capacity(bitmap.serialized_size());
    #[expect(clippy::expect_used, reason = "infallible writer")]
    bitmap.serialize_into(&mut blob).expect("writing into memory");
    blob
}

pub(super) fn certificate(db: &Connection, author: &AuthorId) -> Result<Option<Certificate>, StoreError> {
    let mut statement = db.prepare_cached("SELECT certificate FROM author_certificate WHERE author = ?1")?;
    let text: Option<String> = statement.query_row([author.0], |row| row.get(0)).optional()?;
    text.map(|text| from_json("certificate", &text)).transpose()
}

pub(super) fn put_certificate(db: &Connection, certificate: &Certificate) -> Result<(), StoreError> {
    let sql = "INSERT INTO author_certificate (author, certificate) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    db.prepare_cached(sql)?.execute(params![certificate.author().0, to_json(certificate)?])?;
    Ok(())
}
