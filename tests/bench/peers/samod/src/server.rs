//! The server: every document in memory, its changes in files, nothing sent that was not asked for.

use std::path::{Path, PathBuf};

use futures::{StreamExt, stream};
use samod::storage::TokioFilesystemStorage;
use samod::{DocHandle, DocumentId, Repo, ShareConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;

use crate::Failure;
use crate::chart::Chart;
use crate::device::WINDOW;
use crate::socket::transport;

/// A server that runs. The handles keep the documents in memory.
pub struct Server {
    port: u16,
    ids: PathBuf,
    _handles: Vec<DocHandle>,
}

impl Server {
    /// What the benchmark is told.
    pub fn ready(&self) -> Value {
        json!({ "port": self.port, "ids": self.ids })
    }
}

/// Writes the charts where there are none yet, loads them, and listens.
pub async fn serve(dir: &Path, charts: &[Chart], port: u16) -> Result<Server, Failure> {
    let repo = Repo::build_tokio()
        .with_peer_id("server".into())
        .with_storage(TokioFilesystemStorage::new(dir.join("repo")))
        .with_share_policy(ShareConfig::read_write().with_announce(false))
        .load()
        .await;
    let ids = dir.join("ids.json");
    let handles = match std::fs::read(&ids) {
        Ok(known) => load(&repo, &serde_json::from_slice::<Vec<String>>(&known)?).await?,
        Err(_) => write(&repo, charts).await?,
    };
    let names: Vec<String> = handles.iter().map(|handle| handle.document_id().to_string()).collect();
    std::fs::write(&ids, serde_json::to_vec(&names)?)?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(listen(repo, listener));
    Ok(Server { port, ids, _handles: handles })
}

async fn write(repo: &Repo, charts: &[Chart]) -> Result<Vec<DocHandle>, Failure> {
    let mut handles = Vec::with_capacity(charts.len());
    for chart in charts {
        handles.push(repo.create(chart.document()?).await?);
    }
    Ok(handles)
}

async fn load(repo: &Repo, names: &[String]) -> Result<Vec<DocHandle>, Failure> {
    let ids: Vec<DocumentId> = names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let found: Vec<_> = stream::iter(ids).map(|id| repo.find(id)).buffered(WINDOW).collect().await;
    // One that is not on disk any more is one that was lost.
    Ok(found.into_iter().filter_map(|handle| handle.ok().flatten()).collect())
}

async fn listen(repo: Repo, listener: TcpListener) -> Result<(), Failure> {
    let acceptor = repo.make_acceptor("ws://127.0.0.1/".parse()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        if let Ok(socket) = accept_async(stream).await {
            acceptor.accept(transport(socket))?;
        }
    }
}
