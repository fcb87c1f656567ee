//! The relay's thread: what it takes, what it gives back, how it ends.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use sync_protocol::frame::GoodbyeReason;
use sync_protocol::{Frame, decode};
use sync_server::accounts::Origin;
use sync_server::metrics::Metrics;
use sync_server::relay::{Relay, RelaySettings};
use sync_server::service::Service;
use sync_server::store::{SqliteStore, StoreError};
use tokio::sync::Semaphore;

/// A frame that the relay does not know: it answers each.
const UNKNOWN: &[u8] = &[0xA1, 0x61, b'X', 0xA0];

fn start() -> (Service, JoinHandle<()>) {
    let store = SqliteStore::open(Path::new(":memory:")).unwrap();
    let settings =
        RelaySettings { limits: Default::default(), lease_ms: 1, certificate_ms: 1, ledger: Default::default() };
    let relay = Relay::open(Box::new(store), settings, Arc::new(Metrics::default()), Box::new(|bytes| bytes.fill(7)));
    Service::start(relay.unwrap())
}

#[tokio::test]
async fn room_is_given_back_once_a_message_is_taken() {
    let (service, thread) = start();
    let (id, mut outgoing) = service.connect(Origin::Unknown).await.unwrap();
    let room = Arc::new(Semaphore::new(1));
    for _ in 0..10 {
        let taken = tokio::time::timeout(Duration::from_secs(20), room.clone().acquire_owned());
        service.received_within(id, UNKNOWN.to_vec(), taken.await.unwrap().unwrap()).unwrap();
        assert!(matches!(decode(&outgoing.recv().await.unwrap()), Ok(Frame::Unsupported(_))));
    }
    service.shut_down();
    thread.join().unwrap();
}

#[tokio::test]
async fn a_connection_that_does_not_take_what_it_is_sent_is_dropped_and_no_other() {
    let (service, thread) = start();
    let (slow, mut unread) = service.connect(Origin::Unknown).await.unwrap();
    let (other, mut outgoing) = service.connect(Origin::Unknown).await.unwrap();
    (0..1_000).for_each(|_| service.received(slow, UNKNOWN.to_vec()).unwrap());
    service.received(other, UNKNOWN.to_vec()).unwrap();
    assert!(outgoing.recv().await.is_some());
    let mut queued = 0;
    while unread.recv().await.is_some() {
        queued += 1;
    }
    assert!(queued <= 64, "{queued}");
    service.shut_down();
    thread.join().unwrap();
}

#[tokio::test]
async fn stopping_says_goodbye_and_takes_nothing_more() {
    let (service, thread) = start();
    let (_, mut outgoing) = service.connect(Origin::Unknown).await.unwrap();
    service.shut_down();
    let Ok(Frame::Goodbye(goodbye)) = decode(&outgoing.recv().await.unwrap()) else { panic!("no goodbye") };
    assert_eq!(goodbye.reason, GoodbyeReason::ShuttingDown);
    assert_eq!(outgoing.recv().await, None);
    thread.join().unwrap();
    assert!(service.connect(Origin::Unknown).await.is_err());
    assert!(service.administer::<(), StoreError>(|_, _| Ok(())).await.is_err());
}

#[tokio::test]
async fn a_fault_in_the_thread_ends_it_and_every_connection() {
    let (service, thread) = start();
    let (_, mut outgoing) = service.connect(Origin::Unknown).await.unwrap();
    let asked = service.administer::<(), StoreError>(|_, _| panic!("a fault of ours")).await;
    assert!(asked.is_err());
    assert_eq!(outgoing.recv().await, None);
    assert!(thread.join().is_err());
}
