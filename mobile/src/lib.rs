//! UniFFI bindings over the device: what crosses into Kotlin, Swift and Python. No logic of its own, each function a few lines.
//!
//! [`SatchelTablet`] is a device that several people share, [`SatchelDevice`] one profile on it. Calls that read and write the
//! database return when they are done and may be made from any thread; calls that wait for the network are asynchronous, run on
//! threads of the library's own and end when they are given up. Answers are flat records, or FHIR JSON where FHIR has the shape;
//! errors carry a stable code and no patient content. docs/adr/0028 has the reasons.

#![allow(unsafe_code, reason = "UniFFI's scaffolding crosses the C ABI")]
#![allow(clippy::needless_pass_by_value, reason = "what crosses the C ABI arrives owned")]

mod chart;
mod clinical;
mod clinical_types;
mod conflicts;
mod device;
mod diagnostics;
mod emergencies;
mod error;
mod exchange;
mod handles;
mod history;
mod live;
mod own_work;
mod patients;
mod queries;
mod receipts;
mod rows;
mod runtime;
mod sharing;
mod slot;
mod status;
mod sync;
mod sync_news;
mod tablet;
mod types;

pub use chart::{ChartPart, OpenedChart};
pub use clinical_types::{LabResult, LabValue, Occasion, Range};
pub use conflicts::{ConflictFound, ConflictInbox, ConflictValue};
pub use device::{ConnectionOptions, Identity, SatchelDevice};
pub use diagnostics::{live_objects, satchel_version};
pub use emergencies::{Emergency, EmergencyOutcome};
pub use error::SatchelError;
pub use exchange::{ImportDone, Refusal};
pub use history::{ChartThen, ElementDiff, HistoryEntry, Signed};
pub use live::{LiveQuery, RowsListener};
pub use own_work::OwnChange;
pub use patients::{Alike, Registered};
pub use queries::{LiveRows, Page, PatientSearch, Question};
pub use receipts::{ActDone, EditDone, Warning};
pub use sharing::{ReferralMade, ReferralOutcome, ReferralWish, ReferredTo};
pub use status::{ChartWorkCount, Status};
pub use sync::{SyncBudget, SyncDone, SyncSession};
pub use sync_news::{SyncListener, SyncNews};
pub use tablet::{ProfileShown, SatchelTablet};
pub use types::{Decimal, Json};

/// What callers in Rust need of the core, so that they agree on the version.
pub use client_core as core;

uniffi::setup_scaffolding!("satchel");
