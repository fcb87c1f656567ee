//! A TCP proxy that counts what goes each way, WebSocket framing included, the HTTP upgrade apart; it can be a slow link.

mod carry;
mod counters;
mod link;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use crate::failure::Failure;
use counters::Counters;

pub use counters::Traffic;
pub use link::{FIELD, Link};

/// The proxy, on a thread of its own.
pub struct Proxy {
    address: SocketAddr,
    counters: Arc<Counters>,
}

impl Proxy {
    /// Starts a proxy to `target`.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn start(target: &str) -> Result<Self, Failure> {
        Self::over(target, None)
    }

    /// Starts a proxy to `target` that is also a slow link.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn slow(target: &str, link: Link) -> Result<Self, Failure> {
        Self::over(target, Some(link))
    }

    fn over(target: &str, link: Option<Link>) -> Result<Self, Failure> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let (address, counters) = (listener.local_addr()?, Arc::new(Counters::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (target, counting) = (target.to_owned(), counters.clone());
        std::thread::spawn(move || runtime.block_on(serve(listener, target, link, counting)));
        Ok(Self { address, counters })
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Address for devices.
    pub fn url(&self) -> String {
        format!("ws://{}/sync", self.address)
    }

    /// What was counted since the last call, once all connections have ended.
    ///
    /// # Errors
    /// If one does not end.
    pub fn take(&self) -> Result<Traffic, Failure> {
        for _ in 0..5_000 {
            if self.counters.open.load(Ordering::SeqCst) == 0 {
                return Ok(self.counters.take());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(Failure::new("a connection through the proxy did not end"))
    }

    /// What was counted since the last call, once nothing has come for `quiet`: for engines that never say that they are done.
    ///
    /// # Errors
    /// If it never gets quiet.
    pub fn settled(&self, quiet: Duration) -> Result<Traffic, Failure> {
        let (begun, mut changed, mut seen) = (Instant::now(), Instant::now(), self.counters.sum());
        while begun.elapsed() < quiet * 100 {
            std::thread::sleep(Duration::from_millis(5));
            let sum = self.counters.sum();
            if sum != seen {
                (seen, changed) = (sum, Instant::now());
            } else if changed.elapsed() >= quiet {
                return Ok(self.counters.take());
            }
        }
        Err(Failure::new("the connection never got quiet"))
    }

    /// From now on, the first byte down each connection is stamped.
    ///
    /// # Errors
    /// If the proxy has failed.
    pub fn mark(&self) -> Result<(), Failure> {
        self.counters.mark()
    }

    /// When the first byte since the mark came down each connection that had one, in seconds since 1970.
    ///
    /// # Errors
    /// If the proxy has failed.
    pub fn arrivals(&self) -> Result<Vec<f64>, Failure> {
        self.counters.arrivals()
    }
}

async fn serve(listener: std::net::TcpListener, target: String, link: Option<Link>, counters: Arc<Counters>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((device, _)) = listener.accept().await {
        counters.open.fetch_add(1, Ordering::SeqCst);
        let (target, counters) = (target.clone(), counters.clone());
        tokio::spawn(async move {
            if let Some(link) = link {
                // TCP's own handshake.
                tokio::time::sleep(link.round_trip).await;
            }
            if let Ok(relay) = TcpStream::connect(&target).await {
                carry::both_ways(device, relay, link, &counters).await;
            }
            counters.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}
