//! Whole syncs over sockets.

use std::time::Duration;

use client_core::driver::{DriverOptions, run, run_with_network, sync_once, system_time};
use client_core::sync::{Network, SyncEvent};
use client_core::{Device, NewPatient};
use tokio::sync::{mpsc, oneshot, watch};

use crate::server::Server;
use crate::world::randomness;

fn patient(family: &str) -> NewPatient {
    NewPatient { family: Some(family.into()), ..NewPatient::default() }
}

#[tokio::test]
async fn two_devices_sync_over_a_socket() {
    for server in [Server::plain().await, Server::tls().await] {
        let (a, _a) = server.device(1, "dr-a").await;
        let (b, _b) = server.device(2, "dr-b").await;
        a.lock().unwrap().register_patient(&patient("Silva"), system_time()).unwrap();
        let report = sync_once(&a, &server.options(), |_| {}).await.unwrap();
        assert_eq!((report.sent, report.changes), (1, 0));
        let report = sync_once(&b, &server.options(), |_| {}).await.unwrap();
        assert_eq!((report.sent, report.changes, report.documents), (0, 1, 1));
        assert!(report.bytes_down > report.bytes_up && report.bytes_up > 0);
        assert_eq!(b.lock().unwrap().search("silva", system_time()).unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_running_device_sends_edits_of_its_own_and_of_another_process() {
    let server = Server::plain().await;
    let (a, folder) = server.device(1, "dr-a").await;
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, mut told) = mpsc::unbounded_channel();
    let (device, options) = (a.clone(), server.options());
    let running = tokio::spawn(async move {
        let shutdown = async { drop(stopped.await) };
        run(&device, &options, shutdown, |event| drop(tell.send(event.clone()))).await
    });
    let mut wait_for = async |wanted: fn(&SyncEvent) -> bool| {
        let found = async { while !wanted(&told.recv().await.unwrap()) {} };
        tokio::time::timeout(Duration::from_secs(20), found).await.unwrap();
    };
    wait_for(|event| *event == SyncEvent::CaughtUp).await;
    a.lock().unwrap().register_patient(&patient("Silva"), system_time()).unwrap();
    wait_for(|event| matches!(event, SyncEvent::Sent { accepted: 1, .. })).await;
    // A second process is a second connection to the same file.
    let mut other = Device::open(folder.path(), randomness(7), system_time()).unwrap();
    other.register_patient(&patient("Souza"), system_time()).unwrap();
    wait_for(|event| matches!(event, SyncEvent::Sent { accepted: 1, .. })).await;
    assert_eq!(server.relay.lock().unwrap().changes(), 2);
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_running_device_saves_a_long_history_once_nothing_comes_any_more() {
    let server = Server::plain().await;
    let (a, folder) = server.device(1, "dr-a").await;
    let chart = a.lock().unwrap().register_patient(&patient("Silva"), system_time()).unwrap();
    for n in 0..150 {
        let patient = serde_json::json!({
            "resourceType": "Patient", "id": chart.patient.as_str(), "name": [{"family": format!("Silva {n}")}],
        });
        a.lock().unwrap().put_resource(&chart, &patient, system_time()).unwrap();
    }
    let options = DriverOptions { save_after: Duration::from_millis(50), ..server.options() };
    let file = folder.path().join("device.db");
    let saved = async {
        let db = rusqlite::Connection::open(file).unwrap();
        let rows = |table: &str| -> i64 {
            db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
        };
        while rows("saved_change") == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!((rows("saved_change"), rows("change"), rows("outbox")), (151, 0, 0));
    };
    let shutdown = async { tokio::time::timeout(Duration::from_secs(60), saved).await.unwrap() };
    run(&a, &options, shutdown, |_| {}).await.unwrap();
    assert_eq!(a.lock().unwrap().search("silva 149", system_time()).unwrap().len(), 1);
    assert_eq!(a.lock().unwrap().history(&chart, None, system_time()).unwrap().len(), 151);
}

#[tokio::test]
async fn a_running_device_prepares_charts_once_nothing_comes_any_more() {
    let server = Server::plain().await;
    let (a, _folder) = server.device(1, "dr-a").await;
    let chart = a.lock().unwrap().register_patient(&patient("Silva"), system_time()).unwrap();
    a.lock().unwrap().add_note(&chart, "Knee pain", None, system_time()).unwrap();
    sync_once(&a, &server.options(), |_| {}).await.unwrap();
    let (b, folder) = server.device(2, "dr-b").await;
    sync_once(&b, &server.options(), |_| {}).await.unwrap();
    let db = rusqlite::Connection::open(folder.path().join("device.db")).unwrap();
    let prepared = || -> i64 { db.query_row("SELECT count(*) FROM note_search", [], |row| row.get(0)).unwrap() };
    assert_eq!(prepared(), 0);
    let options = DriverOptions { prepare_after: Duration::from_millis(50), ..server.options() };
    let done = async {
        while prepared() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let shutdown = async { tokio::time::timeout(Duration::from_secs(60), done).await.unwrap() };
    run(&b, &options, shutdown, |_| {}).await.unwrap();
}

#[tokio::test]
async fn a_device_without_network_waits_and_connects_once_it_is_told_that_it_returned() {
    let server = Server::plain().await;
    let (a, _folder) = server.device(1, "dr-a").await;
    let (say, network) = watch::channel(Network::Offline);
    let (tell, mut told) = mpsc::unbounded_channel();
    let (device, options) = (a.clone(), server.options());
    let running = tokio::spawn(async move {
        let never = std::future::pending();
        run_with_network(&device, &options, network, never, |event| drop(tell.send(event.clone()))).await
    });
    let waits = async { while !matches!(told.recv().await.unwrap(), SyncEvent::Retrying { at: None, .. }) {} };
    tokio::time::timeout(Duration::from_secs(20), waits).await.unwrap();
    a.lock().unwrap().register_patient(&patient("Silva"), system_time()).unwrap();
    assert!(told.try_recv().is_err(), "nothing is tried without a network");
    say.send(Network::Online).unwrap();
    let sent = async { while !matches!(told.recv().await.unwrap(), SyncEvent::Sent { accepted: 1, .. }) {} };
    tokio::time::timeout(Duration::from_secs(20), sent).await.unwrap();
    running.abort();
}
