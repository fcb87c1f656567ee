//! The device: one profile's database, its keys, and who watches it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use sync_protocol::frame::Enrolled;
use sync_protocol::frame::OrganizationKey;
use sync_protocol::identity::SecretKey;
use sync_protocol::{DeviceId, DocumentId, OrganizationId, PatientId, PractitionerId, UnixMillis};

use crate::edit::KeptOpen;
use crate::elapsed::Elapsed;
use crate::observe::{DeviceEvent, Observers};
use crate::profile::{UnsentFile, UnsentSummary};
use crate::query::LiveQueries;
use crate::random::Randomness;
use crate::status::Link;
use crate::store::identity::{self, Identity};
use crate::store::key::DatabaseKey;
use crate::store::{self, DamagedFile, documents, erase, trail, trust};
use crate::trail::{CHECKED_AT_OPEN, Shown};
use crate::{ChartRef, DeviceError};

/// One profile: its SQLite database and its keys. All of it is synchronous; the caller says what time it is.
///
/// Several processes may open the same profile; each write is one transaction.
pub struct Device {
    pub(crate) db: Connection,
    pub(crate) identity: Option<Identity>,
    pub(crate) randomness: Box<dyn Randomness>,
    pub(crate) observers: Observers,
    pub(crate) live: LiveQueries,
    pub(crate) link: Link,
    pub(crate) shown: Shown,
    pub(crate) kept_open: KeptOpen,
    pub(crate) elapsed: Elapsed,
    /// The relay's clock minus this device's count of time, as last heard: see [`crate::elapsed`].
    pub(crate) relay_ahead_ms: Option<i64>,
    /// The last receipt for a removal since which this process has rewritten the file.
    pub(crate) rewritten_through: u64,
    /// The profile was erased on the relay's order and not enrolled anew.
    pub(crate) wiped: bool,
    pub(crate) folder: PathBuf,
    /// None if the profile is not encrypted.
    pub(crate) key: Option<DatabaseKey>,
    /// Tells beside an encrypted database how much is unsent.
    unsent_file: Option<UnsentFile>,
    /// The first entry of the trail that was found changed.
    pub(crate) trail_broken_at: Option<u64>,
    damaged: Option<DamagedFile>,
    seen_version: i64,
}

/// Whom an enrolled device acts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceIdentity {
    /// The device.
    pub device: DeviceId,
    /// Who writes on it.
    pub practitioner: PractitionerId,
    /// What they are called.
    pub practitioner_name: String,
    /// For which organization.
    pub organization: OrganizationId,
    /// What it is called.
    pub organization_name: String,
    /// Address of the relay.
    pub relay_url: String,
}

impl Device {
    /// Opens the profile in `folder`, making it if need be, without any encryption. See [`crate::profile::Profiles`] for that.
    ///
    /// A damaged database is put aside, see [`Device::damaged_file`].
    /// # Errors
    /// [`DeviceError::SchemaTooNew`], [`DeviceError::Encrypted`] and the storage errors; the file is then as it was.
    pub fn open(folder: &Path, randomness: impl Randomness + 'static, now: UnixMillis) -> Result<Self, DeviceError> {
        Self::open_with(folder, None, Box::new(randomness), now)
    }

    /// Opens the encrypted profile in `folder`, making its database if need be.
    pub(crate) fn open_encrypted(
        folder: &Path,
        key: DatabaseKey,
        randomness: impl Randomness + 'static,
        now: UnixMillis,
    ) -> Result<Self, DeviceError> {
        let mut device = Self::open_with(folder, Some(key), Box::new(randomness), now)?;
        device.unsent_file = Some(UnsentFile::of(folder));
        device.note_unsent();
        Ok(device)
    }

    fn open_with(
        folder: &Path,
        key: Option<DatabaseKey>,
        randomness: Box<dyn Randomness>,
        now: UnixMillis,
    ) -> Result<Self, DeviceError> {
        let (db, damaged) = store::open(folder, key.as_ref(), now)?;
        let identity = identity::load(&db)?;
        let seen_version = data_version(&db)?;
        let trail_broken_at = trail::first_broken(&db, Some(CHECKED_AT_OPEN))?;
        let (total, at) = identity::elapsed(&db)?;
        let wiped = erase::is_erased(&db)?;
        let mut device = Self {
            db,
            identity,
            randomness,
            observers: Observers::default(),
            live: LiveQueries::default(),
            link: Link::default(),
            shown: Shown::default(),
            kept_open: KeptOpen::default(),
            elapsed: Elapsed::new(total, at),
            relay_ahead_ms: None,
            rewritten_through: 0,
            wiped,
            folder: folder.to_owned(),
            key,
            unsent_file: None,
            trail_broken_at,
            damaged,
            seen_version,
        };
        // A process may end before the count is due to be written. Where it cannot be, reading is refused soon enough.
        let _ = device.note_elapsed(now);
        device.keep_time(now)?;
        Ok(device)
    }

    /// Does what is due by this device's own time, whether the relay is reached or not. Gives documents whose emergency
    /// access ended. Where the file cannot be written, reading is refused instead.
    pub(crate) fn keep_time(&mut self, now: UnixMillis) -> Result<Vec<DocumentId>, DeviceError> {
        let done = self.erase_if_due(now).and_then(|_| self.end_emergencies(now));
        match done {
            Err(error) if error.is_storage() => Ok(Vec::new()),
            done => done,
        }
    }

    /// The database that was found damaged when this device was opened. It holds whatever had not been sent.
    #[must_use]
    pub fn damaged_file(&self) -> Option<&DamagedFile> {
        self.damaged.as_ref()
    }

    /// Whether the database is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.key.is_some()
    }

    /// Whether the profile is enrolled with a relay.
    #[must_use]
    pub fn is_enrolled(&self) -> bool {
        self.identity.is_some()
    }

    /// What only this device has, counted. Works past the lease and before enrolment too.
    ///
    /// # Errors
    /// Storage.
    pub fn unsent_summary(&self, now: UnixMillis) -> Result<UnsentSummary, DeviceError> {
        UnsentSummary::count(&self.db, now)
    }

    /// Locks the profile: records that, closes the database and forgets the key. Unsent work stays where it is.
    ///
    /// # Errors
    /// Storage, if it could not be recorded; the profile is locked all the same.
    pub fn lock(mut self, now: UnixMillis) -> Result<(), DeviceError> {
        match self.identity.is_some() && !self.is_erased()? {
            true => self.record_lock(now),
            false => Ok(()),
        }
    }

    /// Who this device is.
    ///
    /// # Errors
    /// [`DeviceError::NotEnrolled`].
    pub fn identity(&self) -> Result<DeviceIdentity, DeviceError> {
        let identity = self.enrolled_identity()?;
        Ok(DeviceIdentity {
            device: DeviceId::of_key(&identity.secret.public()),
            practitioner: identity.practitioner.clone(),
            practitioner_name: identity.practitioner_name.clone(),
            organization: identity.organization.clone(),
            organization_name: identity.organization_name.clone(),
            relay_url: identity.relay_url.clone(),
        })
    }

    /// The key to enrol with, made at the first call and kept, so that a second try uses the same.
    ///
    /// # Errors
    /// [`DeviceError::AlreadyEnrolled`]; storage.
    pub fn begin_enrolment(&mut self, relay_url: &str) -> Result<SecretKey, DeviceError> {
        if self.wiped && self.key.is_some() {
            // Its files are gone; another profile is to be made.
            return Err(DeviceError::Wiped);
        }
        if let Some(identity) = &self.identity {
            return Err(DeviceError::AlreadyEnrolled { relay: identity.relay_url.clone() });
        }
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        self.randomness.fill(&mut *seed);
        identity::key_for_enrolment(&self.db, relay_url, || *seed)
    }

    /// Stores what the relay answered. From here on the device may edit.
    ///
    /// # Errors
    /// Storage; nothing is stored then and the enrolment can be repeated.
    pub fn finish_enrolment(
        &mut self,
        relay_url: &str,
        enrolled: &Enrolled,
        now: UnixMillis,
    ) -> Result<DeviceIdentity, DeviceError> {
        // The lease is reckoned from what the count is now.
        self.note_elapsed(now)?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        identity::enrolled(&tx, relay_url, enrolled, now)?;
        erase::enrolled_anew(&tx)?;
        let organization = enrolled.certificate.body.organization.clone();
        trust::pin(&tx, &OrganizationKey { organization, key: enrolled.organization_key })?;
        trust::store(&tx, &enrolled.certificate)?;
        tx.commit()?;
        self.identity = identity::load(&self.db)?;
        self.wiped = false;
        self.note_unsent();
        self.identity()
    }

    /// Remembers another address for the same relay.
    ///
    /// # Errors
    /// [`DeviceError::NotEnrolled`]; storage.
    pub fn set_relay_url(&mut self, relay_url: &str) -> Result<(), DeviceError> {
        self.enrolled_identity()?;
        identity::set_relay_url(&self.db, relay_url)?;
        self.identity = identity::load(&self.db)?;
        Ok(())
    }

    /// Uses the key that an organization changed to, after a person has checked it with that organization.
    ///
    /// False if no changed key was seen. Follow with [`Device::retry_quarantined`].
    /// # Errors
    /// Storage.
    pub fn accept_changed_key(&mut self, organization: &OrganizationId) -> Result<bool, DeviceError> {
        self.write(|tx, _| trust::accept_changed_key(tx, organization))
    }

    /// The chart of the patient with this id, where only one organization has one.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::AmbiguousPatient`]; storage.
    pub fn chart_of(&self, patient: &PatientId) -> Result<ChartRef, DeviceError> {
        let mut organizations = documents::organizations_of(&self.db, patient)?;
        let patient = patient.clone();
        match organizations.len() {
            0 => Err(DeviceError::UnknownPatient { patient: patient.into() }),
            1 => Ok(ChartRef { organization: organizations.remove(0), patient }),
            _ => Err(DeviceError::AmbiguousPatient { patient: patient.into(), organizations }),
        }
    }

    /// Whether another process has written to the database since the last call.
    ///
    /// # Errors
    /// Storage.
    pub fn changed_elsewhere(&mut self) -> Result<bool, DeviceError> {
        let version = data_version(&self.db)?;
        let changed = version != self.seen_version;
        self.seen_version = version;
        Ok(changed)
    }

    pub(crate) fn enrolled_identity(&self) -> Result<&Identity, DeviceError> {
        self.identity.as_ref().ok_or(if self.wiped { DeviceError::Wiped } else { DeviceError::NotEnrolled })
    }

    /// Runs `work` in one transaction that takes the write lock at once.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &Identity) -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        self.write_documents(|tx, identity, _| work(tx, identity))
    }

    /// As [`Self::write`], with the documents that are kept open.
    pub(crate) fn write_documents<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &Identity, &mut KeptOpen) -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        let identity = self.identity.as_ref();
        let identity = identity.ok_or(if self.wiped { DeviceError::Wiped } else { DeviceError::NotEnrolled })?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let outcome = work(&tx, identity, &mut self.kept_open)?;
        tx.commit()?;
        self.note_unsent();
        Ok(outcome)
    }

    /// Tells beside the database how much is unsent. To be called after each commit that may change that.
    pub(crate) fn note_unsent(&self) {
        if let Some(file) = self.unsent_file.as_ref().filter(|_| !self.wiped) {
            let now = self.elapsed.last_look().unwrap_or(UnixMillis(0));
            file.refresh(&self.db, self.identity.is_some(), now);
        }
    }

    /// Does something that nobody has to wait for the disk for: what the relay said of what it has. Lost with the power, it is
    /// asked again, and the relay gives the same answer. The next commit that does wait takes it along.
    pub(crate) fn unhurried<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        self.db.pragma_update(None, "synchronous", "NORMAL")?;
        let outcome = work(self);
        self.db.pragma_update(None, "synchronous", "FULL")?;
        outcome
    }

    /// Tells observers, after a commit.
    pub(crate) fn tell(&self, event: &DeviceEvent) {
        self.observers.tell(event);
        self.live.hear(event);
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("link", &self.link).finish_non_exhaustive()
    }
}

fn data_version(db: &Connection) -> Result<i64, DeviceError> {
    Ok(db.pragma_query_value(None, "data_version", |row| row.get(0))?)
}
