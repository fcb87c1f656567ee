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
    /// Connects as a device that holds nothing yet. `address`: host and port.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub async fn connect(address: &str, device: SecretKey) -> Result<Self, Failure> {
        let mut request = format!("ws://{address}/sync").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let stream = TcpStream::connect(address).await?;
        let config = WebSocketConfig::default().read_buffer_size(BUFFER);
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
        let resume = Intent::Sync(Resume { cursor: None, epoch: None, compare: false });
        let (session, hello) = ClientSession::open(device, resume, "bench");
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
            let message = self.socket.next().await.ok_or_else(|| Failure::new("the relay ended the connection"))??;
            let Message::Binary(bytes) = message else { continue };
            for event in self.session.received(&bytes) {
                match event {
                    ClientEvent::CaughtUp(_) => return Ok(changes),
                    ClientEvent::Deliver { batch, body, .. } => {
                        changes += body.documents.iter().map(|document| document.changes.len()).sum::<usize>();
                        let stored = self.session.stored(batch);
                        self.carry_out(stored).await?;
                    }
                    event => self.carry_out(event).await?,
                }
            }
        }
    }

    /// Stays connected, and answers whether it is still there.
    pub async fn stay(mut self) {
        while let Some(Ok(_)) = self.socket.next().await {}
    }

    async fn carry_out(&mut self, event: ClientEvent) -> Result<(), Failure> {
        match event {
            ClientEvent::Send(bytes) => Ok(self.socket.send(Message::binary(bytes)).await?),
            ClientEvent::Closed { detail, .. } => Err(Failure::new(detail)),
            _ => Ok(()),
        }
    }
}
