//! Relationships, care teams, consents, and charts opened in an emergency.

use rusqlite::{Connection, Row, params};
use sync_protocol::{DeviceId, OpeningId, UnixMillis};

use super::rows::{bytes, exists, found, from_json, organizations_of, parse, to_json, within};
use crate::access::{BreakGlassOpening, CareTeam, Consent, Relationship, Subject};
use crate::store::{Scope, StoreError};

/// Everything that `sql` finds, each row read by `read`.
fn all<T>(
    db: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

pub(super) fn put_relationship(db: &Connection, relationship: &Relationship) -> Result<(), StoreError> {
    let sql = "INSERT INTO relationship (organization, patient, partner) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let Relationship { organization, patient, partner } = relationship;
    db.execute(sql, params![organization.as_str(), patient.as_str(), partner.as_str()])
        .map_err(exists("relationship"))?;
    Ok(())
}

pub(super) fn remove_relationship(db: &Connection, relationship: &Relationship) -> Result<(), StoreError> {
    let sql = "DELETE FROM relationship WHERE organization = ?1 AND patient = ?2 AND partner = ?3";
    let Relationship { organization, patient, partner } = relationship;
    found("relationship", db.execute(sql, params![organization.as_str(), patient.as_str(), partner.as_str()])?)
}

pub(super) fn relationships(db: &Connection) -> Result<Vec<Relationship>, StoreError> {
    let sql = "SELECT organization, patient, partner FROM relationship ORDER BY organization, patient, partner";
    all(db, sql, [], |row| {
        Ok(Relationship {
            organization: parse("organization id", &row.get::<_, String>(0)?)?,
            patient: parse("patient id", &row.get::<_, String>(1)?)?,
            partner: parse("organization id", &row.get::<_, String>(2)?)?,
        })
    })
}

pub(super) fn put_care_team(db: &Connection, team: &CareTeam) -> Result<(), StoreError> {
    let sql = "INSERT INTO care_team (id, organization, patient, members, source) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO UPDATE SET organization = ?2, patient = ?3, members = ?4, source = ?5";
    let source = team.source.as_ref().map(to_json).transpose()?;
    let (organization, patient) = (team.organization.as_str(), team.patient.as_str());
    let values = params![team.id, organization, patient, to_json(&team.members)?, source];
    db.execute(sql, values).map_err(exists("care team"))?;
    Ok(())
}

pub(super) fn remove_care_team(db: &Connection, id: &str) -> Result<(), StoreError> {
    found("care team", db.execute("DELETE FROM care_team WHERE id = ?1", [id])?)
}

const CARE_TEAM: &str = "id, organization, patient, members, source";

pub(super) fn care_teams(db: &Connection) -> Result<Vec<CareTeam>, StoreError> {
    all(db, &format!("SELECT {CARE_TEAM} FROM care_team ORDER BY id"), [], care_team_of)
}

pub(super) fn care_team(db: &Connection, id: &str) -> Result<Option<CareTeam>, StoreError> {
    Ok(all(db, &format!("SELECT {CARE_TEAM} FROM care_team WHERE id = ?1"), [id], care_team_of)?.pop())
}

pub(super) fn care_teams_page(
    db: &Connection,
    scope: &Scope,
    after: &str,
    limit: usize,
) -> Result<Vec<CareTeam>, StoreError> {
    page(db, ("care_team", CARE_TEAM), scope, (after, limit), care_team_of)
}

fn care_team_of(row: &Row<'_>) -> Result<CareTeam, StoreError> {
    let source: Option<String> = row.get(4)?;
    Ok(CareTeam {
        id: row.get(0)?,
        organization: parse("organization id", &row.get::<_, String>(1)?)?,
        patient: parse("patient id", &row.get::<_, String>(2)?)?,
        members: from_json("care team", &row.get::<_, String>(3)?)?,
        source: source.map(|text| from_json("care team", &text)).transpose()?,
    })
}

pub(super) fn put_consent(db: &Connection, consent: &Consent) -> Result<(), StoreError> {
    let sql = "INSERT INTO consent (id, organization, patient, status, provision, source)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT DO UPDATE SET organization = ?2, patient = ?3, status = ?4, provision = ?5, source = ?6";
    let source = consent.source.as_ref().map(to_json).transpose()?;
    let values = params![
        consent.id,
        consent.organization.as_str(),
        consent.patient.as_str(),
        to_json(&consent.status)?,
        to_json(&consent.provision)?,
        source,
    ];
    db.execute(sql, values).map_err(exists("consent"))?;
    Ok(())
}

pub(super) fn remove_consent(db: &Connection, id: &str) -> Result<(), StoreError> {
    found("consent", db.execute("DELETE FROM consent WHERE id = ?1", [id])?)
}

const CONSENT: &str = "id, organization, patient, status, provision, source";

pub(super) fn consents(db: &Connection) -> Result<Vec<Consent>, StoreError> {
    all(db, &format!("SELECT {CONSENT} FROM consent ORDER BY id"), [], consent_of)
}

pub(super) fn consent(db: &Connection, id: &str) -> Result<Option<Consent>, StoreError> {
    Ok(all(db, &format!("SELECT {CONSENT} FROM consent WHERE id = ?1"), [id], consent_of)?.pop())
}

pub(super) fn consents_page(
    db: &Connection,
    scope: &Scope,
    after: &str,
    limit: usize,
) -> Result<Vec<Consent>, StoreError> {
    page(db, ("consent", CONSENT), scope, (after, limit), consent_of)
}

fn consent_of(row: &Row<'_>) -> Result<Consent, StoreError> {
    let source: Option<String> = row.get(5)?;
    Ok(Consent {
        id: row.get(0)?,
        organization: parse("organization id", &row.get::<_, String>(1)?)?,
        patient: parse("patient id", &row.get::<_, String>(2)?)?,
        status: from_json("consent", &row.get::<_, String>(3)?)?,
        provision: from_json("consent", &row.get::<_, String>(4)?)?,
        source: source.map(|text| from_json("consent", &text)).transpose()?,
    })
}

/// Rows of a table with `id` and `organization`, by id.
fn page<T>(
    db: &Connection,
    (table, columns): (&str, &str),
    scope: &Scope,
    (after, limit): (&str, usize),
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let within = within(scope, "organization");
    let sql = format!("SELECT {columns} FROM {table} WHERE {within} AND id > ?2 ORDER BY id LIMIT ?3");
    all(db, &sql, params![organizations_of(scope)?, after, limit], read)
}

pub(super) fn add_opening(db: &Connection, opening: &BreakGlassOpening) -> Result<(), StoreError> {
    let sql = "INSERT INTO break_glass (id, organization, patient, practitioner, acting_for, device, purpose, reason,
                                        opened_at_ms, until_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let values = params![
        opening.id.0,
        opening.organization.as_str(),
        opening.patient.as_str(),
        opening.subject.practitioner.as_str(),
        opening.subject.organization.as_str(),
        opening.device.0,
        opening.purpose.as_str(),
        opening.reason,
        opening.opened_at.0,
        opening.until.0,
    ];
    db.execute(sql, values).map_err(exists("opening"))?;
    Ok(())
}

pub(super) fn end_opening(db: &Connection, id: &OpeningId, at: UnixMillis) -> Result<(), StoreError> {
    found(
        "opening",
        db.execute("UPDATE break_glass SET until_ms = min(until_ms, ?2) WHERE id = ?1", params![id.0, at.0])?,
    )
}

const OPENING: &str =
    "id, organization, patient, practitioner, acting_for, device, purpose, reason, opened_at_ms, until_ms";

/// Those that end after a moment.
pub(super) fn openings_after(db: &Connection, moment: UnixMillis) -> Result<Vec<BreakGlassOpening>, StoreError> {
    let sql = format!("SELECT {OPENING} FROM break_glass WHERE until_ms > ?1 ORDER BY opened_at_ms, id");
    all(db, &sql, [moment.0], opening_of)
}

pub(super) fn opening(db: &Connection, id: &OpeningId) -> Result<BreakGlassOpening, StoreError> {
    let found = all(db, &format!("SELECT {OPENING} FROM break_glass WHERE id = ?1"), [id.0], opening_of)?.pop();
    found.ok_or(StoreError::NotFound("opening"))
}

fn opening_of(row: &Row<'_>) -> Result<BreakGlassOpening, StoreError> {
    Ok(BreakGlassOpening {
        id: OpeningId(bytes("opening id", &row.get::<_, Vec<u8>>(0)?)?),
        organization: parse("organization id", &row.get::<_, String>(1)?)?,
        patient: parse("patient id", &row.get::<_, String>(2)?)?,
        subject: Subject {
            practitioner: parse("practitioner id", &row.get::<_, String>(3)?)?,
            organization: parse("organization id", &row.get::<_, String>(4)?)?,
        },
        device: DeviceId(bytes("device id", &row.get::<_, Vec<u8>>(5)?)?),
        purpose: parse("purpose of use", &row.get::<_, String>(6)?)?,
        reason: row.get(7)?,
        opened_at: UnixMillis(row.get(8)?),
        until: UnixMillis(row.get(9)?),
    })
}
