//! The lease: for how long charts may be used without the relay having been reached.

use sync_protocol::UnixMillis;

use crate::erasure::refuse_if_erased;
use crate::store::identity::{self, Lease};
use crate::{Device, DeviceError};

impl Device {
    /// Refuses once the lease has run out or an erasure was ordered; ends emergency access whose time is over.
    pub(crate) fn check_lease(&mut self, now: UnixMillis) -> Result<(), DeviceError> {
        self.elapsed(now);
        self.may_read(now)?;
        self.end_emergencies(now)?;
        Ok(())
    }

    /// Refuses once the lease has run out. A clock set back gains nothing: the device's own count goes on, see
    /// [`crate::elapsed`].
    pub(crate) fn may_read(&self, now: UnixMillis) -> Result<(), DeviceError> {
        self.enrolled_identity()?;
        refuse_if_erased(&self.db)?;
        let lease = identity::lease(&self.db)?;
        if self.lease_time(&lease, now) > lease.until {
            return Err(DeviceError::LeaseExpired { since: lease.until });
        }
        Ok(())
    }

    /// Milliseconds left; negative once it has run out.
    pub(crate) fn lease_remaining_ms(&self, now: UnixMillis) -> Result<i64, DeviceError> {
        let lease = identity::lease(&self.db)?;
        Ok(lease.until.0.saturating_sub(self.lease_time(&lease, now).0))
    }

    /// The time that the lease goes by: the clock, or what the count has reached where that is further.
    fn lease_time(&self, lease: &Lease, now: UnixMillis) -> UnixMillis {
        let since = self.elapsed.peek(now).saturating_sub(lease.counted);
        now.max(lease.latest_seen.plus(since.max(0)))
    }
}
