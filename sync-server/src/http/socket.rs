//! One WebSocket: bytes between the device and the relay's thread.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use sync_protocol::SUBPROTOCOL;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::http::AppState;
use crate::relay::ConnectionId;

/// How often an idle connection is probed.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Silence after which the other side is taken for gone.
const SILENCE: Duration = Duration::from_secs(90);
/// How long one message may take to leave. A link that cannot is cut; the device resumes.
const SEND_WITHIN: Duration = Duration::from_secs(60);

/// Takes a device's connection, if it asks for our subprotocol.
pub async fn upgrade(State(state): State<AppState>, upgrade: WebSocketUpgrade) -> Response {
    let limit = state.max_frame_bytes;
    let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(limit).max_frame_size(limit);
    if upgrade.selected_protocol().is_none() {
        return (StatusCode::BAD_REQUEST, format!("ask for the subprotocol {SUBPROTOCOL}\n")).into_response();
    }
    upgrade.on_upgrade(move |socket| serve(state, socket))
}

async fn serve(state: AppState, socket: WebSocket) {
    let Ok((id, outgoing)) = state.service.connect().await else { return };
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
            incoming = timeout(SILENCE, stream.next()) => match incoming {
                Ok(Some(Ok(Message::Binary(bytes)))) => {
                    if state.service.received(id, bytes.to_vec()).is_err() {
                        return;
                    }
                    continue;
                }
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
                // Text is not of our protocol; a close, an error or silence ends it anyway.
                _ => return,
            },
        };
        let closing = matches!(message, Message::Close(_));
        if !matches!(timeout(SEND_WITHIN, sink.send(message)).await, Ok(Ok(()))) || closing {
            return;
        }
    }
}
