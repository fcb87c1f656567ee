//! Packs the older changes of long documents into runs, in the background, as long as the relay runs.
//!
//! Reading, packing and checking happen beside the relay's thread, on a connection of their own. That thread only puts a
//! finished run in the place of its rows: one short transaction between its rounds, of at most a thousand rows.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::metrics::Metrics;
use crate::service::{Service, Stopped};
use crate::store::{CompactionStore, PackedRun, Packing, SqliteStore, StoreError};

/// How often long documents are looked for.
const EVERY: Duration = Duration::from_secs(5);
/// What devices have the relay's thread to themselves for, between two runs.
const PAUSE: Duration = Duration::from_millis(20);
/// Documents of one look, at most.
const DOCUMENTS: usize = 64;

/// Why packing broke off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the packing thread ended")]
    Thread,
}

/// Packs now and then. What fails is logged and tried again; a document with damage in it is left as it is.
pub async fn keep(service: Service, database: PathBuf, metrics: Arc<Metrics>) {
    let mut packer = Packer { service, database, metrics, packing: Packing::default(), damaged: HashSet::new() };
    let mut due = tokio::time::interval(EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        match packer.look().await {
            Ok(()) => {}
            Err(Broken::Stopped(_)) => return,
            Err(error) => {
                packer.metrics.packing_failures.inc();
                tracing::error!(%error, "packing changes failed, it is tried again");
            }
        }
    }
}

struct Packer {
    service: Service,
    database: PathBuf,
    metrics: Arc<Metrics>,
    packing: Packing,
    /// Documents that cannot be packed, known until the next start.
    damaged: HashSet<u32>,
}

impl Packer {
    async fn look(&mut self) -> Result<(), Broken> {
        let packing = self.packing;
        let crowded = self.beside(move |store| store.crowded(&packing, DOCUMENTS)).await?;
        for document in crowded {
            if !self.damaged.contains(&document) {
                self.pack(document).await?;
            }
        }
        Ok(())
    }

    /// Packs all of a document that is to be packed, run by run.
    async fn pack(&mut self, document: u32) -> Result<(), Broken> {
        let packing = self.packing;
        loop {
            let run = match self.beside(move |store| store.pack(document, &packing)).await {
                Ok(Some(run)) => run,
                Ok(None) => return Ok(()),
                Err(Broken::Store(error)) if error.is_damage() => {
                    self.metrics.packing_failures.inc();
                    self.damaged.insert(document);
                    tracing::error!(document, %error, "a damaged document is not packed");
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            if !self.put(run).await? {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn put(&self, run: PackedRun) -> Result<bool, Broken> {
        let (document, changes, (bytes, packed)) = (run.document(), run.changes(), run.bytes());
        let put = self.service.administer(move |relay, _| relay.put_run(&run)).await??;
        if put {
            self.metrics.runs.inc();
            self.metrics.changes_packed.inc_by(changes as u64);
            tracing::debug!(document, changes, bytes, packed, "changes packed");
        }
        Ok(put)
    }

    /// Reads the database on a thread and a connection of its own.
    async fn beside<T: Send + 'static>(
        &self,
        read: impl FnOnce(&SqliteStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Broken> {
        let path = self.database.clone();
        let read = move || read_beside(&path, read);
        Ok(tokio::task::spawn_blocking(read).await.map_err(|_| Broken::Thread)??)
    }
}

fn read_beside<T>(path: &Path, read: impl FnOnce(&SqliteStore) -> Result<T, StoreError>) -> Result<T, StoreError> {
    read(&SqliteStore::open_beside(path)?)
}
