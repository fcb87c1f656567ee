//! The device's own count of time: what the clock has gone forward since it was first looked at, in milliseconds.
//!
//! It never goes back. Setting the clock back loses only the moment of setting; from then on time counts again. Emergency
//! access and an ordered erasure end by it.

use sync_protocol::UnixMillis;

use crate::store::identity;
use crate::{Device, DeviceError};

/// How often the count is written down at least, in milliseconds.
const NOTE_EVERY_MS: i64 = 60_000;

/// The count as this process goes on with it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Elapsed {
    total: i64,
    /// The clock at the last look; none before the first.
    at: Option<UnixMillis>,
    noted: i64,
}

impl Elapsed {
    pub(crate) fn new(total: i64, at: Option<UnixMillis>) -> Self {
        Self { total, at, noted: total }
    }

    fn pass(&mut self, now: UnixMillis) -> i64 {
        let gone = self.at.map_or(0, |at| now.0.saturating_sub(at.0).max(0));
        self.at = Some(now);
        self.total = self.total.saturating_add(gone);
        self.total
    }
}

impl Device {
    /// The count at `now`.
    pub(crate) fn elapsed(&mut self, now: UnixMillis) -> i64 {
        let total = self.elapsed.pass(now);
        if total - self.elapsed.noted >= NOTE_EVERY_MS {
            // Where this cannot be written the count still goes on in memory.
            let _ = self.note_elapsed(now);
        }
        total
    }

    /// The count at `now`, written down: for what is to end after a restart too.
    pub(crate) fn note_elapsed(&mut self, now: UnixMillis) -> Result<i64, DeviceError> {
        let total = self.elapsed.pass(now);
        identity::note_elapsed(&self.db, total, now)?;
        self.elapsed.noted = total;
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_on_after_the_clock_was_set_back() {
        let mut elapsed = Elapsed::default();
        assert_eq!(elapsed.pass(UnixMillis(1_000)), 0);
        assert_eq!(elapsed.pass(UnixMillis(1_600)), 600);
        assert_eq!(elapsed.pass(UnixMillis(200)), 600);
        assert_eq!(elapsed.pass(UnixMillis(500)), 900);
    }
}
