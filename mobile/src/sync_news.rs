//! What a watcher of the sync is told: counts, causes and moments; no patient content.

use client_core::UnixMillis;
use client_core::sync::{SyncEvent, SyncFailure};

use crate::SatchelError;

/// Watches a sync.
#[uniffi::export(callback_interface)]
pub trait SyncListener: Send + Sync {
    /// Something happened. Called on a thread of the library's, one call at a time and in order. It may call back into the
    /// device.
    fn on_news(&self, news: SyncNews);
}

/// Something that happened while syncing.
#[derive(Clone, Debug, PartialEq, uniffi::Enum)]
pub enum SyncNews {
    /// Trying to connect.
    Connecting,
    /// The relay knows this device.
    Connected {
        /// This device's clock minus the relay's, in milliseconds.
        clock_skew_ms: i64,
    },
    /// Catching up begins.
    CatchingUp {
        /// Documents that are to come.
        documents: u64,
    },
    /// Something is stored.
    Received {
        /// New changes.
        changes: u64,
        /// Documents that changed.
        documents: u64,
        /// While catching up: documents that are here, of those that are to come.
        complete: Option<u64>,
        /// While catching up: documents that are to come.
        expected: Option<u64>,
    },
    /// The relay answered what was sent. Counts are changes.
    Sent {
        /// In its log.
        accepted: u64,
        /// Kept from others until a privacy officer decides.
        custody: u64,
        /// Not taken.
        refused: u64,
    },
    /// A privacy officer has decided on changes of this device.
    Decided {
        /// Changes in the relay's log now.
        accepted: u64,
        /// Changes returned to their author.
        returned: u64,
        /// Drafts that they became.
        drafts: u64,
    },
    /// Documents that this device may no longer have were removed.
    Withdrawn {
        /// How many.
        documents: u64,
    },
    /// Emergency access is over: documents were removed.
    EmergencyOver {
        /// How many.
        documents: u64,
    },
    /// A request for emergency access is answered; see `emergencies`.
    EmergencyAnswered {
        /// Which.
        request: u64,
        /// Whether the chart is open.
        opened: bool,
    },
    /// A referral is answered; see `referrals`.
    ReferralAnswered {
        /// Which.
        referral: String,
        /// Whether the chart is open to them.
        opened: bool,
    },
    /// Something that was received cannot be accepted; it is kept, and nothing else is affected.
    Quarantined,
    /// An organization showed another key than the pinned one; see `accept_changed_key`.
    OrganizationKeyChanged {
        /// Which.
        organization: String,
    },
    /// Everything that the relay has is here, and both agree.
    UpToDate,
    /// Device and relay differ after everything was compared.
    Diverged,
    /// The connection ended and will be tried again.
    Retrying {
        /// When; none while there is no network.
        at: Option<UnixMillis>,
        /// Why it ended.
        cause: SatchelError,
    },
    /// Disconnected on a metered network, until then or until there is something to send.
    Resting {
        /// When it connects again at the latest.
        until: UnixMillis,
    },
    /// Everything but the identity was erased, on the relay's order.
    Erased,
    /// The sync ended.
    Stopped {
        /// Why; none if it was asked for.
        cause: Option<SatchelError>,
    },
    /// Something that this version of the bindings has no word for.
    Other,
}

impl From<&SyncEvent> for SyncNews {
    fn from(event: &SyncEvent) -> Self {
        match event {
            SyncEvent::Connecting => Self::Connecting,
            SyncEvent::Welcomed { clock_skew_ms } => Self::Connected { clock_skew_ms: *clock_skew_ms },
            SyncEvent::CatchingUp { documents, .. } => Self::CatchingUp { documents: *documents },
            SyncEvent::Received { documents, changes, catch_up } => Self::Received {
                changes: *changes,
                documents: documents.len() as u64,
                complete: catch_up.map(|catch_up| catch_up.received),
                expected: catch_up.map(|catch_up| catch_up.documents),
            },
            SyncEvent::Sent { accepted, custody, refused } => {
                Self::Sent { accepted: *accepted, custody: *custody, refused: *refused }
            }
            SyncEvent::Decided { accepted, returned, drafts } => {
                Self::Decided { accepted: *accepted, returned: *returned, drafts: *drafts }
            }
            SyncEvent::Withdrawn { documents } => Self::Withdrawn { documents: documents.len() as u64 },
            SyncEvent::EmergencyOver { documents } => Self::EmergencyOver { documents: documents.len() as u64 },
            SyncEvent::EmergencyAnswered { request, refusal } => {
                Self::EmergencyAnswered { request: *request, opened: refusal.is_none() }
            }
            SyncEvent::ReferralAnswered { referral, refusal } => {
                Self::ReferralAnswered { referral: referral.to_string(), opened: refusal.is_none() }
            }
            SyncEvent::Quarantined { .. } => Self::Quarantined,
            SyncEvent::OrganizationKeyChanged { organization } => {
                Self::OrganizationKeyChanged { organization: organization.to_string() }
            }
            SyncEvent::CaughtUp => Self::UpToDate,
            SyncEvent::Diverged => Self::Diverged,
            SyncEvent::Retrying { cause, at } => Self::Retrying { at: *at, cause: cause_of(cause) },
            SyncEvent::Resting { until } => Self::Resting { until: *until },
            SyncEvent::Erased => Self::Erased,
            SyncEvent::Stopped { cause } => Self::Stopped { cause: cause.as_ref().map(cause_of) },
            _ => Self::Other,
        }
    }
}

fn cause_of(failure: &SyncFailure) -> SatchelError {
    client_core::DeviceError::from(failure.clone()).into()
}
