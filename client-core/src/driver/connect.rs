//! Opens the WebSocket to a relay and says clearly why it could not.

use std::io::ErrorKind;

use rustls::pki_types::ServerName;
use sync_protocol::SUBPROTOCOL;
use sync_protocol::limits::MAX_FRAME_BYTES;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, handshake::client::Request};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::address::Address;
use super::heard::Heard;
use super::{DriverOptions, tls};
use crate::ConnectionError;

/// Bytes that are gathered before they leave, at most, while more is there to be sent.
const GATHERED: usize = 16 * 1024;

/// TCP, with or without TLS.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

pub(super) type Socket = WebSocketStream<Heard<Box<dyn Transport>>>;

/// Opens a socket that speaks `satchel.v1`.
pub(super) async fn open(url: String, options: DriverOptions) -> Result<Socket, ConnectionError> {
    let address = Address::read(&url, options.allow_plain)?;
    let host = address.name();
    match tokio::time::timeout(options.connect_timeout, connect(&address, &options)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ConnectionError::TimedOut { host }),
    }
}

async fn connect(address: &Address, options: &DriverOptions) -> Result<Socket, ConnectionError> {
    let tcp = tcp(address).await?;
    // Frames are small and wait for answers; gathering them would only cost time.
    let _ = tcp.set_nodelay(true);
    let transport: Box<dyn Transport> = if address.tls {
        let connector = tls::connector(options.authorities.as_deref())?;
        let name = ServerName::try_from(address.host.clone()).map_err(|_| ConnectionError::WrongAddress)?;
        let secured = connector.connect(name, tcp).await;
        Box::new(secured.map_err(|error| tls::failure(address.name(), &error))?)
    } else {
        Box::new(tcp)
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES))
        // What is sent together leaves together: the relay takes it in one round, with one commit.
        .write_buffer_size(GATHERED);
    let upgraded = client_async_with_config(request(address)?, Heard::new(transport), Some(config)).await;
    upgraded.map(|(socket, _)| socket).map_err(|error| not_upgraded(address, &error))
}

async fn tcp(address: &Address) -> Result<TcpStream, ConnectionError> {
    let unknown = || ConnectionError::UnknownHost { host: address.host.clone() };
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await.map_err(|_| unknown())?;
    let mut failure = unknown();
    for candidate in found {
        match TcpStream::connect(candidate).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = not_connected(address.name(), error.kind()),
        }
    }
    Err(failure)
}

fn not_connected(host: String, kind: ErrorKind) -> ConnectionError {
    match kind {
        ErrorKind::ConnectionRefused => ConnectionError::Refused { host },
        ErrorKind::TimedOut => ConnectionError::TimedOut { host },
        kind => ConnectionError::Lost { detail: kind.to_string() },
    }
}

fn request(address: &Address) -> Result<Request, ConnectionError> {
    let mut request = address.uri.as_str().into_client_request().map_err(|_| ConnectionError::WrongAddress)?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    Ok(request)
}

fn not_upgraded(address: &Address, error: &tungstenite::Error) -> ConnectionError {
    let host = address.name();
    match error {
        tungstenite::Error::Http(response) => {
            let detail = format!("it answers with HTTP status {}", response.status().as_u16());
            ConnectionError::NotARelay { host, detail }
        }
        tungstenite::Error::Io(error) => ConnectionError::Lost { detail: error.kind().to_string() },
        tungstenite::Error::Protocol(tungstenite::error::ProtocolError::SecWebSocketSubProtocolError(_)) => {
            ConnectionError::NotARelay { host, detail: format!("it does not speak {SUBPROTOCOL}") }
        }
        _ => ConnectionError::NotARelay { host, detail: "it does not speak WebSocket".into() },
    }
}
