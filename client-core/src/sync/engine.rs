//! The engine: when to connect, what to send, and what to do with what comes.

use sync_protocol::UnixMillis;
use sync_protocol::frame::GoodbyeReason;
use sync_protocol::session::{ClientEvent, ClientSession, Intent};

use super::agreement::Verdict;
use super::backoff::{Backoff, MAX_DELAY_MS, SUPERSEDED_DELAY_MS};
use super::live::{HANDSHAKE_MS, Halt, Live, send_all};
use super::{Effect, Input, SyncEvent, SyncFailure};
use crate::status::ConnectionState;
use crate::{Device, DeviceError, SOFTWARE};

#[derive(Debug)]
enum State {
    /// Not wanted, or refused.
    Idle,
    /// Wanted, no network.
    NoNetwork,
    Waiting(UnixMillis),
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
        Self { state: State::Idle, backoff: Backoff::default(), compared: false, rechecked: false }
    }

    /// Takes one input. `now`: this device's time. The effects are to be carried out in order.
    pub fn handle(&mut self, device: &mut Device, input: Input, now: UnixMillis) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Start if matches!(self.state, State::Idle) => self.connect(device, &mut effects),
            Input::Start => {}
            Input::Stop => self.stop(device, &mut effects),
            Input::Connected => self.connected(device, now, &mut effects),
            Input::Disconnected(error) => self.lost(device, SyncFailure::Connection(error), now, &mut effects),
            Input::Received(bytes) => self.received(device, &bytes, now, &mut effects),
            Input::Tick => self.tick(device, now, &mut effects),
            Input::LocalEdit => self.local_edit(device, now, &mut effects),
            Input::NetworkReturned => self.network_returned(device, &mut effects),
            Input::NetworkLost => self.network_lost(device, &mut effects),
        }
        effects
    }

    /// Whether no push waits or is unanswered.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(&self.state, State::Live(live) if live.pushes_open())
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
            State::NoNetwork | State::Waiting(_) => {}
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
                effects.push(Effect::WakeAt(live.handshake_until));
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
                effects.push(Effect::WakeAt(at));
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
            State::Waiting(at) => effects.push(Effect::WakeAt(*at)),
            State::Live(live) if live.epoch.is_none() => {
                let until = live.handshake_until;
                if now < until && until.0 - now.0 <= HANDSHAKE_MS {
                    effects.push(Effect::WakeAt(until));
                    return;
                }
                effects.push(Effect::Disconnect);
                let detail = "the relay did not answer the greeting in time".to_owned();
                let cause = SyncFailure::Connection(crate::ConnectionError::Lost { detail });
                self.lost(device, cause, now, effects);
            }
            State::Live(live) => {
                let Some((after, at)) = live.renewal else { return };
                // Further off than it ever was: the clock was set back.
                if now >= at || at.0 - now.0 > after {
                    self.reconnect(device, "renewing the lease", effects);
                } else {
                    effects.push(Effect::WakeAt(at));
                }
            }
            _ => {}
        }
    }

    fn network_returned(&mut self, device: &mut Device, effects: &mut Vec<Effect>) {
        if matches!(self.state, State::Waiting(_) | State::NoNetwork) {
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
        let State::Live(live) = &mut self.state else { return };
        if live.in_flight.is_empty() {
            // Old rows may have been queued again.
            live.sent_through = 0;
        }
        let outcome = live.pump(device, effects);
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
                    if let Some(verdict) = verdict {
                        self.judge(device, verdict, now, effects)?;
                    }
                }
                ClientEvent::Wanted(documents) => live.queue_whole(device, &documents)?,
                ClientEvent::Withdrawn(documents) => {
                    device.withdraw(&documents)?;
                    effects.push(Effect::Notify(SyncEvent::Withdrawn { documents }));
                }
                ClientEvent::Enrolled(_)
                | ClientEvent::ReceiptKept(_)
                | ClientEvent::TrailKept(_)
                | ClientEvent::Decided(_)
                | ClientEvent::Stage { .. }
                | ClientEvent::BreakGlassAnswered(_) => {}
                ClientEvent::Closed { reason, detail, .. } => {
                    return Err(Halt::Ended(SyncFailure::Goodbye { reason, detail }));
                }
            }
        }
        if let State::Live(live) = &mut self.state {
            live.pump(device, effects)?;
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

fn is_superseded(cause: &SyncFailure) -> bool {
    matches!(cause, SyncFailure::Goodbye { reason: GoodbyeReason::Superseded, .. })
}

fn is_worth_retrying(cause: &SyncFailure) -> bool {
    match cause {
        SyncFailure::Goodbye { reason, .. } => reason.is_worth_retrying(),
        SyncFailure::Device(DeviceError::OtherRelay | DeviceError::NotEnrolled) => false,
        SyncFailure::Device(_) | SyncFailure::Connection(_) => true,
    }
}
