//! Syncing: one bounded round for a job in the background, or a session that stays connected.

use std::sync::{Arc, Mutex};

use client_core::driver::{SyncReport, run_with_network, sync_within};
use client_core::sync::{Network, RoundBudget};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::handles::Handle;
use crate::runtime::{EndsWithMe, carry_out, runtime};
use crate::slot::SyncTurn;
use crate::sync_news::SyncListener;
use crate::{SatchelDevice, SatchelError, SyncNews};

/// What the platform says of the network.
#[uniffi::remote(Enum)]
pub enum Network {
    /// There is none: nothing is tried.
    Offline,
    /// What goes over it costs: a round at a time, then disconnected for a quarter of an hour or until there is work to send.
    Metered,
    /// Connected all the time.
    Online,
}

/// What one round may cost. Bounds that are left out do not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct SyncBudget {
    /// Bytes both ways; can be over by a message.
    #[uniffi(default)]
    pub bytes: Option<u64>,
    /// Milliseconds, connecting included.
    #[uniffi(default)]
    pub time_ms: Option<u64>,
}

/// What one round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SyncDone {
    /// Changes received.
    pub received: u64,
    /// Changes sent that are in the relay's log now.
    pub sent: u64,
    /// Changes that the relay keeps from others or refused.
    pub not_accepted: u64,
    /// Documents that were taken back and removed.
    pub withdrawn: u64,
    /// Bytes to the relay.
    pub bytes_up: u64,
    /// Bytes from the relay.
    pub bytes_down: u64,
    /// The budget was spent first: another round goes on from here.
    pub cut_short: bool,
}

impl From<SyncReport> for SyncDone {
    fn from(report: SyncReport) -> Self {
        Self {
            received: report.changes,
            sent: report.sent,
            not_accepted: report.custody + report.refused,
            withdrawn: report.withdrawn,
            bytes_up: report.bytes_up,
            bytes_down: report.bytes_down,
            cut_short: report.cut_short,
        }
    }
}

/// A sync that goes on. Dropping it ends it.
#[derive(uniffi::Object)]
pub struct SyncSession {
    network: watch::Sender<Network>,
    stop: watch::Sender<bool>,
    running: Mutex<Option<JoinHandle<()>>>,
    _ends: EndsWithMe,
    _handle: Handle,
}

#[uniffi::export]
impl SatchelDevice {
    /// Syncs once, until device and relay agree or `budget` is spent. Given up, it ends at once, and what was stored counts.
    /// [`SatchelError::Busy`] while a session runs.
    #[uniffi::method(default(budget = None))]
    pub async fn sync(&self, budget: Option<SyncBudget>) -> Result<SyncDone, SatchelError> {
        let (open, options, budget) = (self.slot.open()?, self.options.clone(), budget.unwrap_or_default());
        let budget = RoundBudget { bytes: budget.bytes, time_ms: budget.time_ms };
        carry_out(async move {
            let turn = open.sync_turn(false).await?;
            tokio::select! {
                report = sync_within(&turn.device, &options, budget, |_| {}) => Ok(report?.into()),
                () = turn.locking() => Err(SatchelError::locked()),
            }
        })
        .await
    }

    /// Stays connected until the session is stopped, the profile locked or the relay refuses this device. Edits go out and come
    /// in as they happen. The last news is `Stopped`.
    #[uniffi::method(default(network = None))]
    pub async fn start_sync(
        &self,
        listener: Box<dyn SyncListener>,
        network: Option<Network>,
    ) -> Result<Arc<SyncSession>, SatchelError> {
        let (open, options) = (self.slot.open()?, self.options.clone());
        carry_out(async move {
            let turn = open.sync_turn(true).await?;
            let (stop, stopped) = watch::channel(false);
            let (network, said) = watch::channel(network.unwrap_or_default());
            let (tell, told) = mpsc::unbounded_channel();
            let runtime = runtime()?;
            runtime.spawn(deliver(told, listener.into()));
            let running = runtime.spawn(async move {
                let over = over(&turn, stopped);
                let news = |event: &client_core::sync::SyncEvent| drop(tell.send(SyncNews::from(event)));
                let ended = run_with_network(&turn.device, &options, said, over, news).await;
                // A failure that the engine did not tell of: of the store, before it began.
                if let Err(error) = ended.map_err(SatchelError::from) {
                    let _ = tell.send(SyncNews::Stopped { cause: Some(error) });
                }
            });
            let _ends = EndsWithMe(running.abort_handle());
            Ok(Arc::new(SyncSession {
                network,
                stop,
                running: Mutex::new(Some(running)),
                _ends,
                _handle: Handle::new(),
            }))
        })
        .await
    }
}

#[uniffi::export]
impl SyncSession {
    /// Says what the platform says of the network.
    pub fn set_network(&self, network: Network) {
        self.network.send_replace(network);
    }

    /// Says goodbye and ends; returns once it has. Again: nothing.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let running = self.running.lock().ok().and_then(|mut running| running.take());
        if let Some(running) = running {
            let _ = running.await;
        }
    }

    /// Whether it still goes on.
    pub fn is_running(&self) -> bool {
        self.running.lock().is_ok_and(|running| running.as_ref().is_some_and(|running| !running.is_finished()))
    }
}

/// Resolves when the session is to end.
fn over(turn: &SyncTurn, mut stopped: watch::Receiver<bool>) -> impl Future<Output = ()> + Send + use<> {
    let locking = turn.locking();
    async move {
        let stop = async {
            let said = stopped.wait_for(|stop| *stop).await.is_ok();
            // Dropping the session aborts the task; that its sender is gone says nothing.
            if !said {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = stop => {}
            () = locking => {}
        }
    }
}

async fn deliver(mut told: mpsc::UnboundedReceiver<SyncNews>, listener: Arc<dyn SyncListener>) {
    let mut ended = false;
    while let Some(news) = told.recv().await {
        // The engine and the driver may both say the end; it is told once.
        if ended {
            continue;
        }
        ended = matches!(news, SyncNews::Stopped { .. });
        let listener = listener.clone();
        let _ = tokio::task::spawn_blocking(move || listener.on_news(news)).await;
    }
    if !ended {
        let _ = tokio::task::spawn_blocking(move || listener.on_news(SyncNews::Stopped { cause: None })).await;
    }
}
