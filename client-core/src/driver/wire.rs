//! One open socket: a task that writes, so that a slow relay never keeps this side from reading, and a half that reads.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use sync_protocol::fragments;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};

use super::connect::Socket;
use super::heard::Ear;
use crate::ConnectionError;

/// How long closing politely may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// An open connection. Dropping it closes it, after what was sent before.
pub(super) struct Wire {
    out: mpsc::UnboundedSender<Message>,
    incoming: SplitStream<Socket>,
    writer: Option<tokio::task::JoinHandle<()>>,
    ear: Ear,
    last_ping: Instant,
}

impl Wire {
    pub(super) fn new(socket: Socket) -> Self {
        let ear = socket.get_ref().ear();
        let (sink, incoming) = socket.split();
        // The windows of the protocol bound what waits here.
        let (out, queue) = mpsc::unbounded_channel();
        let writer = Some(tokio::spawn(write(sink, queue)));
        Self { out, incoming, writer, ear, last_ping: Instant::now() }
    }

    pub(super) fn send(&self, bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        for fragment in fragments(bytes.len()) {
            let kind = if fragment.first { Data::Binary } else { Data::Continue };
            let frame = Frame::message(bytes.slice(fragment.range), OpCode::Data(kind), fragment.last);
            // A writer that has ended shows at the reading half.
            let _ = self.out.send(Message::Frame(frame));
        }
    }

    /// Asks for a sign of life.
    pub(super) fn ping(&mut self) {
        self.last_ping = Instant::now();
        let _ = self.out.send(Message::Ping(Vec::new().into()));
    }

    /// Since when there has been neither a sign of life nor a question for one.
    pub(super) fn quiet_since(&self) -> Instant {
        self.ear.came().last.max(self.last_ping)
    }

    /// How long ago the last sign of life came.
    pub(super) fn silent_for(&self) -> Duration {
        self.ear.came().last.elapsed()
    }

    /// Bytes that have come.
    pub(super) fn bytes_heard(&self) -> u64 {
        self.ear.came().bytes
    }

    /// The next binary message. Safe to abandon and call again.
    pub(super) async fn receive(&mut self) -> Result<Vec<u8>, ConnectionError> {
        loop {
            match self.incoming.next().await {
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Text(_))) => return Err(lost("it sent text, which no relay does")),
                Some(Ok(Message::Close(_))) | None => return Err(lost("the relay closed it")),
                Some(Err(error)) => return Err(broken(&error)),
            }
        }
    }

    /// Sends what waits and closes.
    pub(super) async fn close(mut self) {
        let writer = self.writer.take();
        // Ends the writer once its queue is empty.
        drop(self);
        if let Some(writer) = writer {
            let _ = timeout(CLOSE_PATIENCE, writer).await;
        }
    }
}

async fn write(mut sink: SplitSink<Socket, Message>, mut queue: mpsc::UnboundedReceiver<Message>) {
    while let Some(message) = queue.recv().await {
        if sink.feed(message).await.is_err() {
            return;
        }
        while let Ok(message) = queue.try_recv() {
            if sink.feed(message).await.is_err() {
                return;
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
    let _ = timeout(CLOSE_PATIENCE, sink.close()).await;
}

fn broken(error: &tungstenite::Error) -> ConnectionError {
    match error {
        tungstenite::Error::Io(error) => lost(&error.kind().to_string()),
        tungstenite::Error::Capacity(_) => lost("the relay sent a message beyond the limit"),
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => lost("the relay closed it"),
        _ => lost("the relay broke it off"),
    }
}

pub(super) fn lost(detail: &str) -> ConnectionError {
    ConnectionError::Lost { detail: detail.to_owned() }
}
