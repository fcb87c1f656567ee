//! Turns a request into a WebSocket, and notes when bytes last came over it.

use std::io::Result as IoResult;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use sync_protocol::SUBPROTOCOL;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// What is read from a socket at once, in bytes; larger fragments take more while they come. Most connections are idle, and
/// each holds such a buffer.
const READ_BUFFER: usize = 1024;

/// An open WebSocket.
pub(super) type Socket = WebSocketStream<Heard<TokioIo<Upgraded>>>;

/// Answers a request for a WebSocket and runs `serve` on it, in a task of its own.
pub(super) fn upgrade<F: Future<Output = ()> + Send>(
    mut request: Request,
    max_message: usize,
    serve: impl FnOnce(Socket, LastHeard) -> F + Send + 'static,
) -> Response {
    let mut response = match create_response_with_body(&request, Body::empty) {
        Ok(response) => response,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("no WebSocket: {error}\n")).into_response(),
    };
    if !asks_for_our_subprotocol(&request) {
        return (StatusCode::BAD_REQUEST, format!("ask for the subprotocol {SUBPROTOCOL}\n")).into_response();
    }
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    let upgrading = hyper::upgrade::on(&mut request);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        // Each fragment leaves at once: what is gathered would stay allocated.
        .write_buffer_size(0)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message));
    tokio::spawn(async move {
        // One that goes away before it is a WebSocket is none.
        let Ok(upgraded) = upgrading.await else { return };
        let heard = LastHeard::now();
        let stream = Heard { stream: TokioIo::new(upgraded), last: heard.clone() };
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        serve(socket, heard).await;
    });
    response
}

fn asks_for_our_subprotocol(request: &Request) -> bool {
    let asked = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let asked = asked.iter().filter_map(|value| value.to_str().ok()).flat_map(|names| names.split(','));
    asked.map(str::trim).any(|name| name == SUBPROTOCOL)
}

/// When bytes last came: part of a large message over a slow link is a sign of life long before it is whole.
#[derive(Clone)]
pub(super) struct LastHeard(Arc<Mutex<Instant>>);

impl LastHeard {
    fn now() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// When that was.
    pub(super) fn at(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A stream that notes when bytes come.
pub(super) struct Heard<S> {
    stream: S,
    last: LastHeard,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<IoResult<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        if into.filled().len() > before {
            self.last.note();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<IoResult<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<IoResult<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<IoResult<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
