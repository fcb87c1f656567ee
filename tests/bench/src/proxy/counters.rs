//! What a proxy has counted, and when the first byte came down each connection.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::failure::Failure;

/// Bytes of finished connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// To the relay, without the upgrade.
    pub up: u64,
    /// From the relay, without the upgrade.
    pub down: u64,
    /// Both ways until the WebSocket is open.
    pub upgrade: u64,
}

impl Traffic {
    /// Both ways, without the upgrade.
    pub fn after_upgrade(self) -> f64 {
        (self.up + self.down) as f64
    }

    /// Both ways, everything.
    pub fn total(self) -> f64 {
        (self.up + self.down + self.upgrade) as f64
    }
}

/// Shared by a proxy and its connections.
#[derive(Default)]
pub(super) struct Counters {
    pub up: AtomicU64,
    pub down: AtomicU64,
    pub upgrade: AtomicU64,
    pub open: AtomicUsize,
    stamps: Mutex<Vec<Arc<Stamp>>>,
}

impl Counters {
    /// Of everything so far; the counters begin anew.
    pub fn take(&self) -> Traffic {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::SeqCst);
        Traffic { up: take(&self.up), down: take(&self.down), upgrade: take(&self.upgrade) }
    }

    /// Bytes of all kinds so far.
    pub fn sum(&self) -> u64 {
        [&self.up, &self.down, &self.upgrade].iter().map(|counter| counter.load(Ordering::SeqCst)).sum()
    }

    /// A stamp for one more connection.
    pub fn stamp(&self) -> Arc<Stamp> {
        let stamp = Arc::new(Stamp::default());
        if let Ok(mut stamps) = self.stamps.lock() {
            stamps.push(stamp.clone());
        }
        stamp
    }

    /// Forgets what has been stamped.
    pub fn mark(&self) -> Result<(), Failure> {
        let stamps = self.stamps.lock().map_err(|_| Failure::new("the proxy failed"))?;
        stamps.iter().for_each(|stamp| stamp.0.store(0, Ordering::SeqCst));
        Ok(())
    }

    /// When the first byte since the mark came down each connection that had one.
    pub fn arrivals(&self) -> Result<Vec<f64>, Failure> {
        let stamps = self.stamps.lock().map_err(|_| Failure::new("the proxy failed"))?;
        let times = stamps.iter().map(|stamp| stamp.0.load(Ordering::SeqCst));
        Ok(times.filter(|time| *time > 0).map(|time| time as f64 / 1e9).collect())
    }
}

/// Nanoseconds since 1970 of the first byte down one connection since the mark; 0 before it.
#[derive(Default)]
pub(super) struct Stamp(AtomicU64);

impl Stamp {
    /// A byte came.
    pub fn touch(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        // Only the first since the mark counts.
        let _ = self.0.compare_exchange(0, now as u64, Ordering::SeqCst, Ordering::SeqCst);
    }
}
