//! Clients of the FHIR API, their tokens and the devices they act under.

use rusqlite::{Row, params};
use sync_protocol::{DeviceId, UnixMillis};

use super::rows::{bytes, exists, found, organizations_of, parse, within};
use super::{SqliteStore, devices};
use crate::accounts::TokenHash;
use crate::store::{DeviceRecord, FhirClientRecord, FhirClientStore, FhirTokenRecord, Scope, StoreError};

const CLIENT: &str = "id, name, practitioner, organization, secret_hash, added_at_ms, revoked_at_ms";

impl FhirClientStore for SqliteStore {
    fn add_fhir_client(&mut self, client: &FhirClientRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO fhir_client (id, name, practitioner, organization, secret_hash, added_at_ms)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = params![
            client.id,
            client.name,
            client.practitioner.as_str(),
            client.organization.as_str(),
            client.secret_hash,
            client.added_at.0,
        ];
        self.connection.execute(sql, values).map_err(exists("FHIR client"))?;
        Ok(())
    }

    fn fhir_client(&self, id: &str) -> Result<Option<FhirClientRecord>, StoreError> {
        let sql = format!("SELECT {CLIENT} FROM fhir_client WHERE id = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([id])?;
        rows.next()?.map(client).transpose()
    }

    fn fhir_clients_page(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<FhirClientRecord>, StoreError> {
        let within = within(scope, "organization");
        let sql = format!("SELECT {CLIENT} FROM fhir_client WHERE {within} AND id > ?2 ORDER BY id LIMIT ?3");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![organizations_of(scope)?, after, limit])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(client(row)?);
        }
        Ok(found)
    }

    fn revoke_fhir_client(&mut self, id: &str, now: UnixMillis) -> Result<(), StoreError> {
        let sql = "UPDATE fhir_client SET revoked_at_ms = coalesce(revoked_at_ms, ?2) WHERE id = ?1";
        found("FHIR client", self.connection.execute(sql, params![id, now.0])?)?;
        self.connection.execute("DELETE FROM fhir_token WHERE client = ?1", [id])?;
        Ok(())
    }

    fn add_fhir_token(&mut self, token: &FhirTokenRecord, keep: usize, now: UnixMillis) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM fhir_token WHERE expires_at_ms <= ?1", [now.0])?;
        let sql = "INSERT INTO fhir_token (token_hash, client, began_at_ms, expires_at_ms) VALUES (?1, ?2, ?3, ?4)";
        let values = params![token.token.0, token.client, token.began_at.0, token.expires_at.0];
        self.connection.execute(sql, values).map_err(exists("FHIR token"))?;
        let trim = "DELETE FROM fhir_token WHERE client = ?1 AND token_hash NOT IN (SELECT token_hash FROM fhir_token
                    WHERE client = ?1 ORDER BY began_at_ms DESC, rowid DESC LIMIT ?2)";
        self.connection.execute(trim, params![token.client, keep])?;
        Ok(())
    }

    fn fhir_token(&self, token: &TokenHash) -> Result<Option<FhirTokenRecord>, StoreError> {
        let sql = "SELECT client, began_at_ms, expires_at_ms FROM fhir_token WHERE token_hash = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([token.0])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(FhirTokenRecord {
            token: *token,
            client: row.get(0)?,
            began_at: UnixMillis(row.get(1)?),
            expires_at: UnixMillis(row.get(2)?),
        }))
    }

    fn add_fhir_gateway(&mut self, client: &str, device: &DeviceRecord) -> Result<(), StoreError> {
        devices::add(&self.connection, device)?;
        let sql = "INSERT INTO fhir_gateway (device, client) VALUES (?1, ?2)";
        self.connection.execute(sql, params![device.id().0, client]).map_err(exists("FHIR gateway"))?;
        Ok(())
    }

    fn fhir_gateways(&self, client: &str) -> Result<Vec<DeviceId>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT device FROM fhir_gateway WHERE client = ?1 ORDER BY rowid")?;
        let mut rows = statement.query([client])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(DeviceId(bytes("device id", &row.get::<_, Vec<u8>>(0)?)?));
        }
        Ok(found)
    }
}

fn client(row: &Row<'_>) -> Result<FhirClientRecord, StoreError> {
    Ok(FhirClientRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        practitioner: parse("practitioner id", &row.get::<_, String>(2)?)?,
        organization: parse("organization id", &row.get::<_, String>(3)?)?,
        secret_hash: bytes("secret hash", &row.get::<_, Vec<u8>>(4)?)?,
        added_at: UnixMillis(row.get(5)?),
        revoked_at: row.get::<_, Option<i64>>(6)?.map(UnixMillis),
    })
}
