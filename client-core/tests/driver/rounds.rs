//! Rounds in the background: bounded in bytes and time, gone on with by the next, and safe to abandon.

use std::time::Duration;

use client_core::driver::{DriverOptions, SharedDevice, sync_once, sync_within, system_time};
use client_core::sync::RoundBudget;
use client_core::{ConnectionState, ImportOptions};
use clinical_record::sample;
use tokio::net::TcpListener;

use crate::server::Server;

/// A relay with some charts, and a device that has none of them.
async fn filled(charts: u64) -> (Server, SharedDevice, tempfile::TempDir) {
    let server = Server::plain().await;
    let (a, _a) = server.device(1, "dr-a").await;
    for seed in 0..charts {
        let bundle = sample::bundle(seed).to_string();
        a.lock().unwrap().import(bundle.as_bytes(), &ImportOptions::default(), system_time(), |_, _| {}).unwrap();
    }
    sync_once(&a, &server.options(), |_| {}).await.unwrap();
    server.relay.lock().unwrap().conduct.one_change_a_batch = true;
    let (b, folder) = server.device(2, "dr-b").await;
    (server, b, folder)
}

fn connection(device: &SharedDevice) -> ConnectionState {
    device.lock().unwrap().status(system_time()).unwrap().connection
}

#[tokio::test]
async fn a_round_of_few_bytes_stores_some_says_that_it_was_cut_short_and_the_next_gets_the_rest() {
    let (server, b, _folder) = filled(3).await;
    let all = server.relay.lock().unwrap().documents.len();
    let budget = RoundBudget { bytes: Some(1_500), time_ms: None };
    let report = sync_within(&b, &server.options(), budget, |_| {}).await.unwrap();
    assert!(report.cut_short);
    let stored = b.lock().unwrap().documents().unwrap().len();
    assert!(stored > 0 && stored < all, "{stored} of {all}");
    assert_eq!(connection(&b), ConnectionState::Offline);
    let report = sync_within(&b, &server.options(), RoundBudget::default(), |_| {}).await.unwrap();
    assert!(!report.cut_short);
    assert_eq!(b.lock().unwrap().documents().unwrap().len(), all);
}

#[tokio::test]
async fn a_round_ends_when_its_time_is_over_though_nobody_answers() {
    let (_server, b, _folder) = filled(1).await;
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("ws://127.0.0.1:{}", silent.local_addr().unwrap().port());
    b.lock().unwrap().set_relay_url(&url).unwrap();
    let budget = RoundBudget { bytes: None, time_ms: Some(50) };
    let report = sync_within(&b, &DriverOptions::default(), budget, |_| {}).await.unwrap();
    assert!(report.cut_short);
    assert_eq!(report.documents, 0);
}

#[tokio::test]
async fn an_abandoned_sync_leaves_a_device_that_says_that_it_is_offline_and_syncs_again() {
    let (server, b, _folder) = filled(3).await;
    let options = server.options();
    let mut received = 0;
    let abandoned = async {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let syncing = sync_once(&b, &options, |event| drop(tell.send(event.clone())));
        tokio::pin!(syncing);
        loop {
            tokio::select! {
                biased;
                Some(event) = told.recv() => {
                    received += usize::from(matches!(event, client_core::sync::SyncEvent::Received { .. }));
                    if received == 2 {
                        return;
                    }
                }
                _ = &mut syncing => panic!("it was to be abandoned in the middle"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), abandoned).await.unwrap();
    assert_eq!(connection(&b), ConnectionState::Offline);
    let before = b.lock().unwrap().documents().unwrap().len();
    assert!(before > 0, "what was stored counts");
    sync_once(&b, &options, |_| {}).await.unwrap();
    assert!(b.lock().unwrap().documents().unwrap().len() > before);
}
