//! The world's clockwork: what is due next happens, and what follows from it is put on the calendar.

use std::cmp::{Ordering, Reverse};

use client_core::ConnectionError;
use client_core::sync::{Effect, Input, SyncEvent};
use sync_protocol::frame::BatchBody;
use sync_protocol::{Frame, UnixMillis, decode};
use sync_server::relay::Outgoing;

use super::ledger::carried;
use super::network::{Link, LinkId, Way};
use super::{Node, World};

/// How often the relay looks for what has run out.
const TICK_MS: i64 = 1_000;
/// Inputs that come within this time may share a commit, in milliseconds.
const ROUND_MS: i64 = 3;
/// After this long a world that should come to rest is taken not to, in milliseconds: waits between tries are a minute.
const REST_WITHIN_MS: i64 = 20 * 60_000;

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// The transport that a device asked for is there, or not.
    Dialled(LinkId),
    RelayHears(LinkId, Vec<u8>),
    DeviceHears(LinkId, Vec<u8>),
    RelayLoses(LinkId),
    DeviceLoses(LinkId),
    Alarm(Node, u64),
    /// The relay commits what came in and answers.
    Flush,
    Tick,
}

#[derive(Debug)]
pub(super) struct Scheduled {
    at: UnixMillis,
    order: u64,
    what: Happening,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl World {
    /// Lets the next thing happen.
    pub fn step(&mut self) {
        // The relay's tick is always on the calendar.
        let Some(Reverse(next)) = self.queue.pop() else { return };
        self.now = self.now.max(next.at);
        if matches!(next.what, Happening::RelayHears(..) | Happening::DeviceHears(..)) {
            self.travelling -= 1;
        }
        self.happen(next.what);
    }

    /// Lets some time pass.
    pub fn run_for(&mut self, ms: i64) {
        let until = self.now.plus(ms);
        while self.queue.peek().is_some_and(|Reverse(next)| next.at <= until) {
            self.step();
        }
        self.now = until;
    }

    /// Runs until every device that is online and syncs is up to date and nothing is on its way.
    ///
    /// # Panics
    /// If that takes too long.
    pub fn settle(&mut self) {
        let until = self.now.plus(REST_WITHIN_MS);
        while !self.is_at_rest() {
            assert!(self.now < until, "the world does not come to rest: {:?}", self.restless());
            self.step();
        }
    }

    /// Runs until something is so.
    ///
    /// # Panics
    /// If that takes too long.
    pub fn run_until(&mut self, mut so: impl FnMut(&mut Self) -> bool) {
        let until = self.now.plus(REST_WITHIN_MS);
        while !so(self) {
            assert!(self.now < until, "what was waited for does not happen");
            self.step();
        }
    }

    /// Whether everything that can be exchanged is.
    pub fn is_at_rest(&mut self) -> bool {
        self.travelling == 0 && !self.flush_due && self.restless().is_empty()
    }

    fn restless(&mut self) -> Vec<(Node, String)> {
        let mut found = Vec::new();
        for node in self.nodes() {
            let site = &self.sites[node.0];
            if !site.started || !site.online || site.stopped.is_some() {
                continue;
            }
            // It believes to be connected until it notices.
            let line_is_dead = site.link.is_some_and(|id| self.links[id.0].cut);
            if line_is_dead || !site.device.is_up_to_date().unwrap() || !site.engine.is_settled() {
                let status = site.device.status(self.clock(node)).unwrap();
                found.push((node, format!("{:?}, unsent {}", status.connection, status.unsent)));
            }
        }
        found
    }

    pub(super) fn schedule(&mut self, at: UnixMillis, what: Happening) {
        if matches!(what, Happening::RelayHears(..) | Happening::DeviceHears(..)) {
            self.travelling += 1;
        }
        self.scheduled += 1;
        self.queue.push(Reverse(Scheduled { at, order: self.scheduled, what }));
    }

    pub(super) fn schedule_tick(&mut self) {
        self.schedule(self.now.plus(TICK_MS), Happening::Tick);
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Dialled(link) => self.dialled(link),
            Happening::RelayHears(link, bytes) => self.relay_hears(link, &bytes),
            Happening::DeviceHears(link, bytes) => self.device_hears(link, bytes),
            Happening::RelayLoses(link) => self.relay_loses(link),
            Happening::DeviceLoses(link) => self.device_loses(link),
            Happening::Alarm(node, alarm) if self.sites[node.0].alarm == alarm => self.give(node, Input::Tick),
            Happening::Alarm(..) => {}
            Happening::Flush => self.flush(),
            Happening::Tick => {
                let now = self.now;
                if let Some(relay) = &mut self.relay.running {
                    relay.tick(now);
                    self.flush();
                }
                self.schedule_tick();
            }
        }
    }

    fn dialled(&mut self, id: LinkId) {
        let node = self.links[id.0].node;
        if self.sites[node.0].link != Some(id) {
            return;
        }
        let reachable = self.sites[node.0].online && !self.links[id.0].cut;
        match &mut self.relay.running {
            Some(relay) if reachable => {
                self.links[id.0].connection = Some(relay.connected());
                self.links[id.0].open = true;
                self.give(node, Input::Connected);
            }
            _ => {
                self.sites[node.0].link = None;
                self.give(node, Input::Disconnected(ConnectionError::Refused { host: "relay".into() }));
            }
        }
    }

    fn relay_hears(&mut self, id: LinkId, bytes: &[u8]) {
        let now = self.now;
        let Link { node, connection, cut, .. } = self.links[id.0];
        let (Some(connection), Some(relay), false) = (connection, &mut self.relay.running, cut) else { return };
        let name = frame_name(bytes);
        if name == "Ack" && self.weather.holds_acks {
            return;
        }
        relay.received(connection, bytes, now);
        self.tell(&format!("{} {node:?} -> relay {name}", now.0));
        if !std::mem::replace(&mut self.flush_due, true) {
            let at = now.plus(self.dice.between(0, ROUND_MS));
            self.schedule(at, Happening::Flush);
        }
    }

    pub(super) fn flush(&mut self) {
        self.flush_due = false;
        let now = self.now;
        if let Some(relay) = &mut self.relay.running {
            let outgoing = relay.flush(now);
            self.post(outgoing);
        }
    }

    /// Sends what the relay gave out.
    pub(super) fn post(&mut self, mut outgoing: Vec<Outgoing>) {
        // Among connections the relay's order may differ from run to run; within one it counts.
        outgoing.sort_by_key(|out| match out {
            Outgoing::Send(connection, _) | Outgoing::Close(connection) => *connection,
        });
        for out in outgoing {
            let (Outgoing::Send(connection, _) | Outgoing::Close(connection)) = &out;
            let of_connection = |link: &Link| link.connection == Some(*connection);
            let Some(at) = self.links.iter().rposition(of_connection) else { continue };
            let id = LinkId(at);
            match out {
                Outgoing::Send(_, bytes) => self.relay_sends(id, &bytes),
                Outgoing::Close(_) => {
                    self.links[at].connection = None;
                    let at = self.links[at].end_arrives(Way::Down, self.now, &self.weather, &mut self.dice);
                    self.schedule(at, Happening::DeviceLoses(id));
                }
            }
        }
    }

    fn relay_sends(&mut self, id: LinkId, bytes: &[u8]) {
        let node = self.links[id.0].node;
        self.tell(&format!("{} relay -> {node:?} {} of {} bytes", self.now.0, frame_name(bytes), bytes.len()));
        self.sites[node.0].recording.add(bytes);
        match decode(bytes) {
            Ok(Frame::Pushed(pushed)) => self.ledger.acknowledged.extend(self.ledger.answered(id, &pushed)),
            Ok(Frame::CaughtUp(_)) if self.watches_promises => {
                self.sites[node.0].promised = Some(self.relay.log());
            }
            _ => {}
        }
        if self.links[id.0].cut {
            return;
        }
        for at in self.links[id.0].arrivals(Way::Down, self.now, &self.weather, &mut self.dice) {
            self.schedule(at, Happening::DeviceHears(id, bytes.to_owned()));
        }
    }

    fn device_hears(&mut self, id: LinkId, bytes: Vec<u8>) {
        let Link { node, open, cut, .. } = self.links[id.0];
        if cut || !open || self.sites[node.0].link != Some(id) {
            return;
        }
        self.tell(&format!("{} {node:?} hears {}", self.now.0, frame_name(&bytes)));
        let settled = match decode(&bytes) {
            Ok(Frame::Pushed(pushed)) => self.ledger.answered(id, &pushed),
            Ok(Frame::Batch(batch)) => {
                batch.body.unpack::<BatchBody>().map(|body| carried(&body).collect()).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        self.give(node, Input::Received(bytes));
        for named in settled {
            self.sites[node.0].unsent.remove(&named);
        }
    }

    fn relay_loses(&mut self, id: LinkId) {
        if let (Some(connection), Some(relay)) = (self.links[id.0].connection.take(), &mut self.relay.running) {
            relay.disconnected(connection);
            self.flush();
        }
    }

    fn device_loses(&mut self, id: LinkId) {
        let node = self.links[id.0].node;
        if std::mem::replace(&mut self.links[id.0].open, false) && self.sites[node.0].link == Some(id) {
            self.sites[node.0].link = None;
            self.give(node, Input::Disconnected(ConnectionError::Lost { detail: "the line went dead".into() }));
        }
    }

    /// Gives a device's engine an input and carries out what it wants.
    pub(super) fn give(&mut self, node: Node, input: Input) {
        let site = &mut self.sites[node.0];
        let now = site.clock(self.now);
        let effects = site.engine.handle(&mut site.device, input, now);
        if std::mem::take(&mut site.dies_after_commit) {
            return self.power_cut(node);
        }
        for effect in effects {
            self.carry_out(node, effect);
        }
    }

    fn carry_out(&mut self, node: Node, effect: Effect) {
        match effect {
            Effect::Connect => self.dial(node),
            Effect::Send(bytes) => self.device_sends(node, &bytes),
            Effect::Disconnect => self.hang_up(node),
            Effect::WakeAt(at) => {
                let site = &mut self.sites[node.0];
                site.alarm += 1;
                let wait = (at.0 - site.clock(self.now).0).max(0);
                let what = Happening::Alarm(node, site.alarm);
                self.schedule(self.now.plus(wait), what);
            }
            Effect::Notify(event) => self.notify(node, event),
        }
    }

    fn notify(&mut self, node: Node, event: SyncEvent) {
        self.tell(&format!("{} {node:?}: {event:?}", self.now.0));
        if let SyncEvent::Stopped { cause } = &event {
            self.sites[node.0].stopped.clone_from(cause);
        }
        self.sites[node.0].events.push(event);
    }

    fn dial(&mut self, node: Node) {
        let id = LinkId(self.links.len());
        self.links.push(Link::new(node));
        self.sites[node.0].link = Some(id);
        self.sites[node.0].promised = None;
        let at = self.now.plus(self.dice.between(self.weather.least_ms, self.weather.most_ms));
        self.schedule(at, Happening::Dialled(id));
    }

    fn device_sends(&mut self, node: Node, bytes: &[u8]) {
        let Some(id) = self.sites[node.0].link else { return };
        if let Ok(Frame::Push(push)) = decode(bytes) {
            self.ledger.pushed(id, &push);
        }
        if self.links[id.0].cut {
            return;
        }
        for at in self.links[id.0].arrivals(Way::Up, self.now, &self.weather, &mut self.dice) {
            self.schedule(at, Happening::RelayHears(id, bytes.to_owned()));
        }
    }

    fn hang_up(&mut self, node: Node) {
        let Some(id) = self.sites[node.0].link.take() else { return };
        self.links[id.0].open = false;
        if self.links[id.0].cut {
            return;
        }
        let at = self.links[id.0].end_arrives(Way::Up, self.now, &self.weather, &mut self.dice);
        self.schedule(at, Happening::RelayLoses(id));
    }
}

/// The name of a frame: it stands in its first bytes, as text of less than 24 bytes.
fn frame_name(bytes: &[u8]) -> &str {
    let name = match bytes {
        [0xA1, text @ 0x60..0x78, rest @ ..] => rest.get(..usize::from(text - 0x60)),
        _ => None,
    };
    name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or("nonsense")
}
