//! WebSockets for samod's transports, without TLS: one binary message for each of its messages.

use std::net::SocketAddr;

use futures::future::BoxFuture;
use futures::{FutureExt, SinkExt, StreamExt};
use samod::{DialError, Dialer, Transport, Url};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// Connects to one server.
pub struct SocketDialer(pub Url);

impl Dialer for SocketDialer {
    type Error = Error;

    fn url(&self) -> Url {
        self.0.clone()
    }

    fn connect(&self) -> BoxFuture<'static, Result<Transport, DialError<Error>>> {
        let url = self.0.clone();
        async move {
            let address = url.socket_addrs(|| None).ok().and_then(|found| found.first().copied());
            let address: SocketAddr = address.ok_or_else(|| DialError::PermanentFailure(Error::ConnectionClosed))?;
            let stream = TcpStream::connect(address).await.map_err(DialError::transient)?;
            stream.set_nodelay(true).map_err(DialError::transient)?;
            let (socket, _) = client_async(url.as_str(), stream).await.map_err(DialError::transient)?;
            Ok(transport(socket))
        }
        .boxed()
    }
}

/// What samod reads from and writes to.
pub fn transport<S>(socket: WebSocketStream<S>) -> Transport
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sink, stream) = socket.split();
    let stream = stream.filter_map(|message| async {
        match message {
            Ok(Message::Binary(bytes)) => Some(Ok(bytes.to_vec())),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }
    });
    let sink = sink.with(|bytes: Vec<u8>| async move { Ok::<_, Error>(Message::binary(bytes)) });
    Transport::new(Box::pin(stream), Box::pin(sink))
}
