//! One WebSocket: bytes between the device and the relay's thread.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use sync_protocol::SUBPROTOCOL;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

use crate::accounts::Origin;
use crate::http::AppState;
use crate::http::client::Client;
use crate::relay::ConnectionId;

/// How often an idle connection is probed.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Silence after which the other side is taken for gone.
const SILENCE: Duration = Duration::from_secs(90);
/// How long one message may take to leave. A link that cannot is cut; the device resumes.
const SEND_WITHIN: Duration = Duration::from_secs(60);

/// What is read from a socket at once, in bytes; larger messages take more while they come. Most connections are idle, and
/// each holds such a buffer.
const READ_BUFFER: usize = 4 * 1024;

/// Messages of one connection that the relay has not taken yet. The next one waits in the network.
const UNTAKEN: usize = 8;

/// Takes a device's connection, if it asks for our subprotocol.
pub async fn upgrade(State(state): State<AppState>, client: Client, upgrade: WebSocketUpgrade) -> Response {
    let limit = state.max_frame_bytes;
    let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(limit).max_frame_size(limit);
    let upgrade = upgrade.read_buffer_size(READ_BUFFER);
    if upgrade.selected_protocol().is_none() {
        return (StatusCode::BAD_REQUEST, format!("ask for the subprotocol {SUBPROTOCOL}\n")).into_response();
    }
    upgrade.on_upgrade(move |socket| serve(state, client.origin, socket))
}

async fn serve(state: AppState, origin: Origin, socket: WebSocket) {
    let Ok((id, outgoing)) = state.service.connect(origin).await else { return };
    carry(&state, id, socket, outgoing).await;
    state.service.disconnected(id);
}

/// Carries messages both ways until either side ends it.
async fn carry(
    state: &AppState,
    id: ConnectionId,
    socket: WebSocket,
    mut outgoing: tokio::sync::mpsc::Receiver<Vec<u8>>,
) {
    let (mut sink, mut stream) = socket.split();
    let room = Arc::new(Semaphore::new(UNTAKEN));
    let mut heard = Instant::now();
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.tick().await;
    loop {
        let message = tokio::select! {
            bytes = outgoing.recv() => match bytes {
                Some(bytes) => Message::binary(bytes),
                // The relay has said its goodbye.
                None => Message::Close(None),
            },
            _ = pings.tick() => Message::Ping(axum::body::Bytes::new()),
            incoming = timeout_at(heard + SILENCE, next(&mut stream, &room)) => {
                heard = Instant::now();
                match incoming {
                    Ok(Some((Message::Binary(bytes), room))) => {
                        if state.service.received_within(id, bytes.to_vec(), room).is_err() {
                            return;
                        }
                        continue;
                    }
                    Ok(Some((Message::Ping(_) | Message::Pong(_), _))) => continue,
                    // Text is not of our protocol; a close, an error or silence ends it anyway.
                    _ => return,
                }
            }
        };
        let closing = matches!(message, Message::Close(_));
        if !matches!(timeout(SEND_WITHIN, sink.send(message)).await, Ok(Ok(()))) || closing {
            return;
        }
    }
}

/// The next message, once the relay has room for it.
async fn next(stream: &mut SplitStream<WebSocket>, room: &Arc<Semaphore>) -> Option<(Message, OwnedSemaphorePermit)> {
    let room = room.clone().acquire_owned().await.ok()?;
    Some((stream.next().await?.ok()?, room))
}
