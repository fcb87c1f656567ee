//! Notes when bytes come and how many: part of a large message over a slow link is a sign of life long before it is whole.

use std::io::Result as IoResult;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What has come over a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    /// When bytes last came, or the connection was opened.
    pub(super) last: Instant,
    /// How many in all.
    pub(super) bytes: u64,
}

/// What has come, for whoever watches.
#[derive(Clone)]
pub(super) struct Ear(Arc<Mutex<Came>>);

impl Ear {
    pub(super) fn came(&self) -> Came {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that notes what comes.
pub(super) struct Heard<S> {
    stream: S,
    ear: Ear,
}

impl<S> Heard<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, ear: Ear(Arc::new(Mutex::new(Came { last: Instant::now(), bytes: 0 }))) }
    }

    pub(super) fn ear(&self) -> Ear {
        self.ear.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<IoResult<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        let came = into.filled().len() - before;
        if came > 0 {
            let mut noted = self.ear.0.lock().unwrap_or_else(PoisonError::into_inner);
            *noted = Came { last: Instant::now(), bytes: noted.bytes + came as u64 };
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
