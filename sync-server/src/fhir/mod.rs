//! The FHIR R4 REST API: what clients may read, search and write of what their practitioner may see on a device.
//!
//! Beside the relay's thread: documents are opened here, in an index that follows the log, and never on the way of a sync. Access,
//! the ledger and the log stay with the relay's thread, which every answer passes before it leaves and every write before
//! it is kept.

mod answer;
mod bundle;
mod capability;
mod index;
mod outcome;
mod page;
mod parameters;
mod query;
mod read;
mod request;
mod serve;
mod shown;
mod token;
mod types;
mod values;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, post};

pub use shown::CONFLICT;

use crate::http::AppState;
use crate::relay::Relay;
use crate::service::{Service, Stopped};
use index::{Index, IndexError};
use outcome::Fault;
use page::PageSeal;

/// Name of the index in the data folder.
const INDEX: &str = "fhir-index.db";
/// Documents that are indexed while somebody waits for an answer, at most.
const WHILE_WAITING: usize = 2_000;
/// Documents that are indexed in one go in the background.
const IN_BACKGROUND: usize = 64;
/// What requests have the index to themselves for, between two of these.
const PAUSE: Duration = Duration::from_millis(5);
/// How often changes are looked for in the background.
const EVERY: Duration = Duration::from_secs(2);
/// Requests of one client that are worked on at the same time, at most.
const AT_ONCE: usize = 8;
/// Bytes of a token request, at most.
const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// What the API's handlers share.
pub struct Fhir {
    relay: PathBuf,
    path: PathBuf,
    index: Mutex<Option<Index>>,
    seal: PageSeal,
    /// One write at a time: what is looked up before a conditional one still holds when it is done.
    writing: tokio::sync::Mutex<()>,
    working: Mutex<HashMap<String, usize>>,
    /// Where clients find it, if that is not where they ask.
    address: Option<String>,
    tls: bool,
}

impl std::fmt::Debug for Fhir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fhir").finish_non_exhaustive()
    }
}

impl Fhir {
    /// Over the relay's database in its data folder. `key`: 32 random bytes. `address`: of the API, as clients know it.
    #[must_use]
    pub fn new(relay: &Path, key: &[u8; 32], address: Option<String>, tls: bool) -> Self {
        Self {
            relay: relay.to_owned(),
            path: relay.with_file_name(INDEX),
            index: Mutex::default(),
            seal: PageSeal::new(key),
            writing: tokio::sync::Mutex::default(),
            working: Mutex::default(),
            address,
            tls,
        }
    }

    /// Does something with the index as it is now.
    async fn with_index<T: Send + 'static>(
        self: &Arc<Self>,
        service: &Service,
        budget: usize,
        act: impl FnOnce(&Index) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.beside(service, move |index| {
            index.be_current(budget)?;
            act(index)
        })
        .await
    }

    /// Indexes some of what has changed. How many documents are left.
    async fn follow(self: &Arc<Self>, service: &Service) -> Result<usize, Fault> {
        self.beside(service, |index| Ok(index.catch_up(IN_BACKGROUND)?)).await
    }

    /// Does something with the index, away from the async threads.
    async fn beside<T: Send + 'static>(
        self: &Arc<Self>,
        service: &Service,
        act: impl FnOnce(&mut Index) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let permit = service.look_up(|relay: &Relay, _| relay.index_permit()).await?;
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            // A panic elsewhere leaves the file whole: every step of it is a transaction.
            let mut index = this.index.lock().unwrap_or_else(PoisonError::into_inner);
            if index.is_none() {
                *index = Some(Index::open(&this.path, &this.relay, permit)?);
            }
            let Some(open) = index.as_mut() else { return Err(Fault::failed()) };
            match act(open) {
                // A file that cannot be read is made anew, the next time somebody asks.
                Err(fault) if fault.damage => {
                    *index = None;
                    index::remove(&this.path);
                    Err(Fault::try_again("the index is made anew", 5))
                }
                done => done,
            }
        });
        done.await.map_err(|_| Fault::failed())?
    }

    fn forget_index(&self) {
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = None;
        index::remove(&self.path);
    }
}

impl From<IndexError> for Fault {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Behind(left) => Self::try_again(format!("{left} documents are still to be indexed"), 5),
            IndexError::Store(error) => error.into(),
        }
    }
}

/// The API's routes.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/fhir/token", post(token::token).layer(DefaultBodyLimit::max(MAX_TOKEN_BYTES)))
        .route("/fhir", any(serve::handle))
        .route("/fhir/", any(serve::handle))
        .route("/fhir/{*path}", any(serve::handle))
}

/// Follows the log in the background, so that nobody waits for it. As long as nobody may use the API there is no index: what it would
/// hold is not needed twice.
pub async fn keep(service: Service, fhir: Arc<Fhir>) {
    let mut due = tokio::time::interval(EVERY);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        match service.look_up(|relay, _| relay.has_fhir_clients()).await {
            Err(Stopped) => return,
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                let fhir = fhir.clone();
                let _ = tokio::task::spawn_blocking(move || fhir.forget_index()).await;
                continue;
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "whether there are clients of the FHIR API cannot be told");
                continue;
            }
        }
        loop {
            match fhir.follow(&service).await {
                Ok(0) => break,
                // Others are let in between.
                Ok(_) => tokio::time::sleep(PAUSE).await,
                Err(_) => {
                    tracing::error!("following the log for the FHIR API failed, it is tried again");
                    break;
                }
            }
        }
    }
}
