//! How long to wait before the next try: exponential, with full jitter.
//!
//! The wait before try n (from 0) is uniform in 0 ..= min([`MAX_DELAY_MS`], [`FIRST_DELAY_MS`] * 2^n).

use crate::random::Randomness;

/// Upper bound of the first wait, in milliseconds.
pub const FIRST_DELAY_MS: i64 = 500;
/// Upper bound of every wait, in milliseconds.
pub const MAX_DELAY_MS: i64 = 60_000;
/// Added where the same device connected elsewhere, in milliseconds: two processes must not throw each other out in turn.
pub const SUPERSEDED_DELAY_MS: i64 = 10_000;

#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next wait, in milliseconds.
    pub(super) fn next(&mut self, randomness: &mut dyn Randomness) -> i64 {
        let bound = (FIRST_DELAY_MS << self.tries.min(16)).min(MAX_DELAY_MS);
        self.tries += 1;
        let mut bytes = [0; 8];
        randomness.fill(&mut bytes);
        // The bound is tiny beside 2^64, so the remainder is as good as uniform.
        (u64::from_le_bytes(bytes) % (bound as u64 + 1)) as i64
    }

    /// Progress was made: begin anew.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_bound_and_stay_there() {
        let mut backoff = Backoff::default();
        // Fills so that the remainder shows the bound: u64::MAX % (bound + 1).
        let bounds = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
        for bound in bounds {
            let mut ones = |bytes: &mut [u8]| bytes.fill(0xFF);
            assert_eq!(backoff.next(&mut ones) as u64, u64::MAX % (bound + 1));
        }
        let mut zeros = |bytes: &mut [u8]| bytes.fill(0);
        assert_eq!(backoff.next(&mut zeros), 0);
    }

    #[test]
    fn progress_makes_waits_short_again() {
        let mut backoff = Backoff { tries: 9 };
        backoff.reset();
        let mut high = |bytes: &mut [u8]| bytes.fill(0xFF);
        assert!(backoff.next(&mut high) <= FIRST_DELAY_MS);
    }
}
