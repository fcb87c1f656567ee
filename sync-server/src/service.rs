//! The relay's thread: takes what all connections sent since the last round, commits once, sends.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sync_protocol::UnixMillis;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::accounts::Origin;
use crate::relay::{ConnectionId, Outgoing, Relay};
use crate::store::StoreError;

/// How often what runs out is looked for.
const TICK: Duration = Duration::from_secs(1);
/// Inputs that one commit takes together, at most: bounds how long the first of them waits.
const ROUND: usize = 256;
/// Messages waiting for one connection's socket. The batch window keeps an honest device far below.
const SOCKET_QUEUE: usize = 64;

type Job = Box<dyn FnOnce(&mut Relay, UnixMillis) -> Vec<Outgoing> + Send>;

enum Input {
    Connected(Origin, mpsc::Sender<Vec<u8>>, oneshot::Sender<ConnectionId>),
    /// With the room that it takes up until the relay has taken it.
    Received(ConnectionId, Vec<u8>, Option<OwnedSemaphorePermit>),
    Disconnected(ConnectionId),
    Job(Job),
    ShutDown,
}

/// The relay has stopped.
#[derive(Debug, thiserror::Error)]
#[error("the relay has stopped")]
pub struct Stopped;

/// A handle to the relay's thread.
#[derive(Clone)]
pub struct Service {
    inputs: Sender<Input>,
}

impl Service {
    /// Starts the relay's thread.
    #[must_use]
    pub fn start(relay: Relay) -> (Self, JoinHandle<()>) {
        let (inputs, receiver) = channel();
        let thread = std::thread::spawn(move || Rounds::new(relay).run(&receiver));
        (Self { inputs }, thread)
    }

    /// Registers a connection. Messages for it come through the returned channel, which closes when it is to be closed.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn connect(&self, origin: Origin) -> Result<(ConnectionId, mpsc::Receiver<Vec<u8>>), Stopped> {
        let (outgoing, receiver) = mpsc::channel(SOCKET_QUEUE);
        let (reply, answer) = oneshot::channel();
        self.inputs.send(Input::Connected(origin, outgoing, reply)).map_err(|_| Stopped)?;
        Ok((answer.await.map_err(|_| Stopped)?, receiver))
    }

    /// Hands in a message of a connection.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn received(&self, id: ConnectionId, bytes: Vec<u8>) -> Result<(), Stopped> {
        self.inputs.send(Input::Received(id, bytes, None)).map_err(|_| Stopped)
    }

    /// Hands in a message; `room` is given back once the relay has taken it, so that nobody sends faster than it takes.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn received_within(&self, id: ConnectionId, bytes: Vec<u8>, room: OwnedSemaphorePermit) -> Result<(), Stopped> {
        self.inputs.send(Input::Received(id, bytes, Some(room))).map_err(|_| Stopped)
    }

    /// Says that a connection is gone.
    pub fn disconnected(&self, id: ConnectionId) {
        // A relay that has stopped has forgotten the connection anyway.
        let _ = self.inputs.send(Input::Disconnected(id));
    }

    /// Runs something for an administrator on the relay's thread; committed when this returns `Ok`.
    ///
    /// # Errors
    /// [`Stopped`] outside, what the action ran into inside.
    pub async fn administer<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        act: impl FnOnce(&mut Relay, UnixMillis) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, Stopped> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |relay, now| {
            let (done, outgoing) = relay.administer(now, act);
            // Whoever asked may have gone away; what was done stays done.
            let _ = reply.send(done);
            outgoing
        });
        self.inputs.send(Input::Job(job)).map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Looks something up on the relay's thread, outside any transaction: cheap, and nobody's commit is hurried by it.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn look_up<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Relay, UnixMillis) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |relay, now| {
            let _ = reply.send(look(relay, now));
            Vec::new()
        });
        self.inputs.send(Input::Job(job)).map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Says goodbye to every device and stops, once what is on its way is committed.
    pub fn shut_down(&self) {
        let _ = self.inputs.send(Input::ShutDown);
    }
}

struct Rounds {
    relay: Relay,
    sockets: HashMap<ConnectionId, mpsc::Sender<Vec<u8>>>,
    stopping: bool,
    next_tick: Instant,
}

impl Rounds {
    fn new(relay: Relay) -> Self {
        Self { relay, sockets: HashMap::new(), stopping: false, next_tick: Instant::now() + TICK }
    }

    fn run(mut self, inputs: &Receiver<Input>) {
        while !self.stopping {
            match inputs.recv_timeout(self.next_tick.saturating_duration_since(Instant::now())) {
                Ok(input) => {
                    self.take(input);
                    inputs.try_iter().take(ROUND).for_each(|input| self.take(input));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.stopping = true,
            }
            // Also when inputs never cease.
            if Instant::now() >= self.next_tick {
                self.next_tick = Instant::now() + TICK;
                self.relay.tick(now());
            }
            let outgoing = self.relay.flush(now());
            self.send(outgoing);
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Connected(origin, socket, reply) => {
                let id = self.relay.connected_from(origin);
                self.sockets.insert(id, socket);
                if reply.send(id).is_err() {
                    self.forget(id);
                }
            }
            Input::Received(id, bytes, _room) => self.relay.received(id, &bytes, now()),
            Input::Disconnected(id) => self.forget(id),
            Input::Job(job) => {
                let outgoing = job(&mut self.relay, now());
                self.send(outgoing);
            }
            Input::ShutDown => {
                self.relay.shut_down();
                self.stopping = true;
            }
        }
    }

    fn send(&mut self, outgoing: Vec<Outgoing>) {
        for out in outgoing {
            match out {
                Outgoing::Send(id, bytes) => {
                    let Some(socket) = self.sockets.get(&id) else { continue };
                    if socket.try_send(bytes).is_err() {
                        // Slower than its window allows, or gone: it resumes by its cursor when it comes back.
                        self.forget(id);
                    }
                }
                Outgoing::Close(id) => {
                    self.sockets.remove(&id);
                }
            }
        }
    }

    fn forget(&mut self, id: ConnectionId) {
        self.sockets.remove(&id);
        self.relay.disconnected(id);
    }
}

/// The system's clock.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
