//! Work for when nothing comes, on threads of its own so that nobody waits for it: charts are prepared, and the histories of
//! long documents saved.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use super::DriverOptions;
use crate::{ChartPreparer, Device, HistorySaver, SavingLimits};

/// How long it rests where there was nothing to do, or where that failed.
const REST: Duration = Duration::from_secs(300);
/// Between two documents that are prepared: others who write get their turn.
const BREATH: Duration = Duration::from_millis(1);

/// What there is to do in a quiet moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chore {
    /// Works out what charts show before they are opened.
    PrepareCharts,
    /// Puts long histories into their compact form.
    SaveHistories,
}

/// One chore: when to do it next, or its being done.
struct Turn {
    chore: Chore,
    after: Duration,
    due: Instant,
    running: Option<JoinHandle<()>>,
}

/// All chores. Dropped, it has what is running end with the document that it is at: a profile that is locked or erased is
/// not kept open.
pub(super) struct QuietWork {
    turns: [Turn; 2],
    over: Over,
}

/// Whether the device is done with.
#[derive(Clone, Default)]
struct Over(Arc<AtomicBool>);

impl Over {
    fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for QuietWork {
    fn drop(&mut self) {
        self.over.0.store(true, Ordering::Relaxed);
    }
}

impl QuietWork {
    pub(super) fn new(options: &DriverOptions) -> Self {
        let turn = |chore, after| Turn { chore, after, due: Instant::now() + after, running: None };
        Self {
            turns: [turn(Chore::PrepareCharts, options.prepare_after), turn(Chore::SaveHistories, options.save_after)],
            over: Over::default(),
        }
    }

    /// Something came: there is better to do.
    pub(super) fn put_off(&mut self) {
        for turn in &mut self.turns {
            turn.due = Instant::now() + turn.after;
        }
    }

    /// The chore that it is time to begin, once what was begun of it before is over. Safe to abandon.
    pub(super) async fn due(&mut self) -> Chore {
        let [first, second] = &mut self.turns;
        tokio::select! {
            chore = first.due() => chore,
            chore = second.due() => chore,
        }
    }

    /// Begins a chore, all there is of it.
    pub(super) fn begin(&mut self, chore: Chore, device: &Device) {
        for turn in self.turns.iter_mut().filter(|turn| turn.chore == chore) {
            turn.due = Instant::now() + REST;
            let over = self.over.clone();
            turn.running = match chore {
                Chore::PrepareCharts => {
                    device.chart_preparer().ok().map(|preparer| spawn_blocking(move || prepare_all(preparer, &over)))
                }
                Chore::SaveHistories => {
                    device.history_saver().ok().map(|saver| spawn_blocking(move || save_all(saver, &over)))
                }
            };
        }
    }
}

impl Turn {
    async fn due(&mut self) -> Chore {
        if let Some(running) = &mut self.running {
            // It gives nothing: what failed is tried again after the rest.
            let _ = running.await;
            self.running = None;
        }
        sleep_until(self.due).await;
        self.chore
    }
}

fn prepare_all(mut preparer: ChartPreparer, over: &Over) {
    while !over.is_so() && matches!(preparer.prepare_one(), Ok(true)) {
        std::thread::sleep(BREATH);
    }
}

fn save_all(mut saver: HistorySaver, over: &Over) {
    while !over.is_so() && matches!(saver.save_one(&SavingLimits::default()), Ok(Some(_))) {}
}
