//! The Satchel device: store, edits, outbox, projections and the sync loop.
//!
//! [`Device`] is one profile: a SQLite database and keys, all of it synchronous; the caller says what time it is and
//! where randomness comes from. [`SyncEngine`] is the sync loop as a state machine. Sockets live in `driver` alone, behind
//! the feature `native`; everything else also builds for wasm32.

mod chart;
mod compaction;
mod descriptor;
mod device;
mod draft;
#[cfg(feature = "native")]
pub mod driver;
mod durable;
mod edit;
mod elapsed;
mod emergency;
mod enrolment;
mod erasure;
mod error;
mod exchange;
mod fhir_time;
mod lease;
mod observe;
mod own_words;
mod own_work;
mod person;
mod preparation;
pub mod profile;
mod projection;
mod purge;
mod push;
mod query;
mod random;
mod read;
mod rebuild;
mod receive;
mod referral;
mod sealed;
mod status;
mod store;
pub mod sync;
#[cfg(test)]
mod testing;
mod trail;

pub use chart::ChartRef;
pub use compaction::{HistorySaver, SavedHistory, SavingLimits};
pub use device::{Device, DeviceIdentity};
pub use edit::{
    ActReceipt, EditReceipt, ImportOptions, ImportProblem, ImportReport, Occasion, PossibleDuplicate, Registration,
    VitalReading,
};
pub use emergency::REQUEST_MS;
pub use enrolment::EnrolmentCode;
pub use erasure::ERASE_AFTER_MS;
pub use error::{ConnectionError, DeviceError};
pub use exchange::chart_of_code;
pub use observe::{DeviceEvent, ObserverId};
pub use own_work::OwnWork;
pub use person::Person;
pub use preparation::ChartPreparer;
pub use profile::{
    IdleLock, Pin, PlatformSecret, ProfileEntry, ProfileError, ProfileId, ProfileSettings, Profiles, UnsentSummary,
};
#[doc(hidden)]
pub use projection::as_version;
pub use query::{
    ChartRow, LiveQueryId, MedicationRow, NoteRow, Page, PatientQuery, PatientRow, Query, Rows, SectionRows,
    SeriesPoint, Span, TaskRow, Trend, VitalRow,
};
pub use random::Randomness;
#[cfg(feature = "native")]
pub use random::SystemRandomness;
pub use read::{
    Author, Chart, ChartChange, ChartHistoryEntry, ChartInbox, ChartThen, Conflict, ConflictSide, DocumentEntry,
    Overridden, ResourceGroup, SignedNote,
};
pub use rebuild::RebuildReport;
pub use receive::{Applied, QuarantinedDocument};
pub use referral::ReferralScope;
pub use sealed::Unsealed;
pub use status::{CatchUp, ChartWork, ConnectionState, DeviceStatus, HeldChange};
pub use store::DamagedFile;
pub use store::drafts::{Draft, DraftStep};
pub use store::emergency::{EmergencyAccess, EmergencyState};
pub use store::kept_work::{KeptChange, KeptState};
pub use store::outbox::OutboxState;
pub use store::patients::{PatientEntry, PatientFilter};
pub use store::referrals::{Referral, ReferralState};
pub use store::resources::ResourceEntry;
pub use store::sealed::SealedChart;
pub use sync::SyncEngine;
pub use trail::{SAME_READING_MS, TrailRecord, TrailStatus};

// What callers need of the crates below, so that they agree on the version.
pub use clinical_record::clinical::NewPatient;
pub use clinical_record::facts::ChartSection;
pub use clinical_record::{BundleLimits, ElementPath, ResourceKey, clinical, duplicates};
pub use sync_protocol::frame::{Recipient, TrailEntry};
pub use sync_protocol::{
    ChangeHash, Compartment, DocumentId, OrganizationId, PatientId, PractitionerId, ReferralId, UnixMillis,
};

/// What this software calls itself to a relay.
pub(crate) const SOFTWARE: &str = concat!("satchel ", env!("CARGO_PKG_VERSION"));
