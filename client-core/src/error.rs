//! The one error a caller sees, and the one place where inner errors become it.
//!
//! No variant carries patient content: ids, sizes, positions and causes only, so an error may be logged and shown.

use clinical_record::RecordError;
use clinical_record::clinical::ClinicalError;
use rusqlite::ErrorCode;
use sync_protocol::frame::GoodbyeReason;
use sync_protocol::{DescriptorError, DocumentId, IdError, OrganizationId, UnixMillis};

/// Why the device could not do what it was asked to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The profile has no identity yet.
    #[error("this device is not enrolled yet")]
    NotEnrolled,
    /// The profile has an identity already.
    #[error("this device is enrolled already, with {relay}")]
    AlreadyEnrolled {
        /// Address of the relay.
        relay: String,
    },
    /// The time a device may be used without reaching its relay is over. Unsent work is safe and still syncs.
    #[error("offline access ended; sync once to go on. Unsent work is kept")]
    LeaseExpired {
        /// When it ended, by this device's clock.
        since: UnixMillis,
    },
    /// No such chart on this device.
    #[error("no chart of Patient/{patient} on this device")]
    UnknownPatient {
        /// FHIR id.
        patient: String,
    },
    /// Two organizations each have a patient with this id.
    #[error("Patient/{patient} names several charts; say of which organization: {}", list(organizations))]
    AmbiguousPatient {
        /// FHIR id.
        patient: String,
        /// The organizations that have one.
        organizations: Vec<OrganizationId>,
    },
    /// The chart or directory has no such resource.
    #[error("no {resource} here")]
    UnknownResource {
        /// `Type/id`.
        resource: String,
    },
    /// The resource belongs in another chart, or in none.
    #[error("{resource} does not belong in this chart")]
    WrongChart {
        /// `Type/id`.
        resource: String,
    },
    /// What was asked for cannot be done to this content.
    #[error("{0}")]
    Content(#[from] RecordError),
    /// A clinical edit or a resource is refused; names the element and what is wrong with it.
    #[error("{0}")]
    Clinical(#[from] ClinicalError),
    /// The edit would settle a conflict in passing.
    #[error("{resource} {path} is in conflict: settle it first, with a reason")]
    InConflict {
        /// `Type/id`.
        resource: String,
        /// The element.
        path: String,
    },
    /// What was given is not what it should be; says which argument and what it should be.
    #[error("{0}")]
    Invalid(&'static str),
    /// One change would be larger than a frame may carry. Nothing was written.
    #[error("the change would be {bytes} bytes, the limit is {limit}")]
    ChangeTooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// What was to be imported is no Bundle that can be read. Nothing was stored.
    #[error("not a bundle that can be imported: {0}; nothing was stored")]
    BadBundle(String),
    /// An import had problems and nothing of it was stored.
    #[error("{problems} entries of the bundle cannot be imported; nothing was stored")]
    ImportRefused {
        /// How many.
        problems: usize,
        /// The first few, each naming the entry and the reason.
        first: Vec<String>,
    },
    /// The document's content cannot be opened; it is kept, and other documents are not affected.
    #[error("document {document} is in quarantine: {reason}")]
    Quarantined {
        /// Which.
        document: DocumentId,
        /// Why.
        reason: String,
    },
    /// The database was written by a newer version. It was not touched.
    #[error("the database has schema {found}, this version knows {known}; update the software")]
    SchemaTooNew {
        /// Found in the file.
        found: i64,
        /// Newest known here.
        known: i64,
    },
    /// The profile is encrypted and was to be opened without its key.
    #[error("this profile is encrypted; unlock it with its PIN")]
    Encrypted,
    /// Encrypting the profile was interrupted.
    #[error("this profile was being encrypted when that was interrupted; encrypt it again to finish")]
    BeingEncrypted,
    /// The database was not written with this key, or its very beginning is damaged. It was not touched.
    #[error(
        "the file profile.db was not written with this profile's key, or its beginning is damaged; it was left as it is"
    )]
    WrongKey,
    /// The database or its folder cannot be written.
    #[error("the database cannot be written: read-only or not permitted. Nothing was lost, nothing was stored")]
    StorageReadOnly,
    /// The disk is full.
    #[error("the disk is full. Nothing was lost, the last change was not stored")]
    StorageFull,
    /// Another process held the database for too long.
    #[error("the database is in use by another process; try again")]
    StorageBusy,
    /// SQLite failed otherwise, with its extended result code.
    #[error("the database failed with SQLite code {code} while {doing}")]
    Storage {
        /// Extended result code; 0 when SQLite gave none.
        code: i32,
        /// What was being done.
        doing: &'static str,
    },
    /// The file system refused something.
    #[error("{doing} failed: {kind}")]
    Files {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        kind: std::io::ErrorKind,
    },
    /// The relay ended the connection.
    #[error("the relay ended the connection ({reason:?}): {detail}")]
    Relay {
        /// For the program.
        reason: GoodbyeReason,
        /// For a person.
        detail: String,
    },
    /// Another relay than the one enrolled with answers at this address.
    #[error("another relay answers at this address than the one this device is enrolled with")]
    OtherRelay,
    /// The relay could not be reached or the connection broke.
    #[error("{0}")]
    Connection(#[from] ConnectionError),
    /// All that is held was compared and device and relay still disagree.
    #[error("device and relay still differ after comparing everything; the relay's operator should look")]
    Diverged,
    /// The relay ordered this device to erase its profile: after a loss, or because it is not used any more.
    #[error("this device was erased on its organization's order; it can be enrolled anew")]
    Wiped,
    /// Another thread failed while it held the device.
    #[error("an earlier internal failure left the device unusable; restart")]
    Poisoned,
}

/// What went wrong between device and relay, in terms that tell what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// Not a `ws://` or `wss://` address.
    #[error("not a relay's address: it begins with ws:// or wss:// and names a host")]
    WrongAddress,
    /// `ws://` to another machine would send everything readable by anyone on the way.
    #[error("ws:// to another machine is not encrypted; use wss://, or allow it expressly")]
    PlainNotAllowed,
    /// The name has no address.
    #[error("the host {host} is not known")]
    UnknownHost {
        /// Its name.
        host: String,
    },
    /// Nobody listens there.
    #[error("nothing answers at {host}: connection refused")]
    Refused {
        /// Host and port.
        host: String,
    },
    /// No answer in time.
    #[error("no answer from {host} in time")]
    TimedOut {
        /// Host and port.
        host: String,
    },
    /// TLS failed: the certificate is not trusted, has run out or is for another name.
    #[error("the certificate of {host} is not accepted: {detail}")]
    BadCertificate {
        /// Host and port.
        host: String,
        /// What TLS said.
        detail: String,
    },
    /// The file with additional authorities cannot be used.
    #[error("the file of trusted authorities cannot be read or holds no certificate")]
    BadAuthorityFile,
    /// Something answers, but it does not speak `satchel.v1`.
    #[error("what answers at {host} is not a Satchel relay: {detail}")]
    NotARelay {
        /// Host and port.
        host: String,
        /// What it said instead.
        detail: String,
    },
    /// The connection broke or went silent.
    #[error("the connection to the relay was lost: {detail}")]
    Lost {
        /// How.
        detail: String,
    },
}

impl DeviceError {
    /// Whether the cause is this device's own storage: nothing that a relay says is acknowledged then.
    #[must_use]
    pub fn is_storage(&self) -> bool {
        matches!(self, Self::StorageReadOnly | Self::StorageFull | Self::StorageBusy | Self::Storage { .. })
    }

    pub(crate) fn files(doing: &'static str, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull => Self::StorageFull,
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => Self::StorageReadOnly,
            kind => Self::Files { doing, kind },
        }
    }
}

impl From<rusqlite::Error> for DeviceError {
    fn from(error: rusqlite::Error) -> Self {
        // The text of a SQLite error can quote a statement; only its code goes on.
        let Some(code) = error.sqlite_error().copied() else {
            return Self::Storage { code: 0, doing: "reading a row" };
        };
        match code.code {
            ErrorCode::DiskFull => Self::StorageFull,
            ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => Self::StorageReadOnly,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::StorageBusy,
            _ => Self::Storage { code: code.extended_code, doing: "working on the store" },
        }
    }
}

impl From<IdError> for DeviceError {
    fn from(_: IdError) -> Self {
        Self::Invalid("not an id: 1 to 64 of A-Z a-z 0-9 - .")
    }
}

impl From<DescriptorError> for DeviceError {
    fn from(_: DescriptorError) -> Self {
        Self::Invalid("the compartment, patient and part do not describe a document")
    }
}

fn list(organizations: &[OrganizationId]) -> String {
    organizations.iter().map(OrganizationId::as_str).collect::<Vec<_>>().join(", ")
}
