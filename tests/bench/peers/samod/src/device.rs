//! A device: a repository that asks the server for documents, with its changes in files unless it only receives.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::future::join_all;
use futures::{StreamExt, stream};
use samod::storage::{InMemoryStorage, TokioFilesystemStorage};
use samod::{BackoffConfig, ConnectionId, DialerHandle, DocHandle, DocumentId, Repo};
use tokio_tungstenite::tungstenite;

use crate::Failure;
use crate::chart::Chart;
use crate::socket::SocketDialer;

/// Documents asked for at once. More is not faster.
pub const WINDOW: usize = 128;

/// One device.
pub struct Device {
    repo: Repo,
    charts: Arc<Vec<Chart>>,
    ids: Arc<Vec<DocumentId>>,
    handles: Vec<DocHandle>,
    changed: BTreeSet<usize>,
    dialer: Option<DialerHandle<tungstenite::Error>>,
}

impl Device {
    /// An empty one. `dir`: where its documents are kept; in memory without.
    pub async fn new(dir: Option<&Path>, charts: Arc<Vec<Chart>>, ids: Arc<Vec<DocumentId>>) -> Self {
        let repo = match dir {
            Some(dir) => Repo::build_tokio().with_storage(TokioFilesystemStorage::new(dir)).load().await,
            None => Repo::build_tokio().with_storage(InMemoryStorage::new()).load().await,
        };
        Self { repo, charts, ids, handles: Vec::new(), changed: BTreeSet::new(), dialer: None }
    }

    /// Connects, and waits for the handshake.
    pub async fn connect(&mut self, url: &str) -> Result<(), Failure> {
        let dialer = self.repo.dial(BackoffConfig::default(), Arc::new(SocketDialer(url.parse()?)))?;
        dialer.established().await.map_err(|error| error.to_string())?;
        self.dialer = Some(dialer);
        Ok(())
    }

    /// Ends the connection.
    pub fn disconnect(&mut self) {
        if let Some(dialer) = self.dialer.take() {
            dialer.close();
        }
    }

    /// Receives the first `count` charts.
    pub async fn fetch(&mut self, count: usize) -> Result<(), Failure> {
        let ids = self.ids[..count].to_vec();
        let found: Vec<_> = stream::iter(ids).map(|id| self.repo.find(id)).buffered(WINDOW).collect().await;
        let found: Vec<Option<DocHandle>> = found.into_iter().collect::<Result<_, _>>()?;
        self.handles = found.into_iter().flatten().collect();
        match self.handles.len() == count {
            true => Ok(()),
            false => Err(format!("{} of {count} documents came", self.handles.len()).into()),
        }
    }

    /// Documents, and changes in them.
    pub fn holds(&self) -> (usize, usize) {
        let changes = |handle: &DocHandle| handle.with_document(|document| document.get_changes(&[]).len());
        (self.handles.len(), self.handles.iter().map(changes).sum())
    }

    /// Corrects a value.
    pub fn edit(&mut self, at: usize, value: f64) -> Result<(), Failure> {
        self.changed.insert(at);
        self.handles[at].with_document(|document| self.charts[at].edit(document, value))
    }

    /// The value now.
    pub fn value(&self, at: usize) -> Option<f64> {
        self.handles[at].with_document(|document| self.charts[at].value(document))
    }

    /// Waits until the server has told that it has every edit.
    pub async fn uploaded(&mut self) -> Result<(), Failure> {
        let connection = self.connection()?;
        let changed = std::mem::take(&mut self.changed);
        join_all(changed.into_iter().map(|at| self.handles[at].they_have_our_changes(connection))).await;
        Ok(())
    }

    /// Waits until this device has every change that the server has told of.
    pub async fn caught_up(&self) -> Result<(), Failure> {
        let connection = self.connection()?;
        join_all(self.handles.iter().map(|handle| handle.we_have_their_changes(connection))).await;
        Ok(())
    }

    /// When this chart has this value.
    pub fn arrived(&self, at: usize, value: f64) -> impl Future<Output = Instant> + Send + 'static {
        let (handle, charts) = (self.handles[at].clone(), self.charts.clone());
        async move {
            // Listened to before it is looked at: nothing is missed in between.
            let mut changes = Box::pin(handle.changes());
            while handle.with_document(|document| charts[at].value(document)) != Some(value) {
                if changes.next().await.is_none() {
                    break;
                }
            }
            Instant::now()
        }
    }

    fn connection(&self) -> Result<ConnectionId, Failure> {
        Ok(self.dialer.as_ref().and_then(DialerHandle::connection_id).ok_or("not connected")?)
    }
}
