//! Decisions on what is in custody.

use rusqlite::{Connection, Row, params};
use sync_protocol::frame::{ChangeName, Decision};
use sync_protocol::identity::ChangeSignature;
use sync_protocol::{
    AuthorId, ChangeHash, DeviceId, DocumentId, OrganizationId, PractitionerId, Signature, UnixMillis,
};

use super::SqliteStore;
use super::custody::{ENTRY, entry};
use super::rows::{bytes, found, from_json, parse};
use crate::store::{CustodyCase, CustodyMark, CustodyState, DecisionStore, NewDecision, StoreError};

/// What [`case`] reads: the entry's columns first.
pub(super) fn case_columns() -> String {
    format!("{ENTRY}, id, outcome, in_log, decided_by, decided_for")
}

pub(super) fn case(row: &Row<'_>) -> Result<CustodyCase, StoreError> {
    Ok(CustodyCase { id: row.get("id")?, entry: entry(row)?, state: state(row)?, officer: officer(row)? })
}

fn officer(row: &Row<'_>) -> Result<Option<(PractitionerId, OrganizationId)>, StoreError> {
    let (by, at): (Option<String>, Option<String>) = (row.get("decided_by")?, row.get("decided_for")?);
    let (Some(by), Some(at)) = (by, at) else { return Ok(None) };
    Ok(Some((parse("practitioner id", &by)?, parse("organization id", &at)?)))
}

fn state(row: &Row<'_>) -> Result<CustodyState, StoreError> {
    let outcome: Option<String> = row.get("outcome")?;
    match (outcome.as_deref(), row.get("in_log")?) {
        (None, _) => Ok(CustodyState::Undecided),
        (Some("accepted"), false) => Ok(CustodyState::WaitsForSignature),
        (Some("accepted"), true) => Ok(CustodyState::Accepted),
        (Some("returned"), _) => Ok(CustodyState::Returned),
        _ => Err(StoreError::Damaged("custody decision")),
    }
}

impl DecisionStore for SqliteStore {
    fn custody_of(&self, document: &DocumentId) -> Result<Vec<CustodyCase>, StoreError> {
        let sql = format!("SELECT {} FROM custody WHERE document_id = ?1 ORDER BY id", case_columns());
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([document.0])?;
        let mut cases = Vec::new();
        while let Some(row) = rows.next()? {
            cases.push(case(row)?);
        }
        Ok(cases)
    }

    fn custody_case(&self, id: u64) -> Result<CustodyCase, StoreError> {
        let sql = format!("SELECT {} FROM custody WHERE id = ?1", case_columns());
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([id])?;
        case(rows.next()?.ok_or(StoreError::NotFound("change in custody"))?)
    }

    fn custody_states(&self, document: &DocumentId) -> Result<Vec<(ChangeHash, CustodyMark)>, StoreError> {
        let sql = "SELECT hash, reason, outcome, in_log, decided_by, decided_for FROM custody WHERE document_id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([document.0])?;
        let mut states = Vec::new();
        while let Some(row) = rows.next()? {
            let hash = ChangeHash(bytes("change hash", &row.get::<_, Vec<u8>>(0)?)?);
            let reason = from_json("custody reason", &row.get::<_, String>(1)?)?;
            states.push((hash, CustodyMark { state: state(row)?, reason, officer: officer(row)? }));
        }
        Ok(states)
    }

    fn held_in_custody(&self, device: &DeviceId, returned_since: UnixMillis) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT count(*), coalesce(sum(size), 0) FROM (
                     SELECT length(payload) AS size FROM custody WHERE device = ?1 AND outcome IS NULL
                     UNION ALL
                     SELECT length(payload) FROM custody WHERE device = ?1 AND outcome = 'returned'
                       AND decided_by IS NULL AND received_at_ms > ?2)";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params![device.0, returned_since.0], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    fn decide_custody(&mut self, change: &ChangeName, decision: &NewDecision) -> Result<(), StoreError> {
        let sql =
            "UPDATE custody SET outcome = ?3, decided_at_ms = ?4, decided_by = ?5, decided_for = ?6, decision = ?7
                   WHERE document_id = ?1 AND hash = ?2";
        let (by, at) = decision.officer.as_ref().map(|(by, at)| (by.as_str(), at.as_str())).unzip();
        let outcome = if decision.accepted { "accepted" } else { "returned" };
        let values = params![change.document.0, change.hash.0, outcome, decision.at.0, by, at, decision.reason];
        found("change in custody", self.connection.prepare_cached(sql)?.execute(values)?)
    }

    fn custody_in_log(&mut self, change: &ChangeName) -> Result<(), StoreError> {
        let sql = "UPDATE custody SET in_log = 1, payload = x'' WHERE document_id = ?1 AND hash = ?2";
        let values = params![change.document.0, change.hash.0];
        found("change in custody", self.connection.prepare_cached(sql)?.execute(values)?)
    }

    fn put_custody_signature(&mut self, document: &DocumentId, signature: &ChangeSignature) -> Result<(), StoreError> {
        let sql = "INSERT INTO custody_signature (document_id, author, tip, signature) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO NOTHING";
        let ChangeSignature { author, tip, signature } = signature;
        self.connection.prepare_cached(sql)?.execute(params![document.0, author.0, tip.0, signature.0])?;
        Ok(())
    }

    fn custody_signatures(&self, document: &DocumentId) -> Result<Vec<ChangeSignature>, StoreError> {
        let sql = "SELECT author, tip, signature FROM custody_signature WHERE document_id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([document.0])?;
        let mut signatures = Vec::new();
        while let Some(row) = rows.next()? {
            signatures.push(ChangeSignature {
                author: AuthorId(bytes("author id", &row.get::<_, Vec<u8>>(0)?)?),
                tip: ChangeHash(bytes("change hash", &row.get::<_, Vec<u8>>(1)?)?),
                signature: Signature(bytes("signature", &row.get::<_, Vec<u8>>(2)?)?),
            });
        }
        Ok(signatures)
    }

    fn add_notice(&mut self, device: &DeviceId, change: &ChangeName) -> Result<(), StoreError> {
        let sql = "INSERT INTO custody_notice (device, document_id, hash) VALUES (?1, ?2, ?3)
                   ON CONFLICT DO UPDATE SET known = 0";
        self.connection.prepare_cached(sql)?.execute(params![device.0, change.document.0, change.hash.0])?;
        Ok(())
    }

    fn has_notice(&self, device: &DeviceId, change: &ChangeName) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM custody_notice WHERE device = ?1 AND document_id = ?2 AND hash = ?3";
        Ok(self.connection.prepare_cached(sql)?.exists(params![device.0, change.document.0, change.hash.0])?)
    }

    fn notices(&self, device: &DeviceId, limit: usize) -> Result<Vec<Decision>, StoreError> {
        let sql = "SELECT custody.document_id, custody.hash, outcome, coalesce(decision, '')
                   FROM custody_notice JOIN custody
                     ON custody.document_id = custody_notice.document_id AND custody.hash = custody_notice.hash
                   WHERE custody_notice.device = ?1 AND NOT known
                     AND (outcome = 'returned' OR outcome = 'accepted' AND in_log)
                   ORDER BY custody.id LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![device.0, limit])?;
        let mut decisions = Vec::new();
        while let Some(row) = rows.next()? {
            let outcome: String = row.get(2)?;
            decisions.push(Decision { change: name(row)?, accepted: outcome == "accepted", reason: row.get(3)? });
        }
        Ok(decisions)
    }

    fn devices_to_tell(&self, change: &ChangeName) -> Result<Vec<DeviceId>, StoreError> {
        let sql = "SELECT device FROM custody_notice WHERE document_id = ?1 AND hash = ?2";
        devices(&self.connection, sql, change)
    }

    fn notice_known(&mut self, device: &DeviceId, change: &ChangeName) -> Result<(), StoreError> {
        let sql =
            "UPDATE custody_notice SET known = 1 WHERE device = ?1 AND document_id = ?2 AND hash = ?3 AND EXISTS (
                     SELECT 1 FROM custody WHERE document_id = ?2 AND hash = ?3
                     AND (outcome = 'returned' OR outcome = 'accepted' AND in_log))";
        self.connection.prepare_cached(sql)?.execute(params![device.0, change.document.0, change.hash.0])?;
        Ok(())
    }

    fn waiting_for_signature(&self, device: &DeviceId) -> Result<Vec<DocumentId>, StoreError> {
        let sql = "SELECT DISTINCT custody.document_id FROM custody_notice JOIN custody
                     ON custody.document_id = custody_notice.document_id AND custody.hash = custody_notice.hash
                   WHERE custody_notice.device = ?1 AND outcome = 'accepted' AND NOT in_log";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([device.0])?;
        let mut documents = Vec::new();
        while let Some(row) = rows.next()? {
            documents.push(DocumentId(bytes("document id", &row.get::<_, Vec<u8>>(0)?)?));
        }
        Ok(documents)
    }
}

fn name(row: &Row<'_>) -> Result<ChangeName, StoreError> {
    Ok(ChangeName {
        document: DocumentId(bytes("document id", &row.get::<_, Vec<u8>>(0)?)?),
        hash: ChangeHash(bytes("change hash", &row.get::<_, Vec<u8>>(1)?)?),
    })
}

fn devices(db: &Connection, sql: &str, change: &ChangeName) -> Result<Vec<DeviceId>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![change.document.0, change.hash.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(DeviceId(bytes("device id", &row.get::<_, Vec<u8>>(0)?)?));
    }
    Ok(found)
}
