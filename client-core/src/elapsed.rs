//! The device's own count of time: what the clock has gone forward since it was first looked at, in milliseconds.
//!
//! It never goes back. Setting the clock back loses only the moment of setting; from then on time counts again. Emergency
//! access, an ordered erasure and the lease end by it. It is written down whenever a profile is opened and the clock was found set
//! back, so that it goes on through processes that live for seconds. Who sets the clock back before each of them stops it.

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
        self.total = self.peek(now);
        self.at = Some(now);
        self.total
    }

    /// The count at `now`, without going on to it.
    pub(crate) fn peek(&self, now: UnixMillis) -> i64 {
        let gone = self.at.map_or(0, |at| now.0.saturating_sub(at.0).max(0));
        self.total.saturating_add(gone)
    }

    /// The clock at the last look.
    pub(crate) fn last_look(&self) -> Option<UnixMillis> {
        self.at
    }

    fn is_set_back(&self, now: UnixMillis) -> bool {
        self.at.is_some_and(|at| now < at)
    }
}

impl Device {
    /// The count at `now`.
    pub(crate) fn elapsed(&mut self, now: UnixMillis) -> i64 {
        // From a clock that was set back the next process is to count on, however soon this one ends.
        let set_back = self.elapsed.is_set_back(now);
        let total = self.elapsed.pass(now);
        if set_back || total - self.elapsed.noted >= NOTE_EVERY_MS {
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
