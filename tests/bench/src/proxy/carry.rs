//! Carries the bytes of one connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::counters::{Counters, Stamp};
use super::link::{Lane, Link};

/// Read at once from a fast link.
const CHUNK: usize = 64 * 1024;
/// Read at once from a slow one: what waits in its modem, as it were.
const SLOW_CHUNK: usize = 4 * 1024;

/// Carries both directions to their ends.
pub async fn both_ways(device: TcpStream, relay: TcpStream, link: Option<Link>, counters: &Counters) {
    let _ = (device.set_nodelay(true), relay.set_nodelay(true));
    let ((from_device, to_device), (from_relay, to_relay)) = (device.into_split(), relay.into_split());
    let stamp = counters.stamp();
    let up = Meter::new(&counters.up, &counters.upgrade, None);
    let down = Meter::new(&counters.down, &counters.upgrade, Some(&stamp));
    match link {
        None => {
            tokio::join!(pump(from_device, to_relay, up), pump(from_relay, to_device, down));
        }
        Some(link) => {
            tokio::join!(trickle(from_device, to_relay, up, link), trickle(from_relay, to_device, down, link));
        }
    }
}

/// Counts one direction. The bytes up to the first empty line are the HTTP upgrade.
struct Meter<'a> {
    counter: &'a AtomicU64,
    upgrade: &'a AtomicU64,
    stamp: Option<&'a Stamp>,
    head: Option<Vec<u8>>,
}

impl<'a> Meter<'a> {
    fn new(counter: &'a AtomicU64, upgrade: &'a AtomicU64, stamp: Option<&'a Stamp>) -> Self {
        Self { counter, upgrade, stamp, head: Some(Vec::new()) }
    }

    fn count(&mut self, bytes: &[u8]) {
        if let Some(stamp) = self.stamp {
            stamp.touch();
        }
        let mut of_upgrade = 0;
        if let Some(seen) = &mut self.head {
            let before = seen.len();
            seen.extend_from_slice(bytes);
            let end = seen.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            of_upgrade = end.map_or(bytes.len(), |end| end - before);
            if end.is_some() {
                self.head = None;
            }
        }
        self.upgrade.fetch_add(of_upgrade as u64, Ordering::SeqCst);
        self.counter.fetch_add((bytes.len() - of_upgrade) as u64, Ordering::SeqCst);
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut meter: Meter<'_>) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        meter.count(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown().await;
}

/// Carries one direction of a slow link: no more is read than the wire can take.
async fn trickle(mut from: OwnedReadHalf, to: OwnedWriteHalf, mut meter: Meter<'_>, link: Link) {
    let (begun, mut lane) = (Instant::now(), Lane::new(link));
    let (give, given) = unbounded_channel();
    let reading = async move {
        let mut buffer = vec![0; SLOW_CHUNK];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            meter.count(&buffer[..count]);
            let (free, arrives) = lane.send(count, begun.elapsed());
            if give.send((arrives, buffer[..count].to_vec())).is_err() {
                break;
            }
            sleep_until(begun + free).await;
        }
    };
    tokio::join!(reading, deliver(given, to, begun));
}

async fn deliver(mut given: UnboundedReceiver<(Duration, Vec<u8>)>, mut to: OwnedWriteHalf, begun: Instant) {
    while let Some((arrives, bytes)) = given.recv().await {
        sleep_until(begun + arrives).await;
        if to.write_all(&bytes).await.is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown().await;
}
