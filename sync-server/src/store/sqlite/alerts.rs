//! Alerts.

use rusqlite::{Connection, Row, params};
use sync_protocol::{DeviceId, OrganizationId, PractitionerId, UnixMillis};

use super::SqliteStore;
use super::rows::{bytes, found, parse, to_json};
use crate::store::{AlertKind, AlertRecord, AlertStore, AlertsAfter, NewAlert, StoreError};

const COLUMNS: &str =
    "id, organization, kind, first_at_ms, last_at_ms, count, device, practitioner, detail, seen_at_ms,
    seen_by";

impl AlertStore for SqliteStore {
    fn raise_alert(&mut self, alert: &NewAlert) -> Result<(), StoreError> {
        let sql = "INSERT INTO alert (organization, kind, about, first_at_ms, last_at_ms, count, device, practitioner, detail)
                   VALUES (?1, ?2, ?3, ?4, ?4, 1, ?5, ?6, ?7)
                   ON CONFLICT (organization, kind, about) WHERE seen_at_ms IS NULL
                   DO UPDATE SET last_at_ms = ?4, count = count + 1, detail = ?7";
        let values = params![
            alert.organization.as_str(),
            alert.kind.as_str(),
            alert.about,
            alert.at.0,
            alert.device.map(|id| id.0),
            alert.practitioner.as_ref().map(PractitionerId::as_str),
            alert.detail.to_string(),
        ];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn was_alerted(&self, organization: &OrganizationId, kind: AlertKind, about: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM alert WHERE organization = ?1 AND kind = ?2 AND about = ?3";
        Ok(self.connection.prepare_cached(sql)?.exists(params![organization.as_str(), kind.as_str(), about])?)
    }

    fn alerts(&self, of: Option<&[OrganizationId]>, which: AlertsAfter) -> Result<Vec<AlertRecord>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM alert WHERE id > ?1 AND (NOT ?2 OR seen_at_ms IS NULL)
             AND (?3 IS NULL OR organization IN (SELECT value FROM json_each(?3))) ORDER BY id LIMIT ?4"
        );
        let of = of.map(to_json_list).transpose()?;
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![which.after, which.unseen, of, which.limit])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }

    fn alert(&self, id: u64) -> Result<AlertRecord, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM alert WHERE id = ?1"))?;
        let mut rows = statement.query([id])?;
        read(rows.next()?.ok_or(StoreError::NotFound("alert"))?)
    }

    fn alert_seen(&mut self, id: u64, by: &str, now: UnixMillis) -> Result<(), StoreError> {
        let sql =
            "UPDATE alert SET seen_by = coalesce(seen_by, ?2), seen_at_ms = coalesce(seen_at_ms, ?3) WHERE id = ?1";
        found("alert", self.connection.execute(sql, params![id, by, now.0])?)
    }

    fn unseen_alerts(&self) -> Result<u64, StoreError> {
        unseen(&self.connection)
    }
}

fn unseen(db: &Connection) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached("SELECT count(*) FROM alert WHERE seen_at_ms IS NULL")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

fn to_json_list(of: &[OrganizationId]) -> Result<String, StoreError> {
    to_json(&of)
}

fn read(row: &Row<'_>) -> Result<AlertRecord, StoreError> {
    let device: Option<Vec<u8>> = row.get(6)?;
    let practitioner: Option<String> = row.get(7)?;
    Ok(AlertRecord {
        id: row.get(0)?,
        organization: parse("organization id", &row.get::<_, String>(1)?)?,
        kind: parse::<AlertKind>("kind of alert", &row.get::<_, String>(2)?)?,
        first_at: UnixMillis(row.get(3)?),
        last_at: UnixMillis(row.get(4)?),
        count: row.get(5)?,
        device: device.map(|id| bytes("device id", &id).map(DeviceId)).transpose()?,
        practitioner: practitioner.map(|id| parse("practitioner id", &id)).transpose()?,
        detail: row.get(8)?,
        seen_at: row.get::<_, Option<i64>>(9)?.map(UnixMillis),
        seen_by: row.get(10)?,
    })
}
