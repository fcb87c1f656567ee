//! Whose word counts: pinned organization keys and the certificates they signed.

use rusqlite::{Connection, OptionalExtension, Row, params};
use sync_protocol::frame::OrganizationKey;
use sync_protocol::identity::{Certificate, CertificateBody};
use sync_protocol::{AuthorId, OrganizationId, PractitionerId, PublicKey, Signature, UnixMillis};

use super::{bytes, unreadable};
use crate::DeviceError;

/// What came of an organization key that was shown to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinning {
    /// Pinned now or before.
    Pinned,
    /// Another key is pinned; this one is remembered as refused.
    Changed,
}

/// Pins the key if it is the first of its organization.
pub(crate) fn pin(db: &Connection, shown: &OrganizationKey) -> Result<Pinning, DeviceError> {
    match pinned(db, &shown.organization)? {
        None => {
            db.execute(
                "INSERT INTO organization_key (organization, key) VALUES (?1, ?2)",
                params![shown.organization.as_str(), shown.key.0],
            )?;
            Ok(Pinning::Pinned)
        }
        Some(key) if key == shown.key => Ok(Pinning::Pinned),
        Some(_) => {
            db.execute(
                "UPDATE organization_key SET rejected_key = ?2 WHERE organization = ?1",
                params![shown.organization.as_str(), shown.key.0],
            )?;
            Ok(Pinning::Changed)
        }
    }
}

pub(crate) fn pinned(db: &Connection, organization: &OrganizationId) -> Result<Option<PublicKey>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT key FROM organization_key WHERE organization = ?1")?;
    Ok(statement.query_row([organization.as_str()], |row| bytes(row, 0).map(PublicKey)).optional()?)
}

/// Organizations of which another key than the pinned one was shown, with that key.
pub(crate) fn changed_keys(db: &Connection) -> Result<Vec<OrganizationKey>, DeviceError> {
    let mut statement =
        db.prepare_cached("SELECT organization, rejected_key FROM organization_key WHERE rejected_key IS NOT NULL")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, bytes::<32>(row, 1)?)))?;
    rows.map(|row| {
        let (organization, key) = row?;
        Ok(OrganizationKey { organization: organization_id(organization)?, key: PublicKey(key) })
    })
    .collect()
}

/// Makes a changed key the pinned one, after a person has checked it. False if none was shown.
pub(crate) fn accept_changed_key(db: &Connection, organization: &OrganizationId) -> Result<bool, DeviceError> {
    let changed = db.execute(
        "UPDATE organization_key SET key = rejected_key, rejected_key = NULL
         WHERE organization = ?1 AND rejected_key IS NOT NULL",
        [organization.as_str()],
    )?;
    for certificate in certificates_of(db, organization)? {
        store(db, &certificate)?;
    }
    Ok(changed > 0)
}

/// Keeps a certificate and says whether its organization's pinned key vouches for it.
///
/// One that nothing vouches for never replaces one that is trusted.
pub(crate) fn store(db: &Connection, certificate: &Certificate) -> Result<bool, DeviceError> {
    let trusted = pinned(db, &certificate.body.organization)?.is_some_and(|key| certificate.verify(&key).is_ok());
    let body = &certificate.body;
    db.prepare_cached(
        "INSERT INTO certificate
             (author, device_key, practitioner, organization, not_before, not_after, signature, trusted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (author) DO UPDATE SET organization = ?4, not_before = ?5, not_after = ?6, signature = ?7,
             trusted = ?8 WHERE ?8 >= trusted",
    )?
    .execute(params![
        certificate.author().0,
        body.device_key.0,
        body.practitioner.as_str(),
        body.organization.as_str(),
        body.not_before.0,
        body.not_after.0,
        certificate.signature.0,
        trusted
    ])?;
    Ok(trusted)
}

/// The certificate of an author, if a pinned key vouches for it.
pub(crate) fn trusted(db: &Connection, author: &AuthorId) -> Result<Option<Certificate>, DeviceError> {
    let sql = "SELECT device_key, practitioner, organization, not_before, not_after, signature FROM certificate
               WHERE author = ?1 AND trusted = 1";
    let row = db.prepare_cached(sql)?.query_row([author.0], read).optional()?;
    row.map(certificate).transpose()
}

fn certificates_of(db: &Connection, organization: &OrganizationId) -> Result<Vec<Certificate>, DeviceError> {
    let sql = "SELECT device_key, practitioner, organization, not_before, not_after, signature FROM certificate
               WHERE organization = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([organization.as_str()], read)?;
    rows.map(|row| certificate(row?)).collect()
}

type CertificateRow = ([u8; 32], String, String, i64, i64, [u8; 64]);

fn read(row: &Row<'_>) -> rusqlite::Result<CertificateRow> {
    Ok((bytes(row, 0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, bytes(row, 5)?))
}

fn certificate(row: CertificateRow) -> Result<Certificate, DeviceError> {
    let (device_key, practitioner, organization, not_before, not_after, signature) = row;
    let body = CertificateBody {
        device_key: PublicKey(device_key),
        practitioner: PractitionerId::new(practitioner).map_err(|_| unreadable("reading a certificate"))?,
        organization: organization_id(organization)?,
        not_before: UnixMillis(not_before),
        not_after: UnixMillis(not_after),
    };
    Ok(Certificate { body, signature: Signature(signature) })
}

fn organization_id(text: String) -> Result<OrganizationId, DeviceError> {
    OrganizationId::new(text).map_err(|_| unreadable("reading an organization"))
}
