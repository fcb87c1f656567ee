//! The sync loop as a state machine: inputs and the time in, effects out. No sockets, no timers, no threads.

mod accounts;
mod agreement;
mod backoff;
mod engine;
mod live;
mod network;
mod place;
mod round;

pub use backoff::{FIRST_DELAY_MS, MAX_DELAY_MS, SUPERSEDED_DELAY_MS};
pub use engine::SyncEngine;
pub use network::{METERED_GATHER_MS, METERED_REST_MS, Network};
pub use round::RoundBudget;

use sync_protocol::frame::GoodbyeReason;
use sync_protocol::{DocumentId, OrganizationId, ReferralId, UnixMillis};

use crate::{CatchUp, ConnectionError, DeviceError};

/// What happens to the engine.
#[derive(Clone, Debug)]
pub enum Input {
    /// Begin to sync and go on with it.
    Start,
    /// End it, politely.
    Stop,
    /// The transport that [`Effect::Connect`] asked for is there.
    Connected,
    /// It could not be had, or is gone. Not to be said after [`Effect::Disconnect`].
    Disconnected(ConnectionError),
    /// One binary message.
    Received(Vec<u8>),
    /// The time that [`Effect::WakeAt`] named has come.
    Tick,
    /// The outbox grew, here or in another process.
    LocalEdit,
    /// The network is there again: connect at once.
    NetworkReturned,
    /// As [`Self::NetworkReturned`], but what goes over it costs: connect for a round at a time, see [`Network::Metered`].
    NetworkMetered,
    /// The network is gone: do not try until it returns.
    NetworkLost,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Open a transport to the relay; then [`Input::Connected`] or [`Input::Disconnected`].
    Connect,
    /// Send one binary message.
    Send(Vec<u8>),
    /// Close the transport, once what is to be sent before is sent; or give up opening it.
    Disconnect,
    /// Give [`Input::Tick`] at this time. A later one replaces an earlier one.
    WakeAt(UnixMillis),
    /// Tell whoever watches.
    Notify(SyncEvent),
}

/// What a watcher of the sync is told. Ids, counts and causes; no patient content.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SyncEvent {
    /// Trying to connect.
    Connecting,
    /// The relay knows this device.
    Welcomed {
        /// This device's clock minus the relay's, in milliseconds.
        clock_skew_ms: i64,
    },
    /// Catching up begins.
    CatchingUp {
        /// Documents that are to come.
        documents: u64,
        /// Everything that is held is compared first.
        comparing: bool,
    },
    /// A batch is stored.
    Received {
        /// Documents that changed.
        documents: Vec<DocumentId>,
        /// New changes.
        changes: u64,
        /// How far catching up has come; none once that is over.
        catch_up: Option<CatchUp>,
    },
    /// Documents that this device may no longer have were removed.
    Withdrawn {
        /// Which.
        documents: Vec<DocumentId>,
    },
    /// A delivery was put in quarantine.
    Quarantined {
        /// Which document's.
        document: DocumentId,
        /// Why.
        reason: String,
    },
    /// An organization showed another key than the pinned one.
    OrganizationKeyChanged {
        /// Which.
        organization: OrganizationId,
    },
    /// The relay answered a push. Counts are changes.
    Sent {
        /// In its log.
        accepted: u64,
        /// Kept from others until a privacy officer decides.
        custody: u64,
        /// Not taken.
        refused: u64,
    },
    /// A privacy officer has decided on changes of this device. Counts are changes, except for drafts.
    Decided {
        /// In the relay's log now.
        accepted: u64,
        /// Returned to their author.
        returned: u64,
        /// Drafts that they became.
        drafts: u64,
    },
    /// A request for emergency access is answered; see [`crate::Device::emergency_accesses`].
    EmergencyAnswered {
        /// Which.
        request: u64,
        /// Why it was refused; none if the chart is open.
        refusal: Option<String>,
    },
    /// A referral is answered; see [`crate::Device::referrals`].
    ReferralAnswered {
        /// Which.
        referral: ReferralId,
        /// Why it was refused; none if the chart is open to them.
        refusal: Option<String>,
    },
    /// Emergency access is over: these documents were removed.
    EmergencyOver {
        /// Which.
        documents: Vec<DocumentId>,
    },
    /// Everything but the identity was erased, on the relay's order.
    Erased,
    /// Everything that the relay has is here, and both agree.
    CaughtUp,
    /// Device and relay differ after everything was compared.
    Diverged,
    /// The connection ended and will be tried again.
    Retrying {
        /// Why it ended.
        cause: SyncFailure,
        /// When it is tried again, by this device's clock; none while there is no network.
        at: Option<UnixMillis>,
    },
    /// The round is over and the network is metered: disconnected until then, or until there is something to send.
    Resting {
        /// When it connects again at the latest, by this device's clock.
        until: UnixMillis,
    },
    /// The sync ended and is not tried again by itself.
    Stopped {
        /// Why; none if it was asked for.
        cause: Option<SyncFailure>,
    },
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncFailure {
    /// The transport.
    Connection(ConnectionError),
    /// The relay or this side ended it.
    Goodbye {
        /// For the program.
        reason: GoodbyeReason,
        /// For a person.
        detail: String,
    },
    /// This device's store failed. Nothing was acknowledged that is not stored.
    Device(DeviceError),
}

impl From<SyncFailure> for DeviceError {
    fn from(failure: SyncFailure) -> Self {
        match failure {
            SyncFailure::Connection(error) => Self::Connection(error),
            SyncFailure::Goodbye { reason, detail } => Self::Relay { reason, detail },
            SyncFailure::Device(error) => error,
        }
    }
}
