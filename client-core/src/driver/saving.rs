//! Saves the histories of long documents while nothing comes: on a thread of its own, so that nobody waits for it.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::{Device, HistorySaver, SavingLimits};

/// How long it rests where there was nothing to save, or where saving failed.
const REST: Duration = Duration::from_secs(300);

/// When to save next, or what is being saved.
pub(super) struct Saving {
    after: Duration,
    due: Instant,
    running: Option<JoinHandle<()>>,
}

impl Saving {
    pub(super) fn new(after: Duration) -> Self {
        Self { after, due: Instant::now() + after, running: None }
    }

    /// Something came: there is better to do.
    pub(super) fn put_off(&mut self) {
        self.due = Instant::now() + self.after;
    }

    /// Resolves when it is time to begin, and what was begun before is over. Safe to abandon.
    pub(super) async fn is_due(&mut self) {
        if let Some(running) = &mut self.running {
            // It gives nothing: what failed is tried again after the rest.
            let _ = running.await;
            self.running = None;
        }
        sleep_until(self.due).await;
    }

    /// Begins to save all there is to save.
    pub(super) fn begin(&mut self, device: &Device) {
        self.due = Instant::now() + REST;
        self.running = device.history_saver().ok().map(|saver| tokio::task::spawn_blocking(move || save_all(saver)));
    }
}

fn save_all(mut saver: HistorySaver) {
    while let Ok(Some(_)) = saver.save_one(&SavingLimits::default()) {}
}
