//! Connections that speak the protocol and keep nothing: ten thousand of them fit into one process.

use futures_util::{SinkExt, StreamExt};
use sync_protocol::SUBPROTOCOL;
use sync_protocol::frame::Resume;
use sync_protocol::identity::SecretKey;
use sync_protocol::session::{ClientEvent, ClientSession, Intent};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::failure::Failure;

/// Small, as there are many of them here.
const BUFFER: usize = 4 * 1024;

/// A device without a disk.
pub struct Raw {
    socket: WebSocketStream<TcpStream>,
    session: ClientSession,
}

impl Raw {
    /// Enrols the device with a one-time code. `address`: host and port.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub async fn enroll(address: &str, device: SecretKey, code: &str) -> Result<(), Failure> {
        let intent = Intent::Enroll { code: code.to_owned(), device_name: "bench".to_owned() };
        let mut raw = Self::open(address, device, intent).await?;
        loop {
            for event in raw.receive().await? {
                match event {
                    ClientEvent::Enrolled(_) => return Ok(()),
                    event => raw.carry_out(event).await?,
                }
            }
        }
    }

    /// Connects as a device that holds nothing yet. `address`: host and port.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub async fn connect(address: &str, device: SecretKey) -> Result<Self, Failure> {
        Self::open(address, device, Intent::Sync(Resume { cursor: None, epoch: None, compare: false })).await
    }

    async fn open(address: &str, device: SecretKey, intent: Intent) -> Result<Self, Failure> {
        let mut request = format!("ws://{address}/sync").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let stream = TcpStream::connect(address).await?;
        let config = WebSocketConfig::default().read_buffer_size(BUFFER);
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
        let (session, hello) = ClientSession::open(device, intent, "bench");
        let mut raw = Self { socket, session };
        raw.carry_out(hello).await?;
        Ok(raw)
    }

    /// Takes and acknowledges everything until the relay says that this was all. Gives the changes that came.
    ///
    /// # Errors
    /// If the connection ends before.
    pub async fn catch_up(&mut self) -> Result<usize, Failure> {
        let mut changes = 0;
        loop {
            for event in self.receive().await? {
                match event {
                    ClientEvent::CaughtUp(_) => return Ok(changes),
                    event => changes += self.take(event).await?,
                }
            }
        }
    }

    /// Stays connected, takes and acknowledges what comes, and answers whether it is still there.
    pub async fn stay(mut self) {
        while let Ok(events) = self.receive().await {
            for event in events {
                if self.take(event).await.is_err() {
                    return;
                }
            }
        }
    }

    /// What the next message brings.
    async fn receive(&mut self) -> Result<Vec<ClientEvent>, Failure> {
        loop {
            let message = self.socket.next().await.ok_or_else(|| Failure::new("the relay ended the connection"))??;
            if let Message::Binary(bytes) = message {
                return Ok(self.session.received(&bytes));
            }
        }
    }

    /// Does what an event asks for; how many changes came with it.
    async fn take(&mut self, event: ClientEvent) -> Result<usize, Failure> {
        let ClientEvent::Deliver { batch, body, .. } = event else { return self.carry_out(event).await.map(|()| 0) };
        let stored = self.session.stored(batch);
        self.carry_out(stored).await?;
        Ok(body.documents.iter().map(|document| document.changes.len()).sum())
    }

    async fn carry_out(&mut self, event: ClientEvent) -> Result<(), Failure> {
        match event {
            ClientEvent::Send(bytes) => Ok(self.socket.send(Message::binary(bytes)).await?),
            ClientEvent::Closed { detail, .. } => Err(Failure::new(detail)),
            _ => Ok(()),
        }
    }
}
