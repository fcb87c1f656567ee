//! Reads a relay's address and decides whether it may be used.

use std::net::IpAddr;

use tokio_tungstenite::tungstenite::http::Uri;

use crate::ConnectionError;

/// Where a relay listens for devices, when its address names no path.
const SYNC_PATH: &str = "/sync";

/// A checked address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    /// The whole, with the path.
    pub(super) uri: String,
}

impl Address {
    /// # Errors
    /// [`ConnectionError::WrongAddress`], [`ConnectionError::PlainNotAllowed`].
    pub(super) fn read(text: &str, allow_plain: bool) -> Result<Self, ConnectionError> {
        let wrong = || ConnectionError::WrongAddress;
        let uri: Uri = text.trim().parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            _ => return Err(wrong()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !tls && !allow_plain && !is_loopback(&host) {
            return Err(ConnectionError::PlainNotAllowed);
        }
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let authority = uri.authority().ok_or_else(wrong)?;
        let path = match uri.path_and_query().map_or("/", |path| path.as_str()) {
            "/" | "" => SYNC_PATH,
            path => path,
        };
        let uri = format!("{}://{authority}{path}", if tls { "wss" } else { "ws" });
        Ok(Self { host, port, tls, uri })
    }

    /// For messages.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_port_and_path_gets_the_usual_ones() {
        let address = Address::read("wss://relay.example.org", false).unwrap();
        assert_eq!((address.port, address.tls), (443, true));
        assert_eq!(address.uri, "wss://relay.example.org/sync");
        let address = Address::read("ws://[::1]:9/other", false).unwrap();
        assert_eq!((address.host.as_str(), address.port, address.uri.as_str()), ("::1", 9, "ws://[::1]:9/other"));
    }

    #[test]
    fn other_schemes_and_nonsense_are_wrong_addresses() {
        for text in ["", "relay", "http://relay", "wss://", "ws:///sync"] {
            assert_eq!(Address::read(text, true), Err(ConnectionError::WrongAddress), "{text}");
        }
    }

    #[test]
    fn plain_addresses_are_for_this_machine_unless_allowed() {
        assert_eq!(Address::read("ws://relay.example.org", false), Err(ConnectionError::PlainNotAllowed));
        assert_eq!(Address::read("ws://10.0.0.1:80", false), Err(ConnectionError::PlainNotAllowed));
        assert!(Address::read("ws://relay.example.org", true).is_ok());
        assert!(Address::read("ws://localhost:8080", false).is_ok());
        assert!(Address::read("ws://127.0.0.9", false).is_ok());
    }
}
