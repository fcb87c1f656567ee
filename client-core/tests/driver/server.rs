//! The relay in memory behind a WebSocket.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use client_core::Device;
use client_core::driver::{DriverOptions, SharedDevice, enroll};
use futures_util::{SinkExt, StreamExt};
use sync_protocol::session::{RelayEvent, RelaySession};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::relay::Relay;
use crate::world::{START, randomness};

pub type SharedRelay = Arc<Mutex<Relay>>;

pub struct Server {
    pub relay: SharedRelay,
    pub port: u16,
    /// PEM file with the authority of its certificate.
    pub authority: Option<PathBuf>,
    _folder: tempfile::TempDir,
}

impl Server {
    pub async fn plain() -> Self {
        Self::start(None, tempfile::tempdir().unwrap(), None).await
    }

    pub async fn tls() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let file = folder.path().join("authority.pem");
        std::fs::write(&file, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self::start(Some(TlsAcceptor::from(Arc::new(config))), folder, Some(file)).await
    }

    async fn start(tls: Option<TlsAcceptor>, folder: tempfile::TempDir, authority: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut relay = Relay::new();
        relay.now = client_core::driver::system_time();
        let relay = Arc::new(Mutex::new(relay));
        let shared = relay.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (relay, tls) = (shared.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(tcp, relay).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(tcp).await {
                                serve(stream, relay).await;
                            }
                        }
                    }
                });
            }
        });
        Self { relay, port, authority, _folder: folder }
    }

    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "wss" } else { "ws" };
        format!("{scheme}://localhost:{}", self.port)
    }

    pub fn options(&self) -> DriverOptions {
        DriverOptions { authorities: self.authority.clone(), ..DriverOptions::default() }
    }

    /// A device enrolled over the wire. The folder is to be kept while the device is used.
    pub async fn device(&self, seed: u64, practitioner: &str) -> (SharedDevice, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let device = SharedDevice::new(Device::open(folder.path(), randomness(seed), START).unwrap());
        enroll(&device, &self.url(), practitioner, "a device", &self.options()).await.unwrap();
        (device, folder)
    }
}

// A handshake callback has to return this type.
#[allow(clippy::result_large_err, reason = "the type is tungstenite's")]
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, relay: SharedRelay) {
    let choose = |_: &Request, mut response: Response| {
        response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("satchel.v1"));
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, choose).await else { return };
    let mut connection = relay.lock().unwrap().connect();
    let mut enrolling = RelaySession::new(
        relay.lock().unwrap().id,
        sync_protocol::Nonce([9; 32]),
        sync_protocol::limits::Limits::default(),
    );
    let mut enrolls = true;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(bytes) = message else { continue };
        // The relay in memory does not enrol over its session; this does it beside.
        if enrolls {
            for event in enrolling.received(&bytes) {
                if let RelayEvent::Enroll { device_key, code, .. } = event {
                    let enrolled = relay.lock().unwrap().enroll(device_key, "north", &code);
                    for event in enrolling.enrolled(enrolled) {
                        if let RelayEvent::Send(bytes) = event {
                            socket.send(Message::Binary(bytes.into())).await.unwrap();
                        }
                    }
                    return;
                }
            }
        }
        let is_enroll = matches!(sync_protocol::decode(&bytes), Ok(sync_protocol::Frame::Enroll(_)));
        enrolls = enrolls && !is_enroll && !matches!(sync_protocol::decode(&bytes), Ok(sync_protocol::Frame::Proof(_)));
        let (answers, over) = relay.lock().unwrap().received(&mut connection, &bytes);
        for answer in answers {
            if socket.send(Message::Binary(answer.into())).await.is_err() {
                return;
            }
        }
        if over {
            return;
        }
    }
}
