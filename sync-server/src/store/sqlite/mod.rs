//! The SQLite store: WAL, every commit synced to disk.

mod accounts;
mod alerts;
mod audit;
mod custody;
mod decisions;
mod devices;
mod disclosures;
mod facts;
mod fhir_clients;
mod history;
mod ledger;
mod log;
mod packing;
mod pages;
mod people;
mod receipts;
mod rows;
mod runs;
mod staging;
mod trails;

pub use history::DocumentHistory;

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};
use sync_protocol::identity::Certificate;
use sync_protocol::{
    AuthorId, ChangeHash, Checksum, DeviceId, DocumentDescriptor, DocumentId, OpeningId, OrganizationId, PatientId,
    PublicKey, SealingKey, UnixMillis,
};

use crate::access::{
    Affiliation, AppendPermit, BreakGlassOpening, CareTeam, Consent, Facts, Grant, PractitionerRole, ReadPermit,
    Relationship,
};
use crate::store::{
    AuditRow, ChangeFacts, CompactionStore, CustodyEntry, DeviceRecord, DocumentEntry, EnrolmentCode, Holdings,
    NewAuditRow, NewChange, OrganizationRecord, PackedRun, Packing, Position, PractitionerRecord, Scope,
    StagedDocument, Store, StoreError, StoredChange, StoredSignature,
};

/// Numbered upgrades; the index of the last one is the schema's number.
const MIGRATIONS: [&str; 11] = [
    include_str!("../../../migrations/0001_initial.sql"),
    include_str!("../../../migrations/0002_access_facts.sql"),
    include_str!("../../../migrations/0003_accounts.sql"),
    include_str!("../../../migrations/0004_ledger.sql"),
    include_str!("../../../migrations/0005_staging.sql"),
    include_str!("../../../migrations/0006_laid_sealed.sql"),
    include_str!("../../../migrations/0007_custody_room.sql"),
    include_str!("../../../migrations/0008_runs.sql"),
    include_str!("../../../migrations/0009_marks.sql"),
    include_str!("../../../migrations/0010_shown.sql"),
    include_str!("../../../migrations/0011_fhir_clients.sql"),
];

/// Statements kept prepared: all that a relay uses.
const STATEMENTS: usize = 192;

/// A relay's store in one SQLite database.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
}

impl SqliteStore {
    /// Opens or creates the database at `path`, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] for a file of a later version; [`StoreError::Database`] if it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        // Before anything is written: a file of a later version stays as it is.
        schema(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL: a commit is on the disk before it is acknowledged to any device.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        prepare_once(&connection)?;
        let mut store = Self { connection };
        store.migrate()?;
        Ok(store)
    }

    /// Opens a database that a relay has open, beside it, to read: what is committed meanwhile is seen, nothing is held up.
    ///
    /// # Errors
    /// [`StoreError::Database`] if it cannot be opened.
    pub fn open_beside(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.pragma_update(None, "query_only", true)?;
        prepare_once(&connection)?;
        Ok(Self { connection })
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        let found = schema(&self.connection)?;
        for (index, migration) in MIGRATIONS.iter().enumerate().skip(found as usize) {
            let transaction = self.connection.transaction()?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", index as u32 + 1)?;
            transaction.commit()?;
        }
        Ok(())
    }
}

/// Has statements prepared once and for all: kept, and not planned anew with each new value.
fn prepare_once(connection: &Connection) -> Result<(), StoreError> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// The file's schema number, if this version knows it.
fn schema(connection: &Connection) -> Result<u32, StoreError> {
    let known = MIGRATIONS.len() as u32;
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known { Err(StoreError::NewerSchema { found, known }) } else { Ok(found) }
}

impl Store for SqliteStore {
    fn begin(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if let Err(error) = self.connection.execute_batch("COMMIT") {
            self.rollback();
            return Err(error.into());
        }
        Ok(())
    }

    fn rollback(&mut self) {
        // SQLite may have rolled back by itself (full disk); then there is nothing left to do.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "rolling back failed");
        }
    }

    fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT value FROM setting WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    fn set_setting(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2";
        self.connection.execute(sql, params![name, value])?;
        Ok(())
    }

    fn add_organization(&mut self, organization: &OrganizationRecord) -> Result<(), StoreError> {
        people::add_organization(&self.connection, organization)
    }

    fn organizations(&self) -> Result<Vec<OrganizationRecord>, StoreError> {
        people::organizations(&self.connection)
    }

    fn organization_key(&self, id: &OrganizationId) -> Result<Option<PublicKey>, StoreError> {
        people::organization_key(&self.connection, id)
    }

    fn add_practitioner(&mut self, practitioner: &PractitionerRecord) -> Result<(), StoreError> {
        people::add_practitioner(&self.connection, practitioner)
    }

    fn practitioners(&self) -> Result<Vec<PractitionerRecord>, StoreError> {
        people::practitioners(&self.connection)
    }

    fn put_role(&mut self, role: &PractitionerRole) -> Result<(), StoreError> {
        people::put_role(&self.connection, role)
    }

    fn remove_role(&mut self, role: &PractitionerRole) -> Result<(), StoreError> {
        people::remove_role(&self.connection, role)
    }

    fn put_affiliation(&mut self, affiliation: &Affiliation) -> Result<(), StoreError> {
        people::put_affiliation(&self.connection, affiliation)
    }

    fn remove_affiliation(
        &mut self,
        organization: &OrganizationId,
        partner: &OrganizationId,
    ) -> Result<(), StoreError> {
        people::remove_affiliation(&self.connection, organization, partner)
    }

    fn add_grant(&mut self, grant: &Grant) -> Result<(), StoreError> {
        people::add_grant(&self.connection, grant)
    }

    fn set_grant_expiry(&mut self, id: &str, expires_at: UnixMillis) -> Result<(), StoreError> {
        people::set_grant_expiry(&self.connection, id, expires_at)
    }

    fn facts(&self) -> Result<Facts, StoreError> {
        Ok(Facts {
            roles: self.roles()?,
            affiliations: self.affiliations()?,
            relationships: self.relationships()?,
            care_teams: self.care_teams()?,
            grants: self.grants()?,
            consents: self.consents()?,
            openings: self.openings_after(UnixMillis(i64::MIN))?,
        })
    }

    fn roles(&self) -> Result<Vec<PractitionerRole>, StoreError> {
        people::roles(&self.connection, None)
    }

    fn affiliations(&self) -> Result<Vec<Affiliation>, StoreError> {
        people::affiliations(&self.connection)
    }

    fn grants(&self) -> Result<Vec<Grant>, StoreError> {
        people::grants(&self.connection)
    }

    fn put_relationship(&mut self, relationship: &Relationship) -> Result<(), StoreError> {
        facts::put_relationship(&self.connection, relationship)
    }

    fn remove_relationship(&mut self, relationship: &Relationship) -> Result<(), StoreError> {
        facts::remove_relationship(&self.connection, relationship)
    }

    fn relationships(&self) -> Result<Vec<Relationship>, StoreError> {
        facts::relationships(&self.connection)
    }

    fn put_care_team(&mut self, team: &CareTeam) -> Result<(), StoreError> {
        facts::put_care_team(&self.connection, team)
    }

    fn remove_care_team(&mut self, id: &str) -> Result<(), StoreError> {
        facts::remove_care_team(&self.connection, id)
    }

    fn care_teams(&self) -> Result<Vec<CareTeam>, StoreError> {
        facts::care_teams(&self.connection)
    }

    fn put_consent(&mut self, consent: &Consent) -> Result<(), StoreError> {
        facts::put_consent(&self.connection, consent)
    }

    fn remove_consent(&mut self, id: &str) -> Result<(), StoreError> {
        facts::remove_consent(&self.connection, id)
    }

    fn consents(&self) -> Result<Vec<Consent>, StoreError> {
        facts::consents(&self.connection)
    }

    fn add_opening(&mut self, opening: &BreakGlassOpening) -> Result<(), StoreError> {
        facts::add_opening(&self.connection, opening)
    }

    fn end_opening(&mut self, id: &OpeningId, at: UnixMillis) -> Result<(), StoreError> {
        facts::end_opening(&self.connection, id, at)
    }

    fn openings_after(&self, moment: UnixMillis) -> Result<Vec<BreakGlassOpening>, StoreError> {
        facts::openings_after(&self.connection, moment)
    }

    fn add_enrolment_code(&mut self, code: &EnrolmentCode) -> Result<(), StoreError> {
        devices::add_enrolment_code(&self.connection, code)
    }

    fn enrolment_code(&self, code_hash: &[u8; 32]) -> Result<Option<EnrolmentCode>, StoreError> {
        devices::enrolment_code(&self.connection, code_hash)
    }

    fn enroll(&mut self, code_hash: &[u8; 32], device: &DeviceRecord) -> Result<(), StoreError> {
        devices::enroll(&self.connection, code_hash, device)
    }

    fn device_by_key(&self, key: &PublicKey) -> Result<Option<DeviceRecord>, StoreError> {
        devices::device_by_key(&self.connection, key)
    }

    fn devices(&self) -> Result<Vec<DeviceRecord>, StoreError> {
        devices::devices(&self.connection)
    }

    fn device_seen(&mut self, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError> {
        devices::seen(&self.connection, device, now)
    }

    fn revoke_device(&mut self, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError> {
        devices::revoke(&self.connection, device, now)
    }

    fn holdings(&self, device: &DeviceId) -> Result<Holdings, StoreError> {
        devices::holdings(&self.connection, device)
    }

    fn set_holdings(&mut self, device: &DeviceId, holdings: &Holdings) -> Result<(), StoreError> {
        devices::set_holdings(&self.connection, device, holdings)
    }

    fn certificate(&self, author: &AuthorId) -> Result<Option<Certificate>, StoreError> {
        devices::certificate(&self.connection, author)
    }

    fn put_certificate(&mut self, certificate: &Certificate) -> Result<(), StoreError> {
        devices::put_certificate(&self.connection, certificate)
    }

    fn visit_documents(&self, visit: &mut dyn FnMut(u32, DocumentDescriptor, Checksum)) -> Result<(), StoreError> {
        log::visit_documents(&self.connection, visit)
    }

    fn document(&self, id: &DocumentId) -> Result<Option<DocumentEntry>, StoreError> {
        log::document(&self.connection, id)
    }

    fn document_by_number(&self, number: u32) -> Result<DocumentEntry, StoreError> {
        log::document_by_number(&self.connection, number)
    }

    fn documents_of_chart(
        &self,
        organization: &OrganizationId,
        patient: Option<&PatientId>,
    ) -> Result<Vec<(u32, DocumentDescriptor)>, StoreError> {
        log::documents_of_chart(&self.connection, organization, patient)
    }

    fn head(&self) -> Result<Position, StoreError> {
        log::head(&self.connection)
    }

    fn change(&self, document: u32, hash: &ChangeHash) -> Result<Option<ChangeFacts>, StoreError> {
        log::change(&self.connection, document, hash)
    }

    fn last_seq(&self, document: u32, actor: &[u8]) -> Result<u64, StoreError> {
        log::last_seq(&self.connection, document, actor)
    }

    fn append(&mut self, permit: &AppendPermit<'_>, change: &NewChange<'_>) -> Result<(u32, Position), StoreError> {
        log::append(&self.connection, permit, change)
    }

    fn put_signature(
        &mut self,
        permit: &AppendPermit<'_>,
        document: u32,
        signature: &StoredSignature,
    ) -> Result<(), StoreError> {
        log::put_signature(&self.connection, permit, document, signature)
    }

    fn changes(
        &self,
        permit: &ReadPermit<'_>,
        document: u32,
        after: Position,
        max_bytes: usize,
    ) -> Result<Vec<StoredChange>, StoreError> {
        log::changes(&self.connection, permit, document, after, max_bytes)
    }

    fn signatures(&self, permit: &ReadPermit<'_>, document: u32) -> Result<Vec<StoredSignature>, StoreError> {
        log::signatures(&self.connection, permit, document)
    }

    fn log_after(&self, after: Position, limit: usize) -> Result<Vec<(Position, u32, DeviceId)>, StoreError> {
        log::log_after(&self.connection, after, limit)
    }

    fn put_custody(&mut self, entry: &CustodyEntry) -> Result<(), StoreError> {
        custody::put(&self.connection, entry)
    }

    fn is_in_custody(&self, document: &DocumentId, hash: &ChangeHash) -> Result<bool, StoreError> {
        custody::contains(&self.connection, document, hash)
    }

    fn custody(&self) -> Result<Vec<CustodyEntry>, StoreError> {
        custody::all(&self.connection)
    }

    fn sealing_key(&self, device: &DeviceId) -> Result<Option<SealingKey>, StoreError> {
        staging::sealing_key(&self.connection, device)
    }

    fn set_sealing_key(&mut self, device: &DeviceId, key: &SealingKey) -> Result<(), StoreError> {
        staging::set_sealing_key(&self.connection, device, key)
    }

    fn staged(&self, device: &DeviceId) -> Result<Vec<StagedDocument>, StoreError> {
        staging::staged(&self.connection, device)
    }

    fn put_staged(&mut self, device: &DeviceId, staged: &StagedDocument) -> Result<(), StoreError> {
        staging::put_staged(&self.connection, device, staged)
    }

    fn remove_staged(&mut self, device: &DeviceId, document: u32) -> Result<(), StoreError> {
        staging::remove_staged(&self.connection, device, document)
    }

    fn last_position(&self, document: u32) -> Result<Position, StoreError> {
        staging::last_position(&self.connection, document)
    }

    fn append_audit(&mut self, row: &NewAuditRow) -> Result<(), StoreError> {
        audit::append(&self.connection, row)
    }

    fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        audit::page(&self.connection, &Scope::All, after, limit)
    }
}

impl CompactionStore for SqliteStore {
    fn crowded(&self, packing: &Packing, limit: usize) -> Result<Vec<u32>, StoreError> {
        packing::crowded(&self.connection, packing, limit)
    }

    fn pack(&self, document: u32, packing: &Packing) -> Result<Option<PackedRun>, StoreError> {
        packing::pack(&self.connection, document, packing)
    }

    fn put_run(&mut self, run: &PackedRun) -> Result<bool, StoreError> {
        packing::put_run(&self.connection, run)
    }
}

#[cfg(test)]
mod tests;
