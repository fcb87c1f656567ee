//! The lease: for how long charts may be used without the relay having been reached.

use sync_protocol::UnixMillis;

use crate::erasure::refuse_if_erased;
use crate::store::identity;
use crate::{Device, DeviceError};

/// How often the newest time seen is written down by reading alone, in milliseconds.
const NOTE_EVERY_MS: i64 = 60_000;

impl Device {
    /// Refuses once the lease has run out or an erasure was ordered; ends emergency access whose time is over.
    pub(crate) fn check_lease(&mut self, now: UnixMillis) -> Result<(), DeviceError> {
        self.may_read(now)?;
        self.end_emergencies(now)?;
        Ok(())
    }

    /// Refuses once the lease has run out. Time never counts backwards: a clock set back gains nothing.
    pub(crate) fn may_read(&self, now: UnixMillis) -> Result<(), DeviceError> {
        self.enrolled_identity()?;
        refuse_if_erased(&self.db)?;
        let lease = identity::lease(&self.db)?;
        let latest = now.max(lease.latest_seen);
        if latest > lease.until {
            return Err(DeviceError::LeaseExpired { since: lease.until });
        }
        if now.0 > lease.latest_seen.0.saturating_add(NOTE_EVERY_MS) {
            // What must be on disk before anything is given out is the trail; that refuses where this fails.
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
