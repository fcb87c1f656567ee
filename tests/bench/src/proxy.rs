//! A TCP proxy that counts what goes each way: WebSocket framing included, the HTTP upgrade apart.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

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

#[derive(Default)]
struct Counters {
    up: AtomicU64,
    down: AtomicU64,
    upgrade: AtomicU64,
    open: AtomicUsize,
}

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
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let (address, counters) = (listener.local_addr()?, Arc::new(Counters::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (target, counting) = (target.to_owned(), counters.clone());
        std::thread::spawn(move || runtime.block_on(serve(listener, target, counting)));
        Ok(Self { address, counters })
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
                let take = |counter: &AtomicU64| counter.swap(0, Ordering::SeqCst);
                let Counters { up, down, upgrade, .. } = &*self.counters;
                return Ok(Traffic { up: take(up), down: take(down), upgrade: take(upgrade) });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(Failure::new("a connection through the proxy did not end"))
    }
}

async fn serve(listener: std::net::TcpListener, target: String, counters: Arc<Counters>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((device, _)) = listener.accept().await {
        counters.open.fetch_add(1, Ordering::SeqCst);
        let (target, counters) = (target.clone(), counters.clone());
        tokio::spawn(async move {
            if let Ok(relay) = TcpStream::connect(&target).await {
                carry(device, relay, &counters).await;
            }
            counters.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn carry(device: TcpStream, relay: TcpStream, counters: &Counters) {
    let _ = (device.set_nodelay(true), relay.set_nodelay(true));
    let ((from_device, to_device), (from_relay, to_relay)) = (device.into_split(), relay.into_split());
    let up = pump(from_device, to_relay, &counters.up, &counters.upgrade);
    let down = pump(from_relay, to_device, &counters.down, &counters.upgrade);
    tokio::join!(up, down);
}

/// Carries one direction to its end. The bytes up to the first empty line are the HTTP upgrade.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, counter: &AtomicU64, upgrade: &AtomicU64) {
    let mut buffer = vec![0; 64 * 1024];
    let mut head = Some(Vec::new());
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let mut of_upgrade = 0;
        if let Some(seen) = &mut head {
            let before = seen.len();
            seen.extend_from_slice(&buffer[..count]);
            let end = seen.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            of_upgrade = end.map_or(count, |end| end - before);
            if end.is_some() {
                head = None;
            }
        }
        upgrade.fetch_add(of_upgrade as u64, Ordering::SeqCst);
        counter.fetch_add((count - of_upgrade) as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown().await;
}
