//! How often one may try: a delay that grows with every failure. Time is passed in; memory is bounded.

use std::collections::HashMap;
use std::hash::Hash;

use sync_protocol::UnixMillis;

/// How fast the delay grows.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// Failures without a delay.
    pub free: u32,
    /// The delay after the first that is not free, in milliseconds; it doubles with each further one.
    pub first_ms: i64,
    /// The longest delay, in milliseconds.
    pub longest_ms: i64,
    /// After so long without a try everything is forgotten, in milliseconds.
    pub forget_ms: i64,
    /// Keys kept, at most. Beyond, the one that tried longest ago is forgotten.
    pub capacity: usize,
}

/// One must wait for so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts, try again in {} s", self.seconds())]
pub struct Wait(pub i64);

impl Wait {
    /// In whole seconds, at least one.
    #[must_use]
    pub fn seconds(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0).div_ceil(1_000).max(1)
    }
}

#[derive(Clone, Copy, Debug)]
struct Tries {
    failures: u32,
    last: UnixMillis,
}

/// Tries by whom they are counted for.
#[derive(Debug)]
pub struct Attempts<K> {
    delays: Delays,
    by: HashMap<K, Tries>,
}

impl<K: Hash + Eq + Clone> Attempts<K> {
    /// Nobody has tried yet.
    #[must_use]
    pub fn new(delays: Delays) -> Self {
        Self { delays, by: HashMap::new() }
    }

    /// Takes note of a try before its outcome is known: it counts as failed until it is said to have succeeded, so that
    /// many at the same time are counted, too. A try that must wait is not counted.
    ///
    /// # Errors
    /// [`Wait`].
    pub fn begin(&mut self, key: &K, now: UnixMillis) -> Result<(), Wait> {
        if let Some(wait) = self.wait(key, now) {
            return Err(wait);
        }
        self.make_room(key, now);
        let tries = self.by.entry(key.clone()).or_insert(Tries { failures: 0, last: now });
        tries.failures = tries.failures.saturating_add(1);
        tries.last = now;
        Ok(())
    }

    /// For how long `key` must wait, if at all.
    #[must_use]
    pub fn wait(&self, key: &K, now: UnixMillis) -> Option<Wait> {
        let tries = self.by.get(key).filter(|tries| !self.is_forgotten(tries, now))?;
        let beyond = tries.failures.checked_sub(self.delays.free)?;
        let delay = self.delays.first_ms.saturating_mul(1 << beyond.min(40)).min(self.delays.longest_ms);
        // A clock that was set back makes nobody wait longer than the delay.
        let left = tries.last.plus(delay).0.saturating_sub(now.0).min(delay);
        (left > 0).then_some(Wait(left))
    }

    /// Whether the delay has grown to its longest.
    #[must_use]
    pub fn is_locked(&self, key: &K, now: UnixMillis) -> bool {
        let longest = |tries: &Tries| {
            let beyond = tries.failures.saturating_sub(self.delays.free).min(40);
            self.delays.first_ms.saturating_mul(1 << beyond) >= self.delays.longest_ms
        };
        self.wait(key, now).is_some() && self.by.get(key).is_some_and(longest)
    }

    /// A try succeeded: everything before it is forgotten. Whether there was anything.
    pub fn clear(&mut self, key: &K) -> bool {
        self.by.remove(key).is_some()
    }

    /// A try succeeded that says nothing of the others: it alone is no failure.
    pub fn take_back(&mut self, key: &K) {
        if let Some(tries) = self.by.get_mut(key) {
            tries.failures = tries.failures.saturating_sub(1);
            if tries.failures == 0 {
                self.by.remove(key);
            }
        }
    }

    fn is_forgotten(&self, tries: &Tries, now: UnixMillis) -> bool {
        now.0.saturating_sub(tries.last.0) >= self.delays.forget_ms
    }

    fn make_room(&mut self, key: &K, now: UnixMillis) {
        if self.by.len() < self.delays.capacity || self.by.contains_key(key) {
            return;
        }
        let Delays { forget_ms, .. } = self.delays;
        self.by.retain(|_, tries| now.0.saturating_sub(tries.last.0) < forget_ms);
        if self.by.len() >= self.delays.capacity {
            let oldest = self.by.iter().min_by_key(|(_, tries)| tries.last).map(|(key, _)| key.clone());
            oldest.map(|key| self.by.remove(&key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAYS: Delays = Delays { free: 3, first_ms: 1_000, longest_ms: 10_000, forget_ms: 60_000, capacity: 100 };

    fn at(ms: i64) -> UnixMillis {
        UnixMillis(1_000_000 + ms)
    }

    #[test]
    fn the_delay_doubles_after_the_free_tries_up_to_the_longest() {
        let mut attempts = Attempts::new(DELAYS);
        let mut now = 0;
        let mut waited = Vec::new();
        for _ in 0..8 {
            attempts.begin(&"a", at(now)).unwrap();
            let wait = attempts.wait(&"a", at(now)).map_or(0, |wait| wait.0);
            assert_eq!(attempts.is_locked(&"a", at(now)), wait == 10_000);
            waited.push(wait);
            now += wait;
        }
        assert_eq!(waited, [0, 0, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    }

    #[test]
    fn a_try_that_must_wait_is_not_counted_and_another_key_need_not_wait() {
        let mut attempts = Attempts::new(DELAYS);
        (0..3).for_each(|_| attempts.begin(&"a", at(0)).unwrap());
        (0..50).for_each(|_| assert_eq!(attempts.begin(&"a", at(400)), Err(Wait(600))));
        assert_eq!(attempts.begin(&"b", at(400)), Ok(()));
        assert_eq!(attempts.begin(&"a", at(1_000)), Ok(()));
    }

    #[test]
    fn success_forgets_and_so_does_time() {
        let mut attempts = Attempts::new(DELAYS);
        (0..3).for_each(|_| attempts.begin(&"a", at(0)).unwrap());
        assert!(attempts.clear(&"a"));
        assert_eq!(attempts.wait(&"a", at(0)), None);
        (0..3).for_each(|_| attempts.begin(&"a", at(0)).unwrap());
        attempts.take_back(&"a");
        assert_eq!(attempts.wait(&"a", at(0)), None, "two failures are left");
        attempts.begin(&"a", at(0)).unwrap();
        assert!(attempts.wait(&"a", at(0)).is_some());
        assert_eq!(attempts.wait(&"a", at(60_000)), None);
    }

    #[test]
    fn a_clock_set_back_makes_nobody_wait_longer_than_the_delay() {
        let mut attempts = Attempts::new(DELAYS);
        (0..3).for_each(|_| attempts.begin(&"a", at(0)).unwrap());
        assert_eq!(attempts.wait(&"a", at(-900_000)), Some(Wait(1_000)));
    }

    #[test]
    fn a_flood_of_keys_takes_bounded_memory_and_the_newest_are_remembered() {
        let mut attempts = Attempts::new(DELAYS);
        for key in 0..10_000 {
            (0..3).for_each(|_| attempts.begin(&key, at(key)).unwrap());
            assert!(attempts.by.len() <= DELAYS.capacity);
        }
        assert!(attempts.wait(&9_999, at(9_999)).is_some());
        assert!(attempts.wait(&9_901, at(9_999)).is_some());
        assert_eq!(attempts.wait(&1, at(9_999)), None);
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds() {
        assert_eq!([Wait(1), Wait(1_000), Wait(1_001)].map(Wait::seconds), [1, 1, 2]);
        assert_eq!(Wait(1_500).to_string(), "too many attempts, try again in 2 s");
    }
}
