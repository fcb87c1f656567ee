//! What the device accounts for on a connection: its audit trail, one frame at a time and ahead of its pushes; receipts for
//! what it removed; its requests for emergency access; and its referrals.

use std::collections::{BTreeMap, BTreeSet};

use sync_protocol::session::ClientSession;
use sync_protocol::{ReferralId, UnixMillis};

use super::Effect;
use super::live::send_all;
use crate::store::{emergency, receipts, referrals, trail};
use crate::{Device, DeviceError};

/// How long pushes wait for the relay to say that it has the trail so far, in milliseconds. Unsent work is not held up
/// for longer by a relay that cannot keep trails.
pub(super) const TRAIL_PATIENCE_MS: i64 = 5_000;
/// Answers on one connection that may name an entry further back than was sent, without getting further.
const STUCK: u32 = 3;

/// Receipts and requests that were sent on this connection: each once, until the next one.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The last receipt.
    receipt: u64,
    /// Receipts that are not acknowledged.
    unkept: BTreeSet<u64>,
    /// The last request for emergency access.
    request: u64,
    /// Requests for emergency access that are not answered.
    unanswered: BTreeSet<u64>,
    /// Referrals that were sent, with whether they are answered.
    referrals: BTreeMap<ReferralId, bool>,
    /// Not before this the file is rewritten for receipts that wait for it.
    rewrite_from: Option<UnixMillis>,
    /// Receipts wait for that.
    waits: bool,
    /// It failed the last time.
    failed: bool,
}

/// Time between two rewritings of the file at least, and from the beginning of a connection to the first unless all that was
/// to come has come before, in milliseconds: what is removed meanwhile is covered by one.
const REWRITE_EVERY_MS: i64 = 5_000;
/// Time until it is tried again after it failed, in milliseconds.
const REWRITE_AGAIN_MS: i64 = 60_000;

impl Told {
    /// The connection begins: removals come in a row.
    pub(super) fn begin(&mut self, now: UnixMillis) {
        self.rewrite_from = Some(now.plus(REWRITE_EVERY_MS));
    }

    /// All that was to come has come.
    pub(super) fn caught_up(&mut self) {
        if !self.failed {
            self.rewrite_from = None;
        }
    }

    /// Sends the receipts that hold true and were not sent yet.
    pub(super) fn receipts(
        &mut self,
        device: &mut Device,
        session: &ClientSession,
        now: UnixMillis,
        effects: &mut Vec<Effect>,
    ) -> Result<(), DeviceError> {
        self.overwrite_removed(device, now)?;
        while let Some(receipt) = receipts::next(&device.db, self.receipt)? {
            let frame = session.receipt(receipt.number, receipt.documents, receipt.wiped, receipt.purged_at);
            let Some(frame) = frame else { return Ok(()) };
            self.receipt = receipt.number;
            self.unkept.insert(receipt.number);
            send_all([frame], effects);
        }
        Ok(())
    }

    /// Rewrites the file if receipts wait for it and it is time. Where that fails work goes on, and so does the receipt's wait.
    fn overwrite_removed(&mut self, device: &mut Device, now: UnixMillis) -> Result<(), DeviceError> {
        self.waits = receipts::newest_unclean(&device.db)?.is_some();
        if !self.waits || self.rewrite_from.is_some_and(|from| is_ahead(from, now)) {
            return Ok(());
        }
        self.failed = match device.overwrite_removed() {
            Ok(done) => !done,
            Err(error) if error.is_storage() => true,
            Err(error) => return Err(error),
        };
        self.waits = self.failed;
        self.rewrite_from = Some(now.plus(if self.failed { REWRITE_AGAIN_MS } else { REWRITE_EVERY_MS }));
        Ok(())
    }

    /// Whether receipts wait for the file to be rewritten, and nothing is known to stand in the way.
    pub(super) fn is_open(&self) -> bool {
        self.waits && !self.failed
    }

    /// When the file is to be rewritten.
    pub(super) fn deadline(&self) -> Option<UnixMillis> {
        self.rewrite_from.filter(|_| self.waits)
    }

    /// Sends the requests for emergency access that wait.
    pub(super) fn requests(
        &mut self,
        device: &Device,
        session: &ClientSession,
        effects: &mut Vec<Effect>,
    ) -> Result<(), DeviceError> {
        while let Some(asked) = emergency::next_waiting(&device.db, self.request)? {
            let request = asked.request;
            let Some(frame) = session.break_glass(asked) else { return Ok(()) };
            self.request = request;
            self.unanswered.insert(request);
            send_all([frame], effects);
        }
        Ok(())
    }

    /// Sends the referrals that wait.
    pub(super) fn referrals(
        &mut self,
        device: &Device,
        session: &ClientSession,
        effects: &mut Vec<Effect>,
    ) -> Result<(), DeviceError> {
        for asked in referrals::waiting(&device.db)? {
            let id = asked.referral;
            if self.referrals.contains_key(&id) {
                continue;
            }
            let Some(frame) = session.refer(asked) else { return Ok(()) };
            self.referrals.insert(id, false);
            send_all([frame], effects);
        }
        Ok(())
    }

    /// A request for emergency access is answered.
    pub(super) fn answered(&mut self, request: u64) {
        self.unanswered.remove(&request);
    }

    /// A receipt is on the relay's disk.
    pub(super) fn receipt_kept(&mut self, receipt: u64) {
        self.unkept.remove(&receipt);
    }

    /// A referral is answered.
    pub(super) fn referral_answered(&mut self, referral: ReferralId) {
        self.referrals.insert(referral, true);
    }

    /// Whether an answer is still to come.
    pub(super) fn awaits_answers(&self) -> bool {
        !self.unkept.is_empty() || !self.unanswered.is_empty() || self.referrals.values().any(|answered| !answered)
    }
}

/// Whether a time that was set at most [`REWRITE_AGAIN_MS`] ahead is still to come. Further off, the clock was set back.
fn is_ahead(at: UnixMillis, now: UnixMillis) -> bool {
    (1..=REWRITE_AGAIN_MS).contains(&at.0.saturating_sub(now.0))
}

/// How far the trail was sent on this connection.
#[derive(Debug, Default)]
pub(super) struct TrailCourse {
    /// The last entry that was sent; none before the first look.
    sent_through: Option<u64>,
    /// The last entry that the relay said it has.
    kept_through: u64,
    /// Since when an answer is awaited.
    awaiting: Option<UnixMillis>,
    gave_up: bool,
    stuck: u32,
}

impl TrailCourse {
    /// The relay was set back since the last connection: the last entry is sent again, so that it says where it stands.
    pub(super) fn probe(&mut self, device: &Device) -> Result<(), DeviceError> {
        self.sent_through = Some(trail::standing(&device.db)?.kept_through.saturating_sub(1));
        Ok(())
    }

    /// Sends what comes next, unless an answer is awaited. True if pushes have to wait for more of it to go.
    pub(super) fn send(
        &mut self,
        device: &Device,
        session: &ClientSession,
        now: UnixMillis,
        effects: &mut Vec<Effect>,
    ) -> Result<bool, DeviceError> {
        let standing = trail::standing(&device.db)?;
        let sent = *self.sent_through.get_or_insert(standing.kept_through);
        if let Some(since) = self.awaiting {
            self.gave_up |= !(0..TRAIL_PATIENCE_MS).contains(&now.0.saturating_sub(since.0));
            return Ok(!self.gave_up && standing.newest > sent);
        }
        if self.stuck >= STUCK {
            return Ok(false);
        }
        let Some((first, previous, body)) = trail::frame_after(&device.db, sent)? else { return Ok(false) };
        let Some(frame) = session.trail(first, previous, &body) else { return Ok(false) };
        let through = first + body.entries.len() as u64 - 1;
        (self.sent_through, self.awaiting) = (Some(through), Some(now));
        send_all([frame], effects);
        Ok(standing.newest > through)
    }

    /// The relay has the trail up to `through`: goes on after it, further back too.
    pub(super) fn kept(&mut self, device: &mut Device, through: u64, now: UnixMillis) -> Result<(), DeviceError> {
        if self.awaiting.is_none() {
            // A doubled answer: the first one counted.
            return Ok(());
        }
        device.unhurried(|device| device.write(|tx, _| trail::kept(tx, through, now)))?;
        // More than there is here is what a device had before it was set back.
        let through = through.min(trail::standing(&device.db)?.newest);
        let sent = self.sent_through.unwrap_or(through);
        self.stuck = if through < sent && through <= self.kept_through { self.stuck + 1 } else { 0 };
        (self.sent_through, self.kept_through) = (Some(through), through);
        (self.awaiting, self.gave_up) = (None, false);
        Ok(())
    }

    /// Whether the relay has all of it, as far as it says; or says what makes no sense, so that waiting is no use.
    pub(super) fn is_done(&self, device: &Device) -> Result<bool, DeviceError> {
        let standing = trail::standing(&device.db)?;
        Ok(standing.newest <= standing.kept_through)
    }

    /// Whether an answer is still to be waited for.
    pub(super) fn is_open(&self) -> bool {
        self.awaiting.is_some() && !self.gave_up
    }

    /// When waiting for the answer ends.
    pub(super) fn deadline(&self) -> Option<UnixMillis> {
        self.awaiting.filter(|_| !self.gave_up).map(|since| since.plus(TRAIL_PATIENCE_MS))
    }
}
