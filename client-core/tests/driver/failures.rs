//! What the driver says when it cannot connect: each cause by its own name.

use std::time::Duration;

use client_core::driver::{DriverOptions, SharedDevice, enroll, sync_once, system_time};
use client_core::{ConnectionError, Device, DeviceError, NewPatient};
use sync_protocol::frame::GoodbyeReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::Server;
use crate::world::{START, randomness};

/// What enrolling at an address fails with.
async fn failure(url: &str, options: &DriverOptions) -> ConnectionError {
    let folder = tempfile::tempdir().unwrap();
    let device = SharedDevice::new(Device::open(folder.path(), randomness(1), START).unwrap());
    match enroll(&device, url, "code", "a device", options).await.unwrap_err() {
        DeviceError::Connection(error) => error,
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_wrong_address_is_told_from_one_where_nobody_listens() {
    let options = DriverOptions::default();
    assert_eq!(failure("relay.example.org", &options).await, ConnectionError::WrongAddress);
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let refused = failure(&format!("ws://127.0.0.1:{free}"), &options).await;
    assert_eq!(refused, ConnectionError::Refused { host: format!("127.0.0.1:{free}") });
    assert_eq!(failure("ws://192.0.2.1", &options).await, ConnectionError::PlainNotAllowed);
}

#[tokio::test]
async fn a_web_server_is_not_a_relay() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let _ = tcp.read(&mut [0; 1024]).await;
            let _ = tcp.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let error = failure(&format!("ws://127.0.0.1:{port}"), &DriverOptions::default()).await;
    assert!(matches!(&error, ConnectionError::NotARelay { detail, .. } if detail.contains("404")), "{error:?}");
    let error = failure(&format!("wss://localhost:{port}"), &DriverOptions::default()).await;
    assert!(matches!(&error, ConnectionError::NotARelay { detail, .. } if detail.contains("TLS")), "{error:?}");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let server = Server::tls().await;
    let error = failure(&server.url(), &DriverOptions::default()).await;
    assert!(matches!(error, ConnectionError::BadCertificate { .. }), "{error:?}");
    let missing = DriverOptions { authorities: Some("/does/not/exist.pem".into()), ..DriverOptions::default() };
    assert_eq!(failure(&server.url(), &missing).await, ConnectionError::BadAuthorityFile);
}

#[tokio::test]
async fn a_relay_that_refuses_the_device_is_quoted() {
    let server = Server::plain().await;
    let (device, _folder) = server.device(1, "dr-a").await;
    server.relay.lock().unwrap().conduct.goodbye = Some(GoodbyeReason::Revoked);
    let error = sync_once(&device, &server.options(), |_| {}).await.unwrap_err();
    assert!(matches!(error, DeviceError::Relay { reason: GoodbyeReason::Revoked, .. }), "{error:?}");
}

/// A way to `port` on which only so many bytes arrive in each twentieth of a second.
async fn thin_way_to(port: u16, bytes: usize) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let thin = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (mut near_in, mut near_out) = near.into_split();
            let (mut far_in, mut far_out) = TcpStream::connect(("127.0.0.1", port)).await.unwrap().into_split();
            tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
            tokio::spawn(async move {
                let mut some = vec![0; bytes];
                while let Ok(count @ 1..) = far_in.read(&mut some).await {
                    near_out.write_all(&some[..count]).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
    });
    thin
}

#[tokio::test]
async fn a_frame_that_takes_longer_than_the_patience_arrives_as_long_as_bytes_keep_coming() {
    let server = Server::plain().await;
    let (a, _a) = server.device(1, "dr-a").await;
    let patient = NewPatient { family: Some("Silva".into()), ..NewPatient::default() };
    let chart = a.lock().unwrap().register_patient(&patient, system_time()).unwrap();
    let mut random = randomness(11);
    let mut bytes = vec![0; 24 * 1024];
    random(&mut bytes);
    // Nothing that compression makes small.
    a.lock().unwrap().add_note(&chart, &hex::encode(&bytes), None, system_time()).unwrap();
    sync_once(&a, &server.options(), |_| {}).await.unwrap();
    let (b, _b) = server.device(2, "dr-b").await;
    let thin = thin_way_to(server.port, 600).await;
    b.lock().unwrap().set_relay_url(&format!("ws://127.0.0.1:{thin}")).unwrap();
    let options = DriverOptions { patience: Duration::from_secs(1), ..server.options() };
    let report = sync_once(&b, &options, |_| {}).await.unwrap();
    assert!(report.bytes_down > 20_000 && report.duration > options.patience, "{report:?}");
    assert_eq!(b.lock().unwrap().search("silva", system_time()).unwrap().len(), 1);
}
