//! Who is at the other end of a request.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::accounts::Origin;
use crate::http::AppState;

/// What a proxy says of the clients it speaks for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The other end of a request.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Where tries of this client are counted.
    pub origin: Origin,
    /// It is on this machine, and speaks for nobody else.
    pub is_local: bool,
}

impl Client {
    fn of(peer: Option<IpAddr>, proxy: Option<IpAddr>, headers: &HeaderMap) -> Self {
        let Some(peer) = peer.map(|peer| peer.to_canonical()) else {
            return Self { origin: Origin::Unknown, is_local: false };
        };
        let forwarded = headers.contains_key(FORWARDED_FOR) || headers.contains_key(header::FORWARDED);
        // The last entry is the one that our proxy wrote; those before it are what the client claims.
        let said = || {
            let last = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
            last.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
        };
        let address = if proxy == Some(peer) { said().unwrap_or(peer) } else { peer };
        Self { origin: address.into(), is_local: peer.is_loopback() && !forwarded }
    }
}

impl FromRequestParts<AppState> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        Ok(Self::of(peer, state.proxy, &parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, proxy: Option<&str>, forwarded: &[&str]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let proxy = proxy.map(|proxy| proxy.parse().unwrap());
        let client = Client::of(Some(peer.parse().unwrap()), proxy, &headers);
        (client.origin.to_string(), client.is_local)
    }

    #[test]
    fn only_our_own_proxy_is_believed_and_only_its_own_word() {
        assert_eq!(client("9.9.9.9", None, &["1.1.1.1"]), ("9.9.9.9".into(), false));
        assert_eq!(client("9.9.9.9", Some("8.8.8.8"), &["1.1.1.1"]), ("9.9.9.9".into(), false));
        let through = client("9.9.9.9", Some("9.9.9.9"), &["6.6.6.6, 1.1.1.1", "7.7.7.7, 2.2.2.2"]);
        assert_eq!(through, ("2.2.2.2".into(), false));
        assert_eq!(client("9.9.9.9", Some("9.9.9.9"), &["nonsense"]).0, "9.9.9.9");
    }

    #[test]
    fn a_proxy_on_this_machine_does_not_make_its_clients_local() {
        assert_eq!(client("127.0.0.1", None, &[]), ("127.0.0.1".into(), true));
        assert!(client("::1", None, &[]).1);
        assert!(!client("127.0.0.1", None, &["127.0.0.1"]).1);
        assert!(!client("127.0.0.1", Some("127.0.0.1"), &["::1"]).1);
    }
}
