//! The relay's store: one trait, one contract test suite, SQLite as the embedded default.

mod accounts;
mod alerts;
mod compaction;
mod decisions;
mod fhir_clients;
mod ledger;
mod pages;
mod records;
mod run_form;
mod sqlite;

#[cfg(test)]
mod contract;

pub use accounts::{AccountRecord, AccountStore, SignInRecord};
pub use alerts::{AlertKind, AlertRecord, AlertStore, AlertsAfter, NewAlert};
pub use compaction::{CompactionStore, PackedRun, Packing};
pub use decisions::{CustodyCase, CustodyMark, CustodyState, DecisionStore, NewDecision};
pub use fhir_clients::{FhirClientRecord, FhirClientStore, FhirTokenRecord};
pub use ledger::{
    Disclosed, DisclosureRow, DocumentVersion, KeptEntry, KeptReceipt, LedgerStore, OwedReceipt, SentUpTo, TrailBranch,
    TrailStretch, WipeOrder,
};
pub use pages::{PageStore, Scope};
pub use records::{
    AuditRow, ChangeFacts, CustodyEntry, DeviceRecord, DocumentEntry, EnrolmentCode, Holdings, NewAuditRow, NewChange,
    OrganizationRecord, Position, PractitionerRecord, StagedDocument, StoredChange, StoredSignature,
};
pub use sqlite::{DocumentHistory, SqliteStore};

use sync_protocol::identity::Certificate;
use sync_protocol::{
    AuthorId, ChangeHash, Checksum, DeviceId, DocumentDescriptor, DocumentId, OpeningId, OrganizationId, PatientId,
    PublicKey, SealingKey, UnixMillis,
};

use crate::access::{
    Affiliation, AppendPermit, BreakGlassOpening, CareTeam, Consent, Facts, Grant, PractitionerRole, ReadPermit,
    Relationship,
};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database refused (full disk, read-only file, damage). Whatever was begun is rolled back.
    #[error("the relay's database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// Written by a later version of the relay. Nothing was touched.
    #[error("the relay's database has schema {found}, this version knows {known}: use the newer relay")]
    NewerSchema {
        /// Schema number in the file.
        found: u32,
        /// Newest one this version knows.
        known: u32,
    },
    /// A stored value is not what its column should hold.
    #[error("the relay's database holds a damaged {0}")]
    Damaged(&'static str),
    /// Reading or appending without a permit for that document.
    #[error("no permit for this document")]
    NotPermitted,
    /// What an administrator asked for does not exist.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// What an administrator gave is not understood: what, where and why. Nothing was changed.
    #[error("{0}")]
    Invalid(String),
    /// What an administrator wants to add exists already.
    #[error("this {0} exists already")]
    Exists(&'static str),
    /// What an administrator asked for cannot be done as things stand; says why, without content.
    #[error("{0}")]
    Conflict(String),
}

impl StoreError {
    /// Whether something that is stored cannot be read: other things may well be.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Database(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt),
            _ => false,
        }
    }
}

/// What a relay keeps. Calls between [`Store::begin`] and [`Store::commit`] take effect together or not at all.
///
/// Implementations are used from one thread. Every one must pass the contract tests beside this trait.
pub trait Store:
    AccountStore + AlertStore + CompactionStore + DecisionStore + FhirClientStore + LedgerStore + PageStore + Send
{
    /// Begins a transaction; none may be open.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn begin(&mut self) -> Result<(), StoreError>;
    /// Commits, synced to disk when it returns.
    ///
    /// # Errors
    /// [`StoreError::Database`]; the transaction is rolled back.
    fn commit(&mut self) -> Result<(), StoreError>;
    /// Gives up the transaction, if one is open.
    fn rollback(&mut self);

    /// A named value, e.g. the relay's id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets a named value.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn set_setting(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError>;

    /// Adds an organization.
    ///
    /// # Errors
    /// [`StoreError::Exists`].
    fn add_organization(&mut self, organization: &OrganizationRecord) -> Result<(), StoreError>;
    /// All organizations, by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn organizations(&self) -> Result<Vec<OrganizationRecord>, StoreError>;
    /// The public enrolment key of an organization, if it is there.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn organization_key(&self, id: &OrganizationId) -> Result<Option<PublicKey>, StoreError>;
    /// Adds a practitioner.
    ///
    /// # Errors
    /// [`StoreError::Exists`].
    fn add_practitioner(&mut self, practitioner: &PractitionerRecord) -> Result<(), StoreError>;
    /// All practitioners, by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn practitioners(&self) -> Result<Vec<PractitionerRecord>, StoreError>;
    /// Adds or replaces a role.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if practitioner or organization are not there.
    fn put_role(&mut self, role: &PractitionerRole) -> Result<(), StoreError>;
    /// Takes a role away.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn remove_role(&mut self, role: &PractitionerRole) -> Result<(), StoreError>;
    /// Adds or replaces an affiliation.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if an organization is not there.
    fn put_affiliation(&mut self, affiliation: &Affiliation) -> Result<(), StoreError>;
    /// Ends an affiliation.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn remove_affiliation(&mut self, organization: &OrganizationId, partner: &OrganizationId)
    -> Result<(), StoreError>;
    /// Adds a grant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the organization is not there.
    fn add_grant(&mut self, grant: &Grant) -> Result<(), StoreError>;
    /// Moves a grant's end.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn set_grant_expiry(&mut self, id: &str, expires_at: UnixMillis) -> Result<(), StoreError>;
    /// Everything that access rests on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn facts(&self) -> Result<Facts, StoreError>;
    /// All roles.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn roles(&self) -> Result<Vec<PractitionerRole>, StoreError>;
    /// All affiliations.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn affiliations(&self) -> Result<Vec<Affiliation>, StoreError>;
    /// All grants, those that ran out included.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn grants(&self) -> Result<Vec<Grant>, StoreError>;

    /// Adds a relationship; one that is there stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if an organization is not there.
    fn put_relationship(&mut self, relationship: &Relationship) -> Result<(), StoreError>;
    /// Ends a relationship.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn remove_relationship(&mut self, relationship: &Relationship) -> Result<(), StoreError>;
    /// All relationships.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn relationships(&self) -> Result<Vec<Relationship>, StoreError>;
    /// Adds or replaces a care team, by its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the organization is not there.
    fn put_care_team(&mut self, team: &CareTeam) -> Result<(), StoreError>;
    /// Removes a care team.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn remove_care_team(&mut self, id: &str) -> Result<(), StoreError>;
    /// All care teams.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn care_teams(&self) -> Result<Vec<CareTeam>, StoreError>;
    /// Adds or replaces a consent, by its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the organization is not there.
    fn put_consent(&mut self, consent: &Consent) -> Result<(), StoreError>;
    /// Removes a consent.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn remove_consent(&mut self, id: &str) -> Result<(), StoreError>;
    /// All consents, whatever their status.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn consents(&self) -> Result<Vec<Consent>, StoreError>;
    /// Records that a chart was opened in an emergency.
    ///
    /// # Errors
    /// [`StoreError::Exists`]; [`StoreError::NotFound`] if the practitioner or their organization are not there.
    fn add_opening(&mut self, opening: &BreakGlassOpening) -> Result<(), StoreError>;
    /// Ends an opening early; one that is over stays as it was.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn end_opening(&mut self, id: &OpeningId, at: UnixMillis) -> Result<(), StoreError>;
    /// Openings that end after a moment, oldest first: after now, those that are open; after the beginning of time, all.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn openings_after(&self, moment: UnixMillis) -> Result<Vec<BreakGlassOpening>, StoreError>;

    /// Adds an enrolment code.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if practitioner or organization are not there.
    fn add_enrolment_code(&mut self, code: &EnrolmentCode) -> Result<(), StoreError>;
    /// Looks an enrolment code up by its hash.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn enrolment_code(&self, code_hash: &[u8; 32]) -> Result<Option<EnrolmentCode>, StoreError>;
    /// Marks a code as used and adds the device, with its author's certificate.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if a device with that key is there already.
    fn enroll(&mut self, code_hash: &[u8; 32], device: &DeviceRecord) -> Result<(), StoreError>;
    /// Looks a device up by its key.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn device_by_key(&self, key: &PublicKey) -> Result<Option<DeviceRecord>, StoreError>;
    /// All devices, by time of enrolment.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn devices(&self) -> Result<Vec<DeviceRecord>, StoreError>;
    /// Records that a device connected.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn device_seen(&mut self, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError>;
    /// Revokes a device.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn revoke_device(&mut self, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError>;
    /// What a device was given.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Damaged`].
    fn holdings(&self, device: &DeviceId) -> Result<Holdings, StoreError>;
    /// Records what a device was given.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn set_holdings(&mut self, device: &DeviceId, holdings: &Holdings) -> Result<(), StoreError>;
    /// An author's certificate.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn certificate(&self, author: &AuthorId) -> Result<Option<Certificate>, StoreError>;
    /// Keeps an author's certificate; one that is there stays.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn put_certificate(&mut self, certificate: &Certificate) -> Result<(), StoreError>;

    /// Calls `visit` for every document: number, descriptor, fingerprint.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    fn visit_documents(&self, visit: &mut dyn FnMut(u32, DocumentDescriptor, Checksum)) -> Result<(), StoreError>;
    /// Looks a document up by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn document(&self, id: &DocumentId) -> Result<Option<DocumentEntry>, StoreError>;
    /// Looks a document up by number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn document_by_number(&self, number: u32) -> Result<DocumentEntry, StoreError>;
    /// The documents of a patient's chart, or an organization's directory (no patient).
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn documents_of_chart(
        &self,
        organization: &OrganizationId,
        patient: Option<&PatientId>,
    ) -> Result<Vec<(u32, DocumentDescriptor)>, StoreError>;

    /// The newest position; 0 when nothing was appended yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn head(&self) -> Result<Position, StoreError>;
    /// What is known of a change, by its hash.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn change(&self, document: u32, hash: &ChangeHash) -> Result<Option<ChangeFacts>, StoreError>;
    /// The highest sequence number of an actor in a document; 0 when it has written nothing.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn last_seq(&self, document: u32, actor: &[u8]) -> Result<u64, StoreError>;
    /// Appends a change to the permit's document, which is begun if it is new. The next position in commit order is its.
    ///
    /// # Errors
    /// [`StoreError::Database`]; a second change under the same hash or sequence number is refused.
    fn append(&mut self, permit: &AppendPermit<'_>, change: &NewChange<'_>) -> Result<(u32, Position), StoreError>;
    /// Keeps the newest signature of an actor; an older one is not put over it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn put_signature(
        &mut self,
        permit: &AppendPermit<'_>,
        document: u32,
        signature: &StoredSignature,
    ) -> Result<(), StoreError>;
    /// Changes of a document after a position, in commit order; stops after the change that reaches `max_bytes`.
    ///
    /// # Errors
    /// [`StoreError::NotPermitted`] without leave to read it.
    fn changes(
        &self,
        permit: &ReadPermit<'_>,
        document: u32,
        after: Position,
        max_bytes: usize,
    ) -> Result<Vec<StoredChange>, StoreError>;
    /// The newest signatures of a document's actors.
    ///
    /// # Errors
    /// [`StoreError::NotPermitted`] without leave to read it.
    fn signatures(&self, permit: &ReadPermit<'_>, document: u32) -> Result<Vec<StoredSignature>, StoreError>;
    /// Which documents were changed after a position and by which device, in commit order, at most `limit` rows. Holds no
    /// content; what of it may be told to whom is the caller's to ask the gate.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn log_after(&self, after: Position, limit: usize) -> Result<Vec<(Position, u32, DeviceId)>, StoreError>;

    /// Puts a change aside for a privacy officer; the same change twice is kept once.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn put_custody(&mut self, entry: &CustodyEntry) -> Result<(), StoreError>;
    /// Whether a change is in custody.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn is_in_custody(&self, document: &DocumentId, hash: &ChangeHash) -> Result<bool, StoreError>;
    /// Everything in custody, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn custody(&self) -> Result<Vec<CustodyEntry>, StoreError>;

    /// The key that documents are sealed to for a device.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn sealing_key(&self, device: &DeviceId) -> Result<Option<SealingKey>, StoreError>;
    /// Keeps that key.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn set_sealing_key(&mut self, device: &DeviceId, key: &SealingKey) -> Result<(), StoreError>;
    /// What lies sealed on a device, by document.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn staged(&self, device: &DeviceId) -> Result<Vec<StagedDocument>, StoreError>;
    /// Records that a document was sent sealed, or is on the device's disk.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn put_staged(&mut self, device: &DeviceId, staged: &StagedDocument) -> Result<(), StoreError>;
    /// Records that a document lies sealed on a device no more.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn remove_staged(&mut self, device: &DeviceId, document: u32) -> Result<(), StoreError>;
    /// The position of a document's newest change; 0 for none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn last_position(&self, document: u32) -> Result<Position, StoreError>;

    /// Appends to the audit trail.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn append_audit(&mut self, row: &NewAuditRow) -> Result<(), StoreError>;
    /// Audit rows after a sequence number, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError>;
}
