//! The engine: when to connect, what to send, and what to do with what comes.

use sync_protocol::UnixMillis;
use sync_protocol::frame::GoodbyeReason;
use sync_protocol::session::{ClientEvent, ClientSession, Intent};

use super::agreement::Verdict;
use super::backoff::{Backoff, MAX_DELAY_MS, SUPERSEDED_DELAY_MS};
use super::live::{HANDSHAKE_MS, Halt, Live, send_all};
use super::network::{METERED_GATHER_MS, METERED_REST_MS};
use super::{Effect, Input, SyncEvent, SyncFailure};
use crate::purge::Cause;
use crate::status::ConnectionState;
use crate::{Device, DeviceError, SOFTWARE};

/// Time until what was due and could not be written is tried again, in milliseconds.
const OVERDUE_AGAIN_MS: i64 = 2_000;

#[derive(Debug)]
enum State {
    /// Not wanted, or refused.
    Idle,
    /// Wanted, no network.
    NoNetwork,
    Waiting(UnixMillis),
    /// Disconnected on purpose: all was settled, and the network is metered.
    Resting(UnixMillis),
    Connecting,
    Live(Box<Live>),
}

/// The sync loop of one device. The same in a real driver and in a simulation; give it the same device each time.
#[derive(Debug)]
pub struct SyncEngine {
    state: State,
    backoff: Backoff,
    /// Everything was compared since device and relay last agreed.
    compared: bool,
    /// After comparing, the sums were looked at once more on a fresh connection.
    rechecked: bool,
    /// The [`Effect::WakeAt`] that stands.
    wake: Option<UnixMillis>,
    /// What goes over the network costs.
    metered: bool,
}

impl Default for SyncEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl SyncEngine {
    /// An engine that waits for [`Input::Start`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: State::Idle,
            backoff: Backoff::default(),
            compared: false,
            rechecked: false,
            wake: None,
            metered: false,
        }
    }

    /// Takes one input. `now`: this device's time. The effects are to be carried out in order.
    pub fn handle(&mut self, device: &mut Device, input: Input, now: UnixMillis) -> Vec<Effect> {
        let mut effects = Vec::new();
        if matches!(input, Input::Start | Input::Tick | Input::Connected | Input::LocalEdit) {
            self.keep_time(device, now, &mut effects);
        }
        match input {
            Input::Start if matches!(self.state, State::Idle) => self.connect(device, &mut effects),
            Input::Start => {}
            Input::Stop => self.stop(device, &mut effects),
            Input::Connected => self.connected(device, now, &mut effects),
            Input::Disconnected(error) => self.lost(device, SyncFailure::Connection(error), now, &mut effects),
            Input::Received(bytes) => self.received(device, &bytes, now, &mut effects),
            Input::Tick => {
                self.wake = None;
                self.tick(device, now, &mut effects);
            }
            Input::LocalEdit => self.local_edit(device, now, &mut effects),
            Input::NetworkReturned => self.network_returned(device, false, &mut effects),
            Input::NetworkMetered => self.network_returned(device, true, &mut effects),
            Input::NetworkLost => self.network_lost(device, &mut effects),
        }
        self.rest_if_metered(device, now, &mut effects);
        self.schedule(device, now, &mut effects);
        // After what came in was committed, and what other processes committed was heard of.
        device.run_live_queries(now);
        effects
    }

    /// Whether nothing that was sent waits for an answer: pushes, the audit trail, requests, receipts; and no receipt waits for the
    /// file to be rewritten.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(&self.state, State::Live(live) if live.is_busy())
    }

    /// Does what the device has to do by its own time, connected or not.
    fn keep_time(&mut self, device: &mut Device, now: UnixMillis, effects: &mut Vec<Effect>) {
        // What fails here is tried again at the next tick, and refuses reading until then.
        let documents = device.keep_time(now).unwrap_or_default();
        if !documents.is_empty() {
            effects.push(Effect::Notify(SyncEvent::EmergencyOver { documents }));
        }
    }

    /// Asks to be woken when the next thing is due.
    fn schedule(&mut self, device: &mut Device, now: UnixMillis, effects: &mut Vec<Effect>) {
        let due = match &self.state {
            State::Waiting(at) | State::Resting(at) => Some(*at),
            State::Live(live) => live.deadline(),
            State::Idle | State::NoNetwork | State::Connecting => None,
        };
        let own = device.next_due(now).unwrap_or_default().map(|at| if at > now { at } else { self.try_again_at(now) });
        let due = due.into_iter().chain(own).min();
        if let Some(at) = due.filter(|at| self.wake != Some(*at)) {
            self.wake = Some(at);
            effects.push(Effect::WakeAt(at));
        }
    }

    /// When to try again what is due and could not be done. A time that stands is kept, so that inputs do not put it off.
    fn try_again_at(&self, now: UnixMillis) -> UnixMillis {
        let soon = |at: &UnixMillis| *at > now && at.0 - now.0 <= OVERDUE_AGAIN_MS;
        self.wake.filter(soon).unwrap_or(now.plus(OVERDUE_AGAIN_MS))
    }

    fn connect(&mut self, device: &mut Device, effects: &mut Vec<Effect>) {
        self.state = State::Connecting;
        device.set_link(ConnectionState::Connecting, false);
        effects.extend([Effect::Notify(SyncEvent::Connecting), Effect::Connect]);
    }

    fn stop(&mut self, device: &mut Device, effects: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => return,
            State::Live(mut live) => {
                send_all(live.session.close(GoodbyeReason::Done, "the device stops"), effects);
                effects.push(Effect::Disconnect);
            }
            State::Connecting => effects.push(Effect::Disconnect),
            State::NoNetwork | State::Waiting(_) | State::Resting(_) => {}
        }
        device.set_link(ConnectionState::Offline, false);
        effects.push(Effect::Notify(SyncEvent::Stopped { cause: None }));
    }

    fn connected(&mut self, device: &mut Device, now: UnixMillis, effects: &mut Vec<Effect>) {
        if !matches!(self.state, State::Connecting) {
            return;
        }
        match device.begin_connection() {
            Ok((secret, resume)) => {
                let (session, hello) = ClientSession::open(secret, Intent::Sync(resume), SOFTWARE);
                let live = Live::new(session, now);
                self.state = State::Live(Box::new(live));
                send_all([hello], effects);
            }
            Err(error) => {
                effects.push(Effect::Disconnect);
                self.lost(device, SyncFailure::Device(error), now, effects);
            }
        }
    }

    /// The connection is gone: waits and tries again, unless that is not worthwhile without a person's doing.
    fn lost(&mut self, device: &mut Device, cause: SyncFailure, now: UnixMillis, effects: &mut Vec<Effect>) {
        if !matches!(self.state, State::Connecting | State::Live(_)) {
            return;
        }
        let event = match is_worth_retrying(&cause) {
            true => {
                let extra = if is_superseded(&cause) { SUPERSEDED_DELAY_MS } else { 0 };
                let at = now.plus(self.backoff.next(&mut *device.randomness) + extra);
                self.state = State::Waiting(at);
                device.set_link(ConnectionState::Connecting, false);
                SyncEvent::Retrying { cause, at: Some(at) }
            }
            false => {
                self.state = State::Idle;
                device.set_link(ConnectionState::Refused, false);
                SyncEvent::Stopped { cause: Some(cause) }
            }
        };
        effects.push(Effect::Notify(event));
    }

    fn tick(&mut self, device: &mut Device, now: UnixMillis, effects: &mut Vec<Effect>) {
        match &self.state {
            // A time further off than any wait means that the clock was set back: waiting for it could take days.
            State::Waiting(at) if now >= *at || at.0 - now.0 > MAX_DELAY_MS + SUPERSEDED_DELAY_MS => {
                self.connect(device, effects);
            }
            State::Resting(at) if now >= *at || at.0 - now.0 > METERED_REST_MS => self.connect(device, effects),
            State::Live(live) if live.epoch.is_none() => {
                let until = live.handshake_until;
                if now < until && until.0 - now.0 <= HANDSHAKE_MS {
                    return;
                }
                effects.push(Effect::Disconnect);
                let detail = "the relay did not answer the greeting in time".to_owned();
                let cause = SyncFailure::Connection(crate::ConnectionError::Lost { detail });
                self.lost(device, cause, now, effects);
            }
            State::Live(live) => {
                // Further off than it ever was: the clock was set back.
                if live.renewal.is_some_and(|(after, at)| now >= at || at.0 - now.0 > after) {
                    self.reconnect(device, "renewing the lease", effects);
                } else {
                    self.pump(device, now, effects);
                }
            }
            _ => {}
        }
    }

    fn network_returned(&mut self, device: &mut Device, metered: bool, effects: &mut Vec<Effect>) {
        self.metered = metered;
        let rests = matches!(self.state, State::Resting(_)) && !metered;
        if rests || matches!(self.state, State::Waiting(_) | State::NoNetwork) {
            self.backoff.reset();
            self.connect(device, effects);
        }
    }

    fn network_lost(&mut self, device: &mut Device, effects: &mut Vec<Effect>) {
        if matches!(self.state, State::Connecting | State::Live(_)) {
            effects.push(Effect::Disconnect);
        }
        if !matches!(self.state, State::Idle) {
            self.state = State::NoNetwork;
            device.set_link(ConnectionState::Offline, false);
            let detail = "there is no network".to_owned();
            let cause = SyncFailure::Connection(crate::ConnectionError::Lost { detail });
            effects.push(Effect::Notify(SyncEvent::Retrying { cause, at: None }));
        }
    }

    fn local_edit(&mut self, device: &mut Device, now: UnixMillis, effects: &mut Vec<Effect>) {
        if matches!(self.state, State::Resting(_)) {
            return self.end_rest(device, now, effects);
        }
        let State::Live(live) = &mut self.state else { return };
        // Old rows may have been queued again.
        live.rewind = true;
        self.pump(device, now, effects);
    }

    /// There may be something to send: an emergency at once, work with what comes with it, the trail with the next round.
    fn end_rest(&mut self, device: &mut Device, now: UnixMillis, effects: &mut Vec<Effect>) {
        let State::Resting(until) = self.state else { return };
        // What cannot be read is looked at again in the next round.
        if device.awaits_an_answer().unwrap_or_default() {
            self.connect(device, effects);
        } else if device.has_unsent_work().unwrap_or_default() {
            self.state = State::Resting(until.min(now.plus(METERED_GATHER_MS)));
        }
    }

    /// Disconnects where every byte costs and nothing is left to do.
    fn rest_if_metered(&mut self, device: &mut Device, now: UnixMillis, effects: &mut Vec<Effect>) {
        let State::Live(live) = &mut self.state else { return };
        if !self.metered || live.is_busy() || !device.is_up_to_date().unwrap_or_default() {
            return;
        }
        send_all(live.session.close(GoodbyeReason::Done, "the network is metered"), effects);
        let until = now.plus(METERED_REST_MS);
        self.state = State::Resting(until);
        device.set_link(ConnectionState::Offline, false);
        effects.extend([Effect::Disconnect, Effect::Notify(SyncEvent::Resting { until })]);
    }

    fn pump(&mut self, device: &mut Device, now: UnixMillis, effects: &mut Vec<Effect>) {
        let State::Live(live) = &mut self.state else { return };
        let outcome = live.pump(device, now, effects);
        self.conclude(device, outcome.map_err(Halt::from), now, effects);
    }

    fn received(&mut self, device: &mut Device, bytes: &[u8], now: UnixMillis, effects: &mut Vec<Effect>) {
        let State::Live(live) = &mut self.state else { return };
        let events = live.session.received(bytes);
        let outcome = self.carry_out(device, events, now, effects);
        self.conclude(device, outcome, now, effects);
    }

    /// Ends the connection if handling stopped.
    fn conclude(&mut self, device: &mut Device, outcome: Result<(), Halt>, now: UnixMillis, effects: &mut Vec<Effect>) {
        let cause = match outcome {
            Ok(()) => return,
            Err(Halt::Ended(cause)) => cause,
            Err(Halt::Device(error)) => {
                if let State::Live(live) = &mut self.state {
                    let detail = "the device's store failed";
                    send_all(live.session.close(GoodbyeReason::Unavailable, detail), effects);
                }
                SyncFailure::Device(error)
            }
        };
        effects.push(Effect::Disconnect);
        self.lost(device, cause, now, effects);
    }

    fn carry_out(
        &mut self,
        device: &mut Device,
        events: Vec<ClientEvent>,
        now: UnixMillis,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Halt> {
        for event in events {
            let State::Live(live) = &mut self.state else { return Ok(()) };
            if live.erasing && is_passed_over(&event) {
                continue;
            }
            match event {
                ClientEvent::Send(bytes) => effects.push(Effect::Send(bytes)),
                ClientEvent::Welcomed { relay, welcome } => live.welcomed(device, relay, &welcome, now, effects)?,
                ClientEvent::Resumed(resumed) => live.resumed(device, &resumed, effects)?,
                ClientEvent::Deliver { batch, cursor, body } => {
                    live.deliver(device, batch, cursor.as_ref(), body, now, effects)?;
                    self.backoff.reset();
                }
                ClientEvent::CaughtUp(caught_up) => {
                    let verdict = live.caught_up(device, &caught_up)?;
                    self.judge(device, verdict, now, effects)?;
                }
                ClientEvent::Answered { push, answers } => {
                    let verdict = live.answered(device, push, &answers, now, effects)?;
                    if let Some(verdict) = verdict.filter(|_| !live.erasing) {
                        self.judge(device, verdict, now, effects)?;
                    }
                }
                ClientEvent::Wanted(documents) => live.queue_whole(device, &documents)?,
                ClientEvent::Withdrawn(documents) => {
                    device.purge(&documents, Cause::Withdrawn, now)?;
                    effects.push(Effect::Notify(SyncEvent::Withdrawn { documents }));
                }
                ClientEvent::TrailKept(through) => live.trail.kept(device, through, now)?,
                ClientEvent::ReceiptKept(receipt) => {
                    if live.receipt_kept(device, receipt, now)? {
                        send_all(live.session.close(GoodbyeReason::Done, "erased"), effects);
                        return Err(Halt::Ended(SyncFailure::Device(DeviceError::Wiped)));
                    }
                }
                ClientEvent::Decided(decisions) => {
                    if let Some(verdict) = live.decided(device, &decisions, now, effects)? {
                        self.judge(device, verdict, now, effects)?;
                    }
                }
                ClientEvent::BreakGlassAnswered(answer) => {
                    live.told.answered(answer.request);
                    let refusal = device.emergency_answered(&answer, now)?.map(str::to_owned);
                    effects.push(Effect::Notify(SyncEvent::EmergencyAnswered { request: answer.request, refusal }));
                }
                ClientEvent::ReferAnswered(answer) => {
                    live.told.referral_answered(answer.referral);
                    let refusal = device.referral_answered(&answer)?.map(str::to_owned);
                    effects.push(Effect::Notify(SyncEvent::ReferralAnswered { referral: answer.referral, refusal }));
                }
                ClientEvent::Stage { stage, documents, more } => {
                    device.lay_ready(&documents, now)?;
                    live.stage_follows = more;
                    send_all([live.session.staged(stage)], effects);
                }
                ClientEvent::Enrolled(_) => {}
                ClientEvent::Closed { reason, detail, .. } => {
                    return Err(Halt::Ended(SyncFailure::Goodbye { reason, detail }));
                }
            }
        }
        if let State::Live(live) = &mut self.state {
            live.pump(device, now, effects)?;
        }
        Ok(())
    }

    /// Acts on whether device and relay agree.
    fn judge(
        &mut self,
        device: &mut Device,
        verdict: Verdict,
        now: UnixMillis,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Halt> {
        let State::Live(live) = &mut self.state else { return Ok(()) };
        match verdict {
            Verdict::Open => {}
            Verdict::Agree => {
                device.agreed(now)?;
                device.set_link(ConnectionState::Live, true);
                self.backoff.reset();
                (self.compared, self.rechecked) = (false, false);
                effects.push(Effect::Notify(SyncEvent::CaughtUp));
            }
            Verdict::Differ => {
                let given_back = live.comparing && !live.sent_whole.is_empty();
                let was_compared = self.compared || live.comparing;
                device.disagreed(was_compared)?;
                if !was_compared {
                    self.compared = true;
                    self.reconnect(device, "comparing what is held", effects);
                } else if given_back && !self.rechecked {
                    // The relay took its sum before it had what it asked for.
                    (self.compared, self.rechecked) = (true, true);
                    self.reconnect(device, "comparing what is held", effects);
                } else {
                    self.compared = true;
                    device.set_link(ConnectionState::Live, true);
                    effects.push(Effect::Notify(SyncEvent::Diverged));
                }
            }
        }
        Ok(())
    }

    fn reconnect(&mut self, device: &mut Device, why: &str, effects: &mut Vec<Effect>) {
        if let State::Live(live) = &mut self.state {
            send_all(live.session.close(GoodbyeReason::Done, why), effects);
        }
        effects.push(Effect::Disconnect);
        self.connect(device, effects);
    }
}

/// What a device that is being erased does not take any more.
fn is_passed_over(event: &ClientEvent) -> bool {
    matches!(
        event,
        ClientEvent::Resumed(_)
            | ClientEvent::Deliver { .. }
            | ClientEvent::CaughtUp(_)
            | ClientEvent::Withdrawn(_)
            | ClientEvent::Decided(_)
            | ClientEvent::Stage { .. }
            | ClientEvent::BreakGlassAnswered(_)
            | ClientEvent::ReferAnswered(_)
    )
}

fn is_superseded(cause: &SyncFailure) -> bool {
    matches!(cause, SyncFailure::Goodbye { reason: GoodbyeReason::Superseded, .. })
}

fn is_worth_retrying(cause: &SyncFailure) -> bool {
    match cause {
        SyncFailure::Goodbye { reason, .. } => reason.is_worth_retrying(),
        SyncFailure::Device(DeviceError::OtherRelay | DeviceError::NotEnrolled | DeviceError::Wiped) => false,
        SyncFailure::Device(_) | SyncFailure::Connection(_) => true,
    }
}
