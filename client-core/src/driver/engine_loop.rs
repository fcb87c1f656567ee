//! Carries out the engine's effects and feeds it what happens.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::connect::{self, Socket};
use super::quiet_work::{Chore, QuietWork};
use super::wire::{Wire, lost};
use super::{DriverOptions, SharedDevice, system_time};
use crate::sync::{Effect, Input, SyncEvent};
use crate::{ConnectionError, DeviceError, DeviceEvent, ObserverId, SyncEngine, UnixMillis};

type Connecting = Pin<Box<dyn Future<Output = Result<Socket, ConnectionError>> + Send>>;

/// Bytes that went each way, without the WebSocket's own few per message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    pub(super) up: u64,
    pub(super) down: u64,
}

/// One engine with its socket and timers.
pub(super) struct EngineLoop {
    pub(super) engine: SyncEngine,
    pub(super) traffic: Traffic,
    /// When the last frame came or the connection was asked for.
    pub(super) last_frame: Instant,
    device: SharedDevice,
    options: DriverOptions,
    observer: Option<ObserverId>,
    edited: Arc<Notify>,
    wire: Option<Wire>,
    connecting: Option<Connecting>,
    wake: Option<(Instant, UnixMillis)>,
    poll_at: Instant,
    quiet_work: QuietWork,
}

/// What woke the loop.
enum Happening {
    Input(Input),
    Opened(Box<Socket>),
    Poll,
    Ping,
    Quiet(Chore),
}

impl EngineLoop {
    pub(super) fn new(device: &SharedDevice, options: &DriverOptions) -> Result<Self, DeviceError> {
        let edited = Arc::new(Notify::new());
        let wake_up = edited.clone();
        let observer = device.lock()?.observe(move |event| {
            if matches!(event, DeviceEvent::OutboxGrew | DeviceEvent::TrailGrew) {
                wake_up.notify_one();
            }
        });
        Ok(Self {
            engine: SyncEngine::new(),
            traffic: Traffic::default(),
            last_frame: Instant::now(),
            device: device.clone(),
            options: options.clone(),
            observer: Some(observer),
            edited,
            wire: None,
            connecting: None,
            wake: None,
            poll_at: Instant::now() + options.poll_every,
            quiet_work: QuietWork::new(options),
        })
    }

    /// Waits for the next thing to happen and takes it. Gives what is to be told. Safe to abandon and call again.
    pub(super) async fn step(&mut self) -> Result<Vec<SyncEvent>, DeviceError> {
        match self.next().await {
            Happening::Input(input) => self.take(input),
            Happening::Opened(socket) => {
                self.wire = Some(Wire::new(*socket));
                self.take(Input::Connected)
            }
            Happening::Poll => {
                self.poll_at = Instant::now() + self.options.poll_every;
                let changed = self.device.lock()?.changed_elsewhere()?;
                if !changed {
                    return Ok(Vec::new());
                }
                self.device.lock()?.tell(&DeviceEvent::ChangedElsewhere);
                self.take(Input::LocalEdit)
            }
            Happening::Ping => Ok(self.ping()),
            Happening::Quiet(chore) => {
                self.quiet_work.begin(chore, &*self.device.lock()?);
                Ok(Vec::new())
            }
        }
    }

    /// Gives the engine an input and carries out what it answers.
    pub(super) fn take(&mut self, input: Input) -> Result<Vec<SyncEvent>, DeviceError> {
        let now = match (&input, self.wake.take()) {
            // Where the clock was set back meanwhile, the time waited for has come all the same.
            (Input::Tick, Some((_, at))) => system_time().max(at),
            (_, wake) => {
                self.wake = wake;
                system_time()
            }
        };
        if let Input::Received(bytes) = &input {
            self.traffic.down += bytes.len() as u64;
            self.last_frame = Instant::now();
            self.quiet_work.put_off();
        }
        if matches!(input, Input::Disconnected(_)) {
            self.wire = None;
        }
        let effects = self.engine.handle(&mut *self.device.lock()?, input, now);
        let mut events = Vec::new();
        for effect in effects {
            self.carry_out(effect, &mut events)?;
        }
        Ok(events)
    }

    /// Stops the engine and closes the socket once everything is written.
    pub(super) async fn finish(mut self) -> Result<Vec<SyncEvent>, DeviceError> {
        let now = system_time();
        let effects = self.engine.handle(&mut *self.device.lock()?, Input::Stop, now);
        let mut events = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send(bytes) => self.send(bytes),
                Effect::Notify(event) => events.push(event),
                Effect::Connect | Effect::Disconnect | Effect::WakeAt(_) => {}
            }
        }
        if let Some(wire) = self.wire.take() {
            wire.close().await;
        }
        Ok(events)
    }

    /// Bytes that have come over the connection that is open.
    pub(super) fn bytes_heard(&self) -> u64 {
        self.wire.as_ref().map_or(0, Wire::bytes_heard)
    }

    async fn next(&mut self) -> Happening {
        let wake = self.wake.map(|(instant, _)| instant);
        let (wire, connecting, quiet_work) = (&mut self.wire, &mut self.connecting, &mut self.quiet_work);
        let ping_at = wire.as_ref().map(|wire| wire.quiet_since() + self.options.ping_every);
        tokio::select! {
            received = receive(wire) => Happening::Input(match received {
                Ok(bytes) => Input::Received(bytes),
                Err(error) => Input::Disconnected(error),
            }),
            opened = opened(connecting) => {
                *connecting = None;
                match opened {
                    Ok(socket) => Happening::Opened(Box::new(socket)),
                    Err(error) => Happening::Input(Input::Disconnected(error)),
                }
            }
            () = self.edited.notified() => Happening::Input(Input::LocalEdit),
            () = at(wake) => Happening::Input(Input::Tick),
            () = at(ping_at) => Happening::Ping,
            () = sleep_until(self.poll_at) => Happening::Poll,
            chore = quiet_work.due() => Happening::Quiet(chore),
        }
    }

    fn carry_out(&mut self, effect: Effect, events: &mut Vec<SyncEvent>) -> Result<(), DeviceError> {
        match effect {
            Effect::Connect => {
                let url = self.device.lock()?.identity()?.relay_url;
                self.last_frame = Instant::now();
                self.connecting = Some(Box::pin(connect::open(url, self.options.clone())));
            }
            Effect::Send(bytes) => self.send(bytes),
            Effect::Disconnect => {
                // What was sent before still goes out; its writer lives on until then.
                self.wire = None;
                self.connecting = None;
            }
            Effect::WakeAt(at) => {
                let wait = u64::try_from(at.0.saturating_sub(system_time().0)).unwrap_or(0);
                self.wake = Some((Instant::now() + Duration::from_millis(wait), at));
            }
            Effect::Notify(event) => events.push(event),
        }
        Ok(())
    }

    fn send(&mut self, bytes: Vec<u8>) {
        if let Some(wire) = &self.wire {
            self.traffic.up += bytes.len() as u64;
            wire.send(bytes);
        }
    }

    fn ping(&mut self) -> Vec<SyncEvent> {
        let Some(wire) = &mut self.wire else { return Vec::new() };
        wire.ping();
        if wire.silent_for() > self.options.dead_after {
            return self.take(Input::Disconnected(lost("no sign of life"))).unwrap_or_default();
        }
        Vec::new()
    }
}

impl Drop for EngineLoop {
    /// Also where it is abandoned in the middle: the device must not go on saying that it is connected.
    fn drop(&mut self) {
        let Ok(mut device) = self.device.lock() else { return };
        for effect in self.engine.handle(&mut device, Input::Stop, system_time()) {
            if let (Effect::Send(bytes), Some(wire)) = (effect, &self.wire) {
                wire.send(bytes);
            }
        }
        if let Some(observer) = self.observer.take() {
            device.unobserve(observer);
        }
    }
}

async fn receive(wire: &mut Option<Wire>) -> Result<Vec<u8>, ConnectionError> {
    match wire {
        Some(wire) => wire.receive().await,
        None => std::future::pending().await,
    }
}

async fn opened(connecting: &mut Option<Connecting>) -> Result<Socket, ConnectionError> {
    match connecting {
        Some(connecting) => connecting.await,
        None => std::future::pending().await,
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}
