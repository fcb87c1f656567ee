//! Listening for connections.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use tokio::net::TcpSocket;

use crate::server::ServerError;

/// Connections that may wait to be accepted; the system may allow fewer. After a restart every device comes at once: with a
/// short queue some of them would be answered by a reset and not by the relay.
const BACKLOG: u32 = 4_096;

/// Listens at an address, without blocking. Needs a tokio runtime.
///
/// # Errors
/// [`ServerError::PortInUse`], [`ServerError::Listen`].
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    try_bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => ServerError::PortInUse(address),
        _ => ServerError::Listen { address, error },
    })
}

fn try_bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // So that a relay can be started again at once. On Windows it would let two of them listen at one port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_crowd_of_connections_waits_for_its_turn() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let allowed: usize = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
        // Nobody accepts them yet. With the usual queue of 128, those beyond would not get in.
        let crowd = 600.min(allowed);
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_secs(20)).unwrap();
        let waiting: Vec<_> = (0..crowd).map(connect).collect();
        listener.set_nonblocking(false).unwrap();
        for _ in &waiting {
            listener.accept().unwrap();
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_said_to_be() {
        let taken = bind("127.0.0.1:0".parse().unwrap()).unwrap().local_addr().unwrap();
        let listening = bind(taken).unwrap();
        assert!(matches!(bind(listening.local_addr().unwrap()), Err(ServerError::PortInUse(_))));
    }
}
