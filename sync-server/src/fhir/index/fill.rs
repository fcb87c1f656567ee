//! Indexes one document.

use std::collections::HashMap;

use clinical_record::{RecordDocument, ResourceKey, is_entered_in_error, referenced};
use rusqlite::{Connection, params};
use serde_json::Value;
use sync_protocol::{PatientId, UnixMillis};

use super::{Index, IndexError};
use crate::access::IndexPermit;
use crate::fhir::shown::{self, Conflicts};
use crate::fhir::{types, values};
use crate::store::{DocumentHistory, SqliteStore, Store, StoreError};

/// Makes the rows of a document anew, as far as they are not as they should be.
pub(super) fn document(
    db: &Connection,
    log: &SqliteStore,
    permit: &IndexPermit,
    number: u32,
) -> Result<(), IndexError> {
    let history = match log.history(permit, number) {
        Ok(history) => history,
        Err(StoreError::NotFound(_)) => {
            db.execute("DELETE FROM document WHERE number = ?1", [number])?;
            return Ok(());
        }
        // It alone is left out, until the next start.
        Err(error) if error.is_damage() => {
            tracing::error!(document = number, %error, "a document cannot be read and is left out of the FHIR API");
            DocumentHistory::unreadable(log.document_by_number(number)?.descriptor)
        }
        Err(error) => return Err(error.into()),
    };
    let opened = RecordDocument::load(history.changes.iter().map(|change| change.payload.as_slice()));
    if opened.is_err() {
        // Devices set it apart; so do we, and what it said before is not shown as if it were current.
        tracing::error!(document = number, "a document cannot be opened and is left out of the FHIR API");
    }
    let sql = "INSERT INTO document (number, organization, patient, fingerprint, upto, readable)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT DO UPDATE SET fingerprint = ?4, upto = ?5, readable = ?6";
    let values = params![
        number,
        history.descriptor.organization.as_str(),
        history.descriptor.patient.as_ref().map(PatientId::as_str),
        history.fingerprint.to_bytes(),
        history.changes.last().map_or(0, |change| change.position.0),
        opened.is_ok(),
    ];
    db.prepare_cached(sql)?.execute(values)?;
    let opened = opened.unwrap_or_default();
    let filling = Filling { db, number, at: Index::last_change_at(log, number)?, conflicts: shown::conflicts(&opened) };
    filling.resources(&opened)
}

/// Row and version by type and id.
type Indexed = HashMap<(String, String), (i64, String)>;

struct Filling<'a> {
    db: &'a Connection,
    number: u32,
    /// When the relay took the document's newest change.
    at: UnixMillis,
    conflicts: HashMap<ResourceKey, Conflicts>,
}

impl Filling<'_> {
    fn resources(&self, opened: &RecordDocument) -> Result<(), IndexError> {
        let mut before = self.before()?;
        for (key, resource) in opened.resources().filter(|(key, _)| types::known(&key.resource_type).is_some()) {
            let conflicts = self.conflicts.get(&key).map_or(&[][..], Vec::as_slice);
            let version = shown::version(&resource, conflicts);
            let known = before.remove(&(key.resource_type.clone(), key.id.clone()));
            if known.as_ref().is_some_and(|(_, known)| *known == version) {
                continue;
            }
            self.resource(known.map(|(id, _)| id), &key, resource, &version, conflicts)?;
        }
        for (id, _) in before.into_values() {
            self.db.prepare_cached("DELETE FROM resource WHERE id = ?1")?.execute([id])?;
        }
        Ok(())
    }

    /// Row and version of what is indexed.
    fn before(&self) -> Result<Indexed, IndexError> {
        let sql = "SELECT type, fhir_id, id, version FROM resource WHERE document = ?1";
        let mut statement = self.db.prepare_cached(sql)?;
        let rows =
            statement.query_map([self.number], |row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn resource(
        &self,
        known: Option<i64>,
        key: &ResourceKey,
        resource: Value,
        version: &str,
        conflicts: &[(String, String)],
    ) -> Result<(), IndexError> {
        let (compared, retracted) = (values::of(&key.resource_type, &resource), is_entered_in_error(&resource));
        let mentions: Vec<String> = referenced(&resource).map(|mentioned| mentioned.id).collect();
        let body = shown::shown(resource, version, self.at, conflicts).to_string();
        let id = match known {
            Some(id) => {
                let sql = "UPDATE resource SET version = ?2, updated = ?3, retracted = ?4, body = ?5 WHERE id = ?1";
                self.db.prepare_cached(sql)?.execute(params![id, version, self.at.0, retracted, body])?;
                self.db.prepare_cached("DELETE FROM value WHERE resource = ?1")?.execute([id])?;
                self.db.prepare_cached("DELETE FROM mention WHERE resource = ?1")?.execute([id])?;
                id
            }
            None => {
                let sql = "INSERT INTO resource (document, type, fhir_id, version, updated, retracted, body)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
                let values = params![self.number, key.resource_type, key.id, version, self.at.0, retracted, body];
                self.db.prepare_cached(sql)?.execute(values)?;
                self.db.last_insert_rowid()
            }
        };
        let sql = "INSERT INTO value (resource, name, system, value, low, high) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut insert = self.db.prepare_cached(sql)?;
        for one in compared {
            let (low, high) = one.range.unzip();
            insert.execute(params![id, one.name, one.system, one.value, low, high])?;
        }
        let mut insert = self.db.prepare_cached("INSERT INTO mention (resource, fhir_id) VALUES (?1, ?2)")?;
        for mentioned in mentions {
            insert.execute(params![id, mentioned])?;
        }
        Ok(())
    }
}
