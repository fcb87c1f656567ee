//! The lease: for how long charts may be used without the relay having been reached.

use sync_protocol::UnixMillis;

use crate::store::identity;
use crate::{Device, DeviceError};

/// How often the newest time seen is written down by reading alone, in milliseconds.
const NOTE_EVERY_MS: i64 = 60_000;

impl Device {
    /// Refuses once the lease has run out. Time never counts backwards: a clock set back gains nothing.
    pub(crate) fn check_lease(&self, now: UnixMillis) -> Result<(), DeviceError> {
        let lease = identity::lease(&self.db)?;
        let latest = now.max(lease.latest_seen);
        if latest > lease.until {
            return Err(DeviceError::LeaseExpired { since: lease.until });
        }
        if now.0 > lease.latest_seen.0.saturating_add(NOTE_EVERY_MS) {
            // Where this cannot be written, reading still must work; edits note it in their own transaction.
            let _ = identity::saw(&self.db, now);
        }
        Ok(())
    }

    /// Milliseconds left; negative once it has run out.
    pub(crate) fn lease_remaining_ms(&self, now: UnixMillis) -> Result<i64, DeviceError> {
        let lease = identity::lease(&self.db)?;
        Ok(lease.until.0.saturating_sub(now.max(lease.latest_seen).0))
    }
}
