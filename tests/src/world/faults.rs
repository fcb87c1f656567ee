//! What goes wrong in a world: lines, power, clocks and backups.

use client_core::sync::Input;
use tempfile::TempDir;

use super::run::Happening;
use super::{Node, World};
use crate::folder;

/// A device's or the relay's files as they were at some moment.
pub struct Backup {
    pub(super) folder: TempDir,
}

impl World {
    /// The network reaches the device, and it syncs.
    pub fn go_online(&mut self, node: Node) {
        let site = &mut self.sites[node.0];
        site.online = true;
        let stopped = site.stopped.take().is_some();
        let first = !std::mem::replace(&mut site.started, true);
        self.give(node, if first || stopped { Input::Start } else { Input::NetworkReturned });
    }

    /// The device notices that it has no network.
    pub fn go_offline(&mut self, node: Node) {
        self.cut(node);
        self.sites[node.0].online = false;
        self.give(node, Input::NetworkLost);
    }

    /// Takes every device offline.
    pub fn all_offline(&mut self) {
        for node in self.nodes() {
            self.go_offline(node);
        }
    }

    /// Brings every device online.
    pub fn all_online(&mut self) {
        for node in self.nodes() {
            self.go_online(node);
        }
    }

    /// The network does not reach the device, which does not notice by itself.
    pub fn set_reachable(&mut self, node: Node, reachable: bool) {
        if !reachable {
            self.cut(node);
        }
        self.sites[node.0].online = reachable;
    }

    /// Cuts the device's line: what is on its way is lost, and each side learns of it at once or later.
    pub fn cut(&mut self, node: Node) {
        let Some(id) = self.sites[node.0].link else { return };
        if std::mem::replace(&mut self.links[id.0].cut, true) {
            return;
        }
        self.tell(&format!("{} the line of {node:?} is cut", self.now.0));
        for what in [Happening::DeviceLoses(id), Happening::RelayLoses(id)] {
            let most = self.weather.cut_noticed_within_ms;
            let after = if self.dice.chance(50) { 0 } else { self.dice.between(0, most) };
            self.schedule(self.now.plus(after), what);
        }
    }

    /// The device loses power now, and is started again.
    pub fn power_cut(&mut self, node: Node) {
        self.cut(node);
        self.tell(&format!("{} {node:?} loses power", self.now.0));
        let now = self.now;
        self.sites[node.0].power_cut(now);
        self.start_again(node);
    }

    /// How often a device was started anew.
    #[must_use]
    pub fn lives(&self, node: Node) -> u32 {
        self.sites[node.0].lives()
    }

    /// The device will lose power after its next commit, before anything is sent.
    pub fn power_cut_after_next_commit(&mut self, node: Node) {
        self.sites[node.0].dies_after_commit = true;
    }

    fn start_again(&mut self, node: Node) {
        let site = &mut self.sites[node.0];
        site.stopped = None;
        if site.started {
            self.give(node, Input::Start);
        }
    }

    /// The relay loses power: what it had not committed is gone, and so is every connection.
    pub fn relay_power_cut(&mut self) {
        self.tell(&format!("{} the relay loses power", self.now.0));
        self.relay.power_cut();
        self.flush_due = false;
        for at in 0..self.links.len() {
            let link = &mut self.links[at];
            link.connection = None;
            let (node, alive) = (link.node, !std::mem::replace(&mut link.cut, true));
            if alive && self.sites[node.0].link == Some(super::LinkId(at)) {
                let after = self.dice.between(0, self.weather.cut_noticed_within_ms);
                self.schedule(self.now.plus(after), Happening::DeviceLoses(super::LinkId(at)));
            }
        }
    }

    /// The relay commits what came in and loses power before anything is sent.
    pub fn relay_power_cut_after_commit(&mut self) {
        let now = self.now;
        if let Some(relay) = &mut self.relay.running {
            // Committed, and lost on the way: nobody hears of it.
            drop(relay.flush(now));
        }
        self.relay_power_cut();
    }

    /// Starts the relay again.
    pub fn relay_starts(&mut self) {
        self.relay.start();
    }

    /// Sets a device's clock to differ so much from the true time.
    pub fn set_clock(&mut self, node: Node, offset_ms: i64) {
        self.sites[node.0].clock_offset_ms = offset_ms;
    }

    /// Copies the relay's database while it runs.
    #[must_use]
    pub fn back_up_relay(&self) -> Backup {
        let folder = folder::fast();
        self.relay.back_up(&folder.path().join("copy.db"));
        Backup { folder }
    }

    /// Stops the relay, puts a copy in place and starts it. `new_epoch`: whether the setting is removed as told.
    pub fn restore_relay(&mut self, backup: &Backup, new_epoch: bool) {
        self.relay_power_cut();
        self.relay.restore(&backup.folder.path().join("copy.db"), new_epoch);
        self.relay_starts();
    }

    /// Copies a device's files.
    #[must_use]
    pub fn back_up(&self, node: Node) -> Backup {
        let folder = folder::fast();
        folder::copy(self.sites[node.0].folder(), folder.path());
        Backup { folder }
    }

    /// Puts a copy in place of a device's files and starts it.
    pub fn restore(&mut self, node: Node, backup: &Backup) {
        self.cut(node);
        let now = self.now;
        self.sites[node.0].restore(backup.folder.path(), now);
        self.start_again(node);
    }

    /// Changes the relay's file by hand, as a fault of its disk or of its operator would; it is restarted.
    pub fn tamper_with_relay(&mut self, tamper: impl FnOnce(&rusqlite::Connection)) {
        self.relay_power_cut();
        tamper(&rusqlite::Connection::open(self.relay.file()).unwrap());
        self.relay_starts();
    }

    /// The folder in which a device keeps its files at present.
    #[must_use]
    pub fn folder_of(&self, node: Node) -> &std::path::Path {
        self.sites[node.0].folder()
    }
}
