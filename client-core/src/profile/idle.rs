//! When a profile that nobody uses is to be locked.

use sync_protocol::UnixMillis;

/// Counts the time without use. The caller looks every few seconds, and locks the profile when it is due.
///
/// A clock that is set back counts as no time passed between two looks; from then on time counts again.
#[derive(Clone, Debug)]
pub struct IdleLock {
    idle_ms: i64,
    unused_ms: i64,
    at: UnixMillis,
}

impl IdleLock {
    /// Due after `idle_ms` milliseconds without use.
    #[must_use]
    pub fn new(idle_ms: i64, now: UnixMillis) -> Self {
        Self { idle_ms, unused_ms: 0, at: now }
    }

    /// The profile is being used.
    pub fn touch(&mut self, now: UnixMillis) {
        self.unused_ms = 0;
        self.at = now;
    }

    /// Whether it is to be locked.
    pub fn is_due(&mut self, now: UnixMillis) -> bool {
        self.unused_ms = self.unused_ms.saturating_add(now.0.saturating_sub(self.at.0).max(0));
        self.at = now;
        self.unused_ms >= self.idle_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_after_the_time_without_use() {
        let mut lock = IdleLock::new(100, UnixMillis(0));
        assert!(!lock.is_due(UnixMillis(99)));
        lock.touch(UnixMillis(99));
        assert!(!lock.is_due(UnixMillis(198)));
        assert!(lock.is_due(UnixMillis(199)));
    }

    #[test]
    fn setting_the_clock_back_puts_it_off_no_longer_than_between_two_looks() {
        let mut lock = IdleLock::new(100, UnixMillis(1_000));
        assert!(!lock.is_due(UnixMillis(1_060)));
        assert!(!lock.is_due(UnixMillis(10)));
        assert!(!lock.is_due(UnixMillis(49)));
        assert!(lock.is_due(UnixMillis(50)));
    }
}
