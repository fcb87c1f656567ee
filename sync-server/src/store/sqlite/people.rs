//! Organizations, practitioners, and what ties them together.

use rusqlite::{Connection, OptionalExtension, Row, params};
use sync_protocol::identity::SecretKey;
use sync_protocol::{OrganizationId, PractitionerId, PublicKey, UnixMillis};

use super::rows::{bytes, exists, found, from_json, organizations_of, parse, to_json, within};
use crate::access::{Affiliation, Grant, PractitionerRole};
use crate::store::{OrganizationRecord, PractitionerRecord, Scope, StoreError};

pub(super) fn add_organization(db: &Connection, organization: &OrganizationRecord) -> Result<(), StoreError> {
    let sql = "INSERT INTO organization (id, name, secret_key, public_key) VALUES (?1, ?2, ?3, ?4)";
    let OrganizationRecord { id, name, key } = organization;
    db.execute(sql, params![id.as_str(), name, key.seed(), key.public().0]).map_err(exists("organization"))?;
    Ok(())
}

pub(super) fn organizations(db: &Connection) -> Result<Vec<OrganizationRecord>, StoreError> {
    let mut statement = db.prepare_cached("SELECT id, name, secret_key FROM organization ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id = parse("organization id", &row.get::<_, String>(0)?)?;
        let seed = bytes("enrolment key", &row.get::<_, Vec<u8>>(2)?)?;
        found.push(OrganizationRecord { id, name: row.get(1)?, key: SecretKey::from_seed(seed) });
    }
    Ok(found)
}

pub(super) fn organization_key(db: &Connection, id: &OrganizationId) -> Result<Option<PublicKey>, StoreError> {
    let mut statement = db.prepare_cached("SELECT public_key FROM organization WHERE id = ?1")?;
    let key: Option<Vec<u8>> = statement.query_row([id.as_str()], |row| row.get(0)).optional()?;
    key.map(|key| Ok(PublicKey(bytes("enrolment key", &key)?))).transpose()
}

pub(super) fn add_practitioner(db: &Connection, practitioner: &PractitionerRecord) -> Result<(), StoreError> {
    let sql = "INSERT INTO practitioner (id, name, organization) VALUES (?1, ?2, ?3)";
    let organization = practitioner.organization.as_ref().map(OrganizationId::as_str);
    db.execute(sql, params![practitioner.id.as_str(), practitioner.name, organization])
        .map_err(exists("practitioner"))?;
    Ok(())
}

pub(super) fn practitioners(db: &Connection) -> Result<Vec<PractitionerRecord>, StoreError> {
    let mut statement = db.prepare_cached("SELECT id, name, organization FROM practitioner ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(practitioner_of(row)?);
    }
    Ok(found)
}

pub(super) fn practitioner(db: &Connection, id: &PractitionerId) -> Result<PractitionerRecord, StoreError> {
    let mut statement = db.prepare_cached("SELECT id, name, organization FROM practitioner WHERE id = ?1")?;
    let mut rows = statement.query([id.as_str()])?;
    practitioner_of(rows.next()?.ok_or(StoreError::NotFound("practitioner"))?)
}

fn practitioner_of(row: &Row<'_>) -> Result<PractitionerRecord, StoreError> {
    let organization: Option<String> = row.get(2)?;
    Ok(PractitionerRecord {
        id: parse("practitioner id", &row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        organization: organization.map(|id| parse("organization id", &id)).transpose()?,
    })
}

pub(super) fn put_role(db: &Connection, role: &PractitionerRole) -> Result<(), StoreError> {
    let sql = "INSERT INTO practitioner_role (practitioner, organization, role, sensitive, until_ms)
               VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET sensitive = ?4, until_ms = ?5";
    let sensitive = to_json(&role.sensitive)?;
    let until = role.until.map(|until| until.0);
    let values = params![role.practitioner.as_str(), role.organization.as_str(), role.role.as_str(), sensitive, until];
    db.execute(sql, values).map_err(exists("role"))?;
    Ok(())
}

pub(super) fn remove_role(db: &Connection, role: &PractitionerRole) -> Result<(), StoreError> {
    let sql = "DELETE FROM practitioner_role WHERE practitioner = ?1 AND organization = ?2 AND role = ?3";
    let values = params![role.practitioner.as_str(), role.organization.as_str(), role.role.as_str()];
    found("role", db.execute(sql, values)?)
}

pub(super) fn roles(db: &Connection, of: Option<&PractitionerId>) -> Result<Vec<PractitionerRole>, StoreError> {
    let whose = if of.is_some() { "practitioner = ?1" } else { "?1 IS NULL" };
    let sql = format!(
        "SELECT practitioner, organization, role, sensitive, until_ms FROM practitioner_role WHERE {whose}
         ORDER BY organization, practitioner, role"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([of.map(PractitionerId::as_str)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(PractitionerRole {
            practitioner: parse("practitioner id", &row.get::<_, String>(0)?)?,
            organization: parse("organization id", &row.get::<_, String>(1)?)?,
            role: parse("role", &row.get::<_, String>(2)?)?,
            sensitive: from_json("role", &row.get::<_, String>(3)?)?,
            until: row.get::<_, Option<i64>>(4)?.map(UnixMillis),
        });
    }
    Ok(found)
}

pub(super) fn put_affiliation(db: &Connection, affiliation: &Affiliation) -> Result<(), StoreError> {
    let sql = "INSERT INTO affiliation (organization, partner, compartments, may_write, patients)
               VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO UPDATE SET compartments = ?3, may_write = ?4, patients = ?5";
    let Affiliation { organization, partner, compartments, may_write, patients } = affiliation;
    let compartments = to_json(compartments)?;
    let values = params![organization.as_str(), partner.as_str(), compartments, may_write, patients.as_str()];
    db.execute(sql, values).map_err(exists("affiliation"))?;
    Ok(())
}

pub(super) fn remove_affiliation(
    db: &Connection,
    organization: &OrganizationId,
    partner: &OrganizationId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM affiliation WHERE organization = ?1 AND partner = ?2";
    found("affiliation", db.execute(sql, params![organization.as_str(), partner.as_str()])?)
}

pub(super) fn affiliations(db: &Connection) -> Result<Vec<Affiliation>, StoreError> {
    let sql = "SELECT organization, partner, compartments, may_write, patients FROM affiliation
               ORDER BY organization, partner";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Affiliation {
            organization: parse("organization id", &row.get::<_, String>(0)?)?,
            partner: parse("organization id", &row.get::<_, String>(1)?)?,
            compartments: from_json("affiliation", &row.get::<_, String>(2)?)?,
            may_write: row.get(3)?,
            patients: parse("affiliation", &row.get::<_, String>(4)?)?,
        });
    }
    Ok(found)
}

pub(super) fn add_grant(db: &Connection, grant: &Grant) -> Result<(), StoreError> {
    let sql = "INSERT INTO access_grant (id, organization, patient, grantee, compartments, may_write, expires_at_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let values = params![
        grant.id,
        grant.organization.as_str(),
        grant.patient.as_str(),
        to_json(&grant.grantee)?,
        to_json(&grant.compartments)?,
        grant.may_write,
        grant.expires_at.0,
    ];
    db.execute(sql, values).map_err(exists("grant"))?;
    Ok(())
}

pub(super) fn set_grant_expiry(db: &Connection, id: &str, expires_at: UnixMillis) -> Result<(), StoreError> {
    let sql = "UPDATE access_grant SET expires_at_ms = ?2 WHERE id = ?1";
    found("grant", db.execute(sql, params![id, expires_at.0])?)
}

pub(super) fn grants(db: &Connection) -> Result<Vec<Grant>, StoreError> {
    let mut statement = db.prepare_cached(&format!("SELECT {GRANT} FROM access_grant ORDER BY expires_at_ms, id"))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(grant_of(row)?);
    }
    Ok(found)
}

pub(super) fn grant(db: &Connection, id: &str) -> Result<Grant, StoreError> {
    let mut statement = db.prepare_cached(&format!("SELECT {GRANT} FROM access_grant WHERE id = ?1"))?;
    let mut rows = statement.query([id])?;
    grant_of(rows.next()?.ok_or(StoreError::NotFound("grant"))?)
}

const GRANT: &str = "id, organization, patient, grantee, compartments, may_write, expires_at_ms";

pub(super) fn grants_page(db: &Connection, scope: &Scope, after: &str, limit: usize) -> Result<Vec<Grant>, StoreError> {
    let within = within(scope, "organization");
    let sql = format!("SELECT {GRANT} FROM access_grant WHERE {within} AND id > ?2 ORDER BY id LIMIT ?3");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params![organizations_of(scope)?, after, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(grant_of(row)?);
    }
    Ok(found)
}

fn grant_of(row: &Row<'_>) -> Result<Grant, StoreError> {
    Ok(Grant {
        id: row.get(0)?,
        organization: parse("organization id", &row.get::<_, String>(1)?)?,
        patient: parse("patient id", &row.get::<_, String>(2)?)?,
        grantee: from_json("grant", &row.get::<_, String>(3)?)?,
        compartments: from_json("grant", &row.get::<_, String>(4)?)?,
        may_write: row.get(5)?,
        expires_at: UnixMillis(row.get(6)?),
    })
}
