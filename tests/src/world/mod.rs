//! A world: one relay, devices and a network between them, in virtual time, every choice drawn from one seed.
//!
//! Relay, devices and databases are the real ones. Only time, randomness and the wires are simulated, so that a run repeats
//! exactly: `SATCHEL_SEED` runs the seed again that a failure named.

mod agreement;
mod clinic;
mod edits;
mod faults;
mod forger;
mod ledger;
mod network;
mod raw_peer;
mod relay_site;
mod run;
mod site;

pub use agreement::Content;
pub use clinic::{organization, practitioner};
pub use faults::Backup;
pub use forger::Forger;
pub use ledger::Named;
pub use network::Weather;
pub use raw_peer::{RawPeer, prove};
pub use relay_site::{DAY_MS, LEASE_DAYS, usual_settings};
pub use site::Node;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use client_core::Device;
use client_core::sync::{SyncEvent, SyncFailure};
use sync_protocol::UnixMillis;
use sync_server::relay::{Relay, RelaySettings};
use tempfile::TempDir;

use crate::{Dice, Recording, canaries, folder};
use ledger::Ledger;
use network::{Link, LinkId};
use relay_site::RelaySite;
use run::Scheduled;
use site::Site;

/// When a world begins: 2026-03-01.
pub const START: UnixMillis = UnixMillis(1_772_323_200_000);
/// What a failing run shows of what happened last.
const SHOWN: usize = 60;
/// Characters of a line that is shown.
const LONGEST_SHOWN: usize = 240;

/// See the module.
pub struct World {
    seed: u64,
    dice: Dice,
    now: UnixMillis,
    /// How the network behaves from now on.
    pub weather: Weather,
    relay: RelaySite,
    sites: Vec<Site>,
    links: Vec<Link>,
    queue: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    /// Messages on their way.
    travelling: usize,
    flush_due: bool,
    ledger: Ledger,
    /// With each word that everything was sent, what the log held is noted.
    watches_promises: bool,
    story: VecDeque<String>,
    fingerprint: u64,
    folder: TempDir,
}

impl World {
    /// A world with a running relay and nobody in it.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_settings(seed, usual_settings())
    }

    /// A world whose relay has other settings than usual.
    #[must_use]
    pub fn with_settings(seed: u64, settings: RelaySettings) -> Self {
        canaries::watch_logs();
        let mut dice = Dice::new(seed);
        let folder = folder::fast();
        let relay = RelaySite::open(folder.path(), settings, dice.fork());
        let mut world = Self {
            seed,
            dice,
            now: START,
            weather: Weather::CALM,
            relay,
            sites: Vec::new(),
            links: Vec::new(),
            queue: BinaryHeap::new(),
            scheduled: 0,
            travelling: 0,
            flush_due: false,
            ledger: Ledger::default(),
            watches_promises: false,
            story: VecDeque::new(),
            fingerprint: 0,
            folder,
        };
        world.schedule_tick();
        world
    }

    /// The true time.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// What a device's clock shows.
    #[must_use]
    pub fn clock(&self, node: Node) -> UnixMillis {
        self.sites[node.0].clock(self.now)
    }

    /// Dice for choices of a scenario itself.
    pub fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// All devices.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        (0..self.sites.len()).map(Node).collect()
    }

    /// A device. Edits made directly on it are noticed by its engine with the next [`World::edit`] only.
    pub fn device(&mut self, node: Node) -> &mut Device {
        &mut self.sites[node.0].device
    }

    /// Everything that the relay sent to a device.
    #[must_use]
    pub fn recording(&self, node: Node) -> &Recording {
        &self.sites[node.0].recording
    }

    /// What a device's engine told, oldest first.
    #[must_use]
    pub fn events(&self, node: Node) -> &[SyncEvent] {
        &self.sites[node.0].events
    }

    /// Why a device's sync ended for good, if it did.
    #[must_use]
    pub fn stopped(&self, node: Node) -> Option<&SyncFailure> {
        self.sites[node.0].stopped.as_ref()
    }

    /// The relay.
    ///
    /// # Panics
    /// If it does not run.
    pub fn relay(&mut self) -> &mut Relay {
        self.relay.running.as_mut().expect("the relay runs")
    }

    /// Every change that is committed in the relay's file, in the order of its log.
    #[must_use]
    pub fn relay_log(&self) -> Vec<Named> {
        self.relay.log()
    }

    /// Every change that the relay answered to have, to anybody, in any of its lives.
    #[must_use]
    pub fn acknowledged(&self) -> &BTreeSet<Named> {
        &self.ledger.acknowledged
    }

    /// A number that two runs have in common only if everything happened alike.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn tell(&mut self, line: &str) {
        for byte in line.bytes() {
            self.fingerprint = (self.fingerprint ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        let line = line.chars().take(LONGEST_SHOWN).collect();
        if self.story.len() == SHOWN {
            self.story.pop_front();
        }
        self.story.push_back(line);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            canaries::assert_nothing_leaked();
            return;
        }
        for line in &self.story {
            eprintln!("  {line}");
        }
        eprintln!("run this world again: {}={}", crate::seeds::SEED, self.seed);
    }
}
