//! How to reach a relay.

use std::path::PathBuf;
use std::time::Duration;

/// How to connect, and how long to be patient.
#[derive(Clone, Debug)]
pub struct DriverOptions {
    /// PEM file of authorities to trust besides the system's.
    pub authorities: Option<PathBuf>,
    /// Allow `ws://` to other machines. Everything can then be read on the way.
    pub allow_plain: bool,
    /// Longest time for name, TCP, TLS and WebSocket together.
    pub connect_timeout: Duration,
    /// A silent connection is asked for a sign of life this often.
    pub ping_every: Duration,
    /// After this long without a sign of life the connection is given up.
    pub dead_after: Duration,
    /// How long one sync may go without any frame of the relay.
    pub patience: Duration,
    /// How often edits by other processes on the same database are looked for.
    pub poll_every: Duration,
    /// How long nothing must have come before charts are worked out that nobody has opened yet.
    pub prepare_after: Duration,
    /// How long nothing must have come before the histories of long documents are put into their compact form.
    pub save_after: Duration,
}

impl Default for DriverOptions {
    fn default() -> Self {
        Self {
            authorities: None,
            allow_plain: false,
            connect_timeout: Duration::from_secs(15),
            ping_every: Duration::from_secs(20),
            dead_after: Duration::from_secs(50),
            patience: Duration::from_secs(60),
            poll_every: Duration::from_millis(200),
            prepare_after: Duration::from_secs(1),
            save_after: Duration::from_secs(10),
        }
    }
}
