//! One WebSocket: bytes between the device and the relay's thread.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use sync_protocol::fragments;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::upgrade::{LastHeard, Socket};
use crate::accounts::Origin;
use crate::http::AppState;
use crate::http::client::Client;
use crate::relay::ConnectionId;

/// How often an idle connection is probed.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Silence after which the other side is taken for gone.
const SILENCE: Duration = Duration::from_secs(90);
/// How long one fragment may take to leave. A link that cannot is cut; the device resumes.
const SEND_WITHIN: Duration = Duration::from_secs(60);

/// Messages of one connection that the relay has not taken yet. The next one waits in the network.
const UNTAKEN: usize = 8;

/// Takes a device's connection, if it asks for our subprotocol.
pub async fn upgrade(State(state): State<AppState>, client: Client, request: Request) -> Response {
    let limit = state.max_frame_bytes;
    super::upgrade::upgrade(request, limit, move |socket, heard| serve(state, client.origin, socket, heard))
}

async fn serve(state: AppState, origin: Origin, socket: Socket, heard: LastHeard) {
    let Ok((id, outgoing)) = state.service.connect(origin).await else { return };
    carry(&state, id, socket, &heard, outgoing).await;
    state.service.disconnected(id);
}

/// Carries messages both ways until either side ends it.
async fn carry(
    state: &AppState,
    id: ConnectionId,
    socket: Socket,
    heard: &LastHeard,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
) {
    let (mut sink, mut stream) = socket.split();
    let room = Arc::new(Semaphore::new(UNTAKEN));
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.tick().await;
    loop {
        let sent = tokio::select! {
            bytes = outgoing.recv() => match bytes {
                Some(bytes) => send(&mut sink, bytes).await,
                None => {
                    // The relay has said its goodbye.
                    let _ = timeout(SEND_WITHIN, sink.send(Message::Close(None))).await;
                    return;
                }
            },
            _ = pings.tick() => feed(&mut sink, Message::Ping(Bytes::new())).await && flush(&mut sink).await,
            incoming = timeout_at(heard.at() + SILENCE, next(&mut stream, &room)) => match incoming {
                Ok(Some((Message::Binary(bytes), room))) => state.service.received_within(id, bytes.into(), room).is_ok(),
                Ok(Some((Message::Ping(_) | Message::Pong(_), _))) => true,
                // Text is not of our protocol; a close or an error ends it anyway.
                Ok(_) => false,
                // Or part of a message has come.
                Err(_) => heard.at() + SILENCE > Instant::now(),
            }
        };
        if !sent {
            return;
        }
    }
}

type Sink = SplitSink<Socket, Message>;

/// Sends a message in fragments. False if the link cannot.
async fn send(sink: &mut Sink, bytes: Vec<u8>) -> bool {
    let bytes = Bytes::from(bytes);
    for fragment in fragments(bytes.len()) {
        let kind = if fragment.first { Data::Binary } else { Data::Continue };
        let frame = Frame::message(bytes.slice(fragment.range), OpCode::Data(kind), fragment.last);
        if !feed(sink, Message::Frame(frame)).await {
            return false;
        }
    }
    flush(sink).await
}

async fn feed(sink: &mut Sink, message: Message) -> bool {
    matches!(timeout(SEND_WITHIN, sink.feed(message)).await, Ok(Ok(())))
}

async fn flush(sink: &mut Sink) -> bool {
    matches!(timeout(SEND_WITHIN, sink.flush()).await, Ok(Ok(())))
}

/// The next message, once the relay has room for it.
async fn next(stream: &mut SplitStream<Socket>, room: &Arc<Semaphore>) -> Option<(Message, OwnedSemaphorePermit)> {
    let room = room.clone().acquire_owned().await.ok()?;
    Some((stream.next().await?.ok()?, room))
}
