//! What the platform says of the network, and how a network that costs is used.

use super::Input;

/// How long a device stays disconnected on a metered network while it has nothing to send, in milliseconds.
pub const METERED_REST_MS: i64 = 15 * 60 * 1000;
/// How long work waits on a metered network for more to go with it, in milliseconds.
pub const METERED_GATHER_MS: i64 = 10_000;

/// What the platform says of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// There is none: nothing is tried.
    Offline,
    /// What goes over it costs. A round at a time: all that is to come and to go, then disconnected for [`METERED_REST_MS`].
    /// Work ends the rest after [`METERED_GATHER_MS`], a request for emergency access or a referral at once.
    Metered,
    /// Connected all the time.
    #[default]
    Online,
}

impl From<Network> for Input {
    fn from(network: Network) -> Self {
        match network {
            Network::Offline => Self::NetworkLost,
            Network::Metered => Self::NetworkMetered,
            Network::Online => Self::NetworkReturned,
        }
    }
}
