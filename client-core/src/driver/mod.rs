//! The native driver: gives the sync engine sockets, timers and the system's clock.
//!
//! Everything that decides is in [`crate::sync`]; here bytes are moved and time passes.

mod address;
mod connect;
mod engine_loop;
mod enroll;
mod heard;
mod once;
mod options;
mod quiet_work;
mod run;
mod shared;
mod tls;
mod wire;

pub use enroll::enroll;
pub use once::{SyncReport, sync_once, sync_within};
pub use options::DriverOptions;
pub use run::{run, run_with_network};
pub use shared::SharedDevice;

use std::time::{SystemTime, UNIX_EPOCH};

use sync_protocol::UnixMillis;

/// The system's clock.
#[must_use]
pub fn system_time() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
