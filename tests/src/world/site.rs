//! A device with its folder, its engine and its clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use client_core::sync::{SyncEvent, SyncFailure};
use client_core::{ChartRef, Device, SyncEngine};
use sync_protocol::{ChangeHash, DocumentId, UnixMillis};

use super::LinkId;
use crate::{Dice, Recording, folder};

/// A device of a world. Devices are numbered in the order in which they were enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub usize);

pub(super) struct Site {
    folder: PathBuf,
    lives: u32,
    dice: Dice,
    pub device: Device,
    pub engine: SyncEngine,
    /// This device's clock minus the true time, in milliseconds.
    pub clock_offset_ms: i64,
    /// Sync is wanted.
    pub started: bool,
    /// The network reaches it.
    pub online: bool,
    pub link: Option<LinkId>,
    /// The alarm that counts; earlier ones were replaced.
    pub alarm: u64,
    /// It loses power between the next commit and sending what follows from it.
    pub dies_after_commit: bool,
    /// Everything the relay sent to it, delivered or not.
    pub recording: Recording,
    pub events: Vec<SyncEvent>,
    /// Why its sync ended for good.
    pub stopped: Option<SyncFailure>,
    /// Its own changes that no frame has told it the relay has, with the charts they belong to.
    pub unsent: BTreeMap<(DocumentId, ChangeHash), Option<ChartRef>>,
    /// What the relay's log held when it last said that everything was sent; none on a new connection.
    pub promised: Option<Vec<(DocumentId, ChangeHash)>>,
}

impl Site {
    pub fn new(folder: &Path, number: usize, mut dice: Dice, now: UnixMillis) -> Self {
        let folder = folder.join(format!("device-{number}-0"));
        let device = Device::open(&folder, dice.fork().randomness(), now).unwrap();
        Self {
            folder,
            lives: 0,
            dice,
            device,
            engine: SyncEngine::new(),
            clock_offset_ms: 0,
            started: false,
            online: false,
            link: None,
            alarm: 0,
            dies_after_commit: false,
            recording: Recording::default(),
            events: Vec::new(),
            stopped: None,
            unsent: BTreeMap::new(),
            promised: None,
        }
    }

    /// What this device's clock shows at a true time.
    pub fn clock(&self, now: UnixMillis) -> UnixMillis {
        now.plus(self.clock_offset_ms)
    }

    pub fn lives(&self) -> u32 {
        self.lives
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Goes on from the files as they are at this moment.
    pub fn power_cut(&mut self, now: UnixMillis) {
        let next = self.next_folder();
        folder::copy(&self.folder, &next);
        self.go_on_in(next, now);
    }

    /// Goes on from a copy that was made earlier.
    pub fn restore(&mut self, copy: &Path, now: UnixMillis) {
        let next = self.next_folder();
        folder::copy(copy, &next);
        self.go_on_in(next, now);
    }

    fn next_folder(&mut self) -> PathBuf {
        self.lives += 1;
        let name = self.folder.file_name().unwrap().to_string_lossy().into_owned();
        let (stem, _) = name.rsplit_once('-').unwrap();
        self.folder.with_file_name(format!("{stem}-{}", self.lives))
    }

    fn go_on_in(&mut self, folder: PathBuf, now: UnixMillis) {
        self.device = Device::open(&folder, self.dice.fork().randomness(), self.clock(now)).unwrap();
        assert!(self.device.damaged_file().is_none(), "a power cut damaged the database");
        std::fs::remove_dir_all(&self.folder).unwrap();
        self.folder = folder;
        self.engine = SyncEngine::new();
        self.alarm += 1;
        self.link = None;
        self.promised = None;
        self.dies_after_commit = false;
    }
}
