//! One connection: the session and what is on its way.

use std::collections::{BTreeMap, HashSet, VecDeque};

use sync_protocol::session::ClientSession;
use sync_protocol::{DocumentId, EpochId, UnixMillis};

use super::agreement::Agreement;
use crate::push::Outgoing;

/// How long a connection may take until the relay welcomes us, in milliseconds.
pub(super) const HANDSHAKE_MS: i64 = 30_000;

#[derive(Debug)]
pub(super) struct Live {
    pub(super) session: ClientSession,
    /// None until welcomed.
    pub(super) epoch: Option<EpochId>,
    /// When to give up waiting for the welcome.
    pub(super) handshake_until: UnixMillis,
    /// Everything is compared on this connection.
    pub(super) comparing: bool,
    /// Newest outbox row that was sent.
    pub(super) sent_through: i64,
    pub(super) in_flight: BTreeMap<u64, Outgoing>,
    /// Documents to send whole, next first.
    pub(super) whole: VecDeque<Outgoing>,
    /// Documents that were queued whole; once each.
    pub(super) sent_whole: HashSet<DocumentId>,
    pub(super) agreement: Agreement,
}

impl Live {
    pub(super) fn new(session: ClientSession, now: UnixMillis) -> Self {
        Self {
            session,
            epoch: None,
            handshake_until: now.plus(HANDSHAKE_MS),
            comparing: false,
            sent_through: 0,
            in_flight: BTreeMap::new(),
            whole: VecDeque::new(),
            sent_whole: HashSet::new(),
            agreement: Agreement::default(),
        }
    }

    /// Whether any push is waiting or not answered.
    pub(super) fn pushes_open(&self) -> bool {
        !self.in_flight.is_empty() || !self.whole.is_empty()
    }
}
