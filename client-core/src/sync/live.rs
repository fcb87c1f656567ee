//! One connection: the session and what is on its way.

use std::collections::{BTreeMap, HashMap, VecDeque};

use sync_protocol::frame::{Answer, BatchBody, CaughtUp, Cursor, Decision, GoodbyeReason, Resumed, Welcome};
use sync_protocol::limits::TARGET_UNPACKED_BYTES;
use sync_protocol::session::{ClientEvent, ClientSession};
use sync_protocol::{DocumentId, EpochId, RelayId, UnixMillis};

use super::accounts::{Told, TrailCourse};
use super::agreement::{Agreement, Verdict};
use super::{Effect, SyncEvent, SyncFailure};
use crate::push::{Outgoing, WHOLE_DOCUMENT_BYTES};
use crate::status::ConnectionState;
use crate::{Device, DeviceError};

/// How long a connection may take until the relay welcomes us, in milliseconds.
pub(super) const HANDSHAKE_MS: i64 = 30_000;
/// Least and most time between two renewals of the lease, in milliseconds, whatever lease the relay gives.
const RENEW_AFTER_MS: (i64, i64) = (60_000, 30 * 24 * 60 * 60 * 1000);

/// Why handling stopped: the store failed, or the connection is over.
pub(super) enum Halt {
    Device(DeviceError),
    Ended(SyncFailure),
}

impl From<DeviceError> for Halt {
    fn from(error: DeviceError) -> Self {
        Self::Device(error)
    }
}

#[derive(Debug)]
pub(super) struct Live {
    pub(super) session: ClientSession,
    /// None until welcomed.
    pub(super) epoch: Option<EpochId>,
    /// When to give up waiting for the welcome.
    pub(super) handshake_until: UnixMillis,
    /// How long after a welcome to connect anew, so that the lease does not run out while connected, and when that is.
    pub(super) renewal: Option<(i64, UnixMillis)>,
    /// Everything is compared on this connection.
    pub(super) comparing: bool,
    /// Newest outbox row that was sent.
    pub(super) sent_through: i64,
    pub(super) in_flight: BTreeMap<u64, Outgoing>,
    /// Documents to send whole, next first.
    pub(super) whole: VecDeque<Outgoing>,
    /// How often documents were queued whole.
    pub(super) sent_whole: HashMap<DocumentId, u32>,
    pub(super) agreement: Agreement,
    pub(super) trail: TrailCourse,
    pub(super) told: Told,
    /// Newest row of kept work that was sent.
    pub(super) kept_sent: i64,
    /// Old rows of the outbox were queued again: they are sent once nothing is on its way.
    pub(super) rewind: bool,
    /// The relay ordered everything to be erased.
    pub(super) erasing: bool,
    /// The relay is about to send sealed documents that are to lie ready.
    pub(super) stage_follows: bool,
}

/// How often a document is sent whole on one connection, at most. More than once only where frames overtook each other.
const WHOLE_TIMES: u32 = 4;

impl Live {
    pub(super) fn new(session: ClientSession, now: UnixMillis) -> Self {
        Self {
            session,
            epoch: None,
            handshake_until: now.plus(HANDSHAKE_MS),
            renewal: None,
            comparing: false,
            sent_through: 0,
            in_flight: BTreeMap::new(),
            whole: VecDeque::new(),
            sent_whole: HashMap::new(),
            agreement: Agreement::default(),
            trail: TrailCourse::default(),
            told: Told::default(),
            kept_sent: 0,
            rewind: false,
            erasing: false,
            stage_follows: false,
        }
    }

    /// Whether anything sent waits for an answer, a receipt for the file to be rewritten, or sealed documents are on their way.
    pub(super) fn is_busy(&self) -> bool {
        let answers = self.pushes_open() || self.trail.is_open() || self.told.awaits_answers();
        answers || self.told.is_open() || self.stage_follows
    }

    /// Whether any push is waiting or not answered.
    pub(super) fn pushes_open(&self) -> bool {
        !self.in_flight.is_empty() || !self.whole.is_empty()
    }
}

impl Live {
    /// The relay knows us.
    pub(super) fn welcomed(
        &mut self,
        device: &mut Device,
        relay: RelayId,
        welcome: &Welcome,
        now: UnixMillis,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Halt> {
        if device.relay() != Some(relay) {
            send_all(self.session.close(GoodbyeReason::Other, "not the relay this device is enrolled with"), effects);
            return Err(Halt::Ended(SyncFailure::Device(DeviceError::OtherRelay)));
        }
        if device.epoch()?.is_some_and(|before| before != welcome.epoch) {
            self.trail.probe(device)?;
        }
        self.epoch = Some(welcome.epoch);
        self.told.begin(now);
        self.erasing = device.heed_order(welcome.wipe, now)?;
        let clock_skew_ms = device.welcomed(welcome, now)?;
        let half = i64::try_from(welcome.lease_ms / 2).unwrap_or(i64::MAX).clamp(RENEW_AFTER_MS.0, RENEW_AFTER_MS.1);
        self.renewal = Some((half, now.plus(half)));
        device.set_link(ConnectionState::CatchingUp, false);
        effects.push(Effect::Notify(SyncEvent::Welcomed { clock_skew_ms }));
        Ok(())
    }

    /// The relay says what is coming, or wants to compare first.
    pub(super) fn resumed(
        &mut self,
        device: &mut Device,
        resumed: &Resumed,
        effects: &mut Vec<Effect>,
    ) -> Result<(), DeviceError> {
        if resumed.compare {
            self.comparing = true;
            for frame in device.inventory()? {
                send_all([self.session.inventory(frame)], effects);
            }
        } else {
            device.expect(resumed.documents);
        }
        let event = SyncEvent::CatchingUp { documents: resumed.documents, comparing: resumed.compare };
        effects.push(Effect::Notify(event));
        Ok(())
    }

    /// Stores a batch, then acknowledges it.
    pub(super) fn deliver(
        &mut self,
        device: &mut Device,
        batch: u64,
        cursor: Option<&Cursor>,
        body: BatchBody,
        now: UnixMillis,
        effects: &mut Vec<Effect>,
    ) -> Result<(), DeviceError> {
        let before = device.shared_sum()?;
        let applied = device.apply_batch(body, cursor, &self.epoch(), now)?;
        self.agreement.received(device.shared_sum()?.minus(before));
        // After the commit, never before.
        send_all([self.session.stored(batch)], effects);
        for (document, reason) in applied.quarantined {
            effects.push(Effect::Notify(SyncEvent::Quarantined { document, reason }));
        }
        for organization in applied.changed_keys {
            effects.push(Effect::Notify(SyncEvent::OrganizationKeyChanged { organization }));
        }
        let catch_up = device.arrived(applied.complete);
        let event = SyncEvent::Received { documents: applied.documents, changes: applied.changes, catch_up };
        effects.push(Effect::Notify(event));
        Ok(())
    }

    /// The relay has sent everything: compares the sums.
    pub(super) fn caught_up(&mut self, device: &mut Device, caught_up: &CaughtUp) -> Result<Verdict, DeviceError> {
        device.store_place(caught_up, &self.epoch())?;
        self.told.caught_up();
        self.stage_follows = caught_up.stage;
        Ok(self.agreement.said(caught_up.checksum, device.shared_sum()?, self.pushes_open()))
    }

    /// Settles an answered push. None where nothing about agreement follows from it.
    pub(super) fn answered(
        &mut self,
        device: &mut Device,
        push: u64,
        answers: &[Answer],
        now: UnixMillis,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Verdict>, Halt> {
        let Some(outgoing) = self.in_flight.remove(&push) else { return Ok(None) };
        if answers.len() != outgoing.changes.len() {
            let detail = "the answers do not match the push";
            send_all(self.session.close(GoodbyeReason::ProtocolViolation, detail), effects);
            let (reason, detail) = (GoodbyeReason::ProtocolViolation, detail.to_owned());
            return Err(Halt::Ended(SyncFailure::Goodbye { reason, detail }));
        }
        let before = device.shared_sum()?;
        let may_send_whole = |document: &DocumentId| {
            !outgoing.whole && (self.is_going_whole(document) || self.times_whole(document) < WHOLE_TIMES)
        };
        let settle = |device: &mut Device| device.settle(&outgoing, answers, may_send_whole, now);
        let settled = match answers.iter().all(|answer| matches!(answer, Answer::Accepted | Answer::AlreadyHad)) {
            true => device.unhurried(settle)?,
            false => settle(device)?,
        };
        let needed: Vec<DocumentId> = settled.needed.into_iter().collect();
        self.queue_whole(device, &needed)?;
        if self.erasing {
            device.goes_on_handing_over(now)?;
        }
        let (accepted, custody, refused) = (settled.accepted, settled.custody, settled.refused);
        effects.push(Effect::Notify(SyncEvent::Sent { accepted, custody, refused }));
        let ours = device.shared_sum()?;
        Ok(self.agreement.answered(ours.minus(before), ours, self.pushes_open()))
    }

    /// Queues documents to be sent whole, unless they are on their way so or went too often on this connection.
    pub(super) fn queue_whole(&mut self, device: &Device, documents: &[DocumentId]) -> Result<(), DeviceError> {
        for document in documents {
            if !self.is_going_whole(document) && self.times_whole(document) < WHOLE_TIMES {
                *self.sent_whole.entry(*document).or_default() += 1;
                self.whole.extend(self.whole_within_frames(device, document)?);
            }
        }
        Ok(())
    }

    fn times_whole(&self, document: &DocumentId) -> u32 {
        self.sent_whole.get(document).copied().unwrap_or_default()
    }

    /// Whether a push of this whole document waits or is not answered.
    fn is_going_whole(&self, document: &DocumentId) -> bool {
        let mut open = self.whole.iter().chain(self.in_flight.values());
        open.any(|outgoing| outgoing.whole && outgoing.changes.iter().any(|(_, id, _)| id == document))
    }

    /// Sends what waits, as far as the window allows: the trail first, so that no work overtakes the account of it.
    pub(super) fn pump(
        &mut self,
        device: &mut Device,
        now: UnixMillis,
        effects: &mut Vec<Effect>,
    ) -> Result<(), DeviceError> {
        if self.epoch.is_none() {
            return Ok(());
        }
        if self.erasing {
            return self.pump_erasing(device, now, effects);
        }
        self.told.requests(device, &self.session, effects)?;
        self.told.referrals(device, &self.session, effects)?;
        self.told.receipts(device, &self.session, now, effects)?;
        match self.trail.send(device, &self.session, now, effects)? {
            true => Ok(()),
            false => self.push_all(device, effects),
        }
    }

    /// Hands over what was not sent, then erases, then says so.
    fn pump_erasing(
        &mut self,
        device: &mut Device,
        now: UnixMillis,
        effects: &mut Vec<Effect>,
    ) -> Result<(), DeviceError> {
        let wait = self.trail.send(device, &self.session, now, effects)?;
        if !device.was_erased()? {
            if !wait {
                self.push_all(device, effects)?;
            }
            if wait || self.pushes_open() || self.trail.is_open() {
                return Ok(());
            }
            device.erase(now)?;
            effects.push(Effect::Notify(SyncEvent::Erased));
            // What could not be handed over is told of.
            self.trail.send(device, &self.session, now, effects)?;
        }
        // The trail is signed with the identity, which goes once the receipt is acknowledged.
        if self.trail.is_done(device)? {
            self.told.receipts(device, &self.session, now, effects)?;
        }
        Ok(())
    }

    fn push_all(&mut self, device: &Device, effects: &mut Vec<Effect>) -> Result<(), DeviceError> {
        if self.in_flight.is_empty() {
            // What is answered waits no more, and rows that were deleted leave their numbers to new ones.
            self.kept_sent = 0;
            if std::mem::take(&mut self.rewind) {
                self.sent_through = 0;
            }
        }
        while self.session.may_push() {
            let Some(outgoing) = self.next_push(device)? else { return Ok(()) };
            let Some((push, send)) = self.session.push(&outgoing.body) else { return Ok(()) };
            self.sent_through = self.sent_through.max(outgoing.through);
            self.kept_sent = self.kept_sent.max(outgoing.kept_through);
            self.in_flight.insert(push, outgoing);
            send_all([send], effects);
        }
        Ok(())
    }

    fn next_push(&mut self, device: &Device) -> Result<Option<Outgoing>, DeviceError> {
        if let Some(whole) = self.whole.pop_front() {
            return Ok(Some(whole));
        }
        match device.next_kept_push(self.kept_sent)? {
            Some(kept) => Ok(Some(kept)),
            None => self.outbox_within_a_frame(device),
        }
    }

    /// The next push from the outbox, of fewer changes where they do not compress into the relay's frame.
    fn outbox_within_a_frame(&self, device: &Device) -> Result<Option<Outgoing>, DeviceError> {
        let mut bytes = TARGET_UNPACKED_BYTES;
        loop {
            let push = device.next_push_of(self.sent_through, bytes)?;
            match push {
                Some(push) if bytes > 1 && !self.session.carries(&push.body) => bytes /= 2,
                push => return Ok(push),
            }
        }
    }

    /// A document whole, in more pushes where it does not compress into the relay's frame.
    fn whole_within_frames(&self, device: &Device, document: &DocumentId) -> Result<Vec<Outgoing>, DeviceError> {
        let mut bytes = WHOLE_DOCUMENT_BYTES;
        loop {
            let pushes = device.whole_document(document, bytes)?;
            if bytes <= 1 || pushes.iter().all(|push| self.session.carries(&push.body)) {
                return Ok(pushes);
            }
            bytes /= 2;
        }
    }

    /// A receipt is on the relay's disk. True if that ends this device's identity.
    pub(super) fn receipt_kept(
        &mut self,
        device: &mut Device,
        receipt: u64,
        now: UnixMillis,
    ) -> Result<bool, DeviceError> {
        self.told.receipt_kept(receipt);
        if !self.erasing {
            device.receipt_kept(receipt)?;
            return Ok(false);
        }
        if !self.trail.is_done(device)? || !device.receipt_kept(receipt)? {
            return Ok(false);
        }
        device.forget_identity(now)?;
        Ok(true)
    }

    /// Acts on decisions, then says that they are known.
    pub(super) fn decided(
        &mut self,
        device: &mut Device,
        decisions: &[Decision],
        now: UnixMillis,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Verdict>, DeviceError> {
        let before = device.shared_sum()?;
        let taken = device.decide(decisions, now)?;
        // After the commit, never before.
        let known = decisions.iter().map(|decision| decision.change).collect();
        send_all([self.session.decisions_known(known)], effects);
        // What was taken out is not to be given back to a relay that asked for the document whole.
        self.whole.retain(|outgoing| !outgoing.changes.iter().any(|(_, id, _)| taken.documents.contains(id)));
        self.rewind = true;
        let (accepted, returned, drafts) = (taken.accepted, taken.returned, taken.drafts);
        if accepted + returned > 0 {
            effects.push(Effect::Notify(SyncEvent::Decided { accepted, returned, drafts }));
        }
        let ours = device.shared_sum()?;
        Ok(self.agreement.answered(ours.minus(before), ours, self.pushes_open()))
    }

    /// When something is due even if nothing happens.
    pub(super) fn deadline(&self) -> Option<UnixMillis> {
        if self.epoch.is_none() {
            return Some(self.handshake_until);
        }
        let renewal = self.renewal.map(|(_, at)| at);
        renewal.into_iter().chain(self.trail.deadline()).chain(self.told.deadline()).min()
    }

    fn epoch(&self) -> EpochId {
        // The session delivers nothing before the welcome.
        self.epoch.unwrap_or(EpochId([0; 16]))
    }
}

/// Appends what a session wants sent.
pub(super) fn send_all(events: impl IntoIterator<Item = ClientEvent>, effects: &mut Vec<Effect>) {
    for event in events {
        if let ClientEvent::Send(bytes) = event {
            effects.push(Effect::Send(bytes));
        }
    }
}
