//! `profile.attempts`: wrong PINs. Each is counted on disk before it is tried, so that cutting the power gives no free guesses.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sync_protocol::UnixMillis;

use super::ProfileError;
use crate::durable;

/// Name of the file.
const FILE: &str = "profile.attempts";
/// Wrong PINs that cost no wait.
const FREE: u32 = 3;
/// The wait after the first one that does, in milliseconds. It doubles with each.
const FIRST_WAIT_MS: i64 = 30_000;
/// The longest wait, in milliseconds.
const LONGEST_WAIT_MS: i64 = 60 * 60 * 1000;

/// What the file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempts {
    /// Since the last right PIN.
    pub(super) wrong: u32,
    /// For how long no PIN is tried, counted from `at`, in milliseconds.
    wait_ms: i64,
    /// The clock when this was written.
    at: UnixMillis,
}

impl Attempts {
    /// As they are on disk. A file that is missing or damaged counts as the longest wait from `now` on.
    pub(super) fn load(folder: &Path, now: UnixMillis) -> Self {
        peek(folder).unwrap_or(Self { wrong: 0, wait_ms: LONGEST_WAIT_MS, at: now })
    }

    /// As they are on disk; none if the file is missing or damaged.
    pub(super) fn on_disk(folder: &Path) -> Option<Self> {
        peek(folder)
    }

    /// No PIN is tried before, by the clock; none if one is tried at once.
    pub(super) fn locked_out_until(&self) -> Option<UnixMillis> {
        (self.wait_ms > 0).then(|| self.at.plus(self.wait_ms))
    }

    /// # Errors
    /// [`ProfileError::LockedOut`] while the wait is not over. A clock that was set back does not shorten it: it begins anew.
    pub(super) fn refuse_while_waiting(mut self, folder: &Path, now: UnixMillis) -> Result<Self, ProfileError> {
        if self.wait_ms <= 0 {
            return Ok(self);
        }
        if now < self.at || peek(folder).is_none() {
            self.at = now;
            self.write(folder)?;
        }
        match self.at.plus(self.wait_ms) {
            until if now < until => Err(ProfileError::LockedOut { until, wait_ms: until.0 - now.0 }),
            _ => Ok(self),
        }
    }

    /// Counts a PIN that is about to be tried as wrong, on disk.
    pub(super) fn count(self, folder: &Path, now: UnixMillis) -> Result<Self, ProfileError> {
        let wrong = self.wrong.saturating_add(1);
        let counted = Self { wrong, wait_ms: wait_after(wrong), at: now };
        counted.write(folder)?;
        Ok(counted)
    }

    /// It was the right one.
    pub(super) fn clear(folder: &Path, now: UnixMillis) -> Result<(), ProfileError> {
        Self { at: now, ..Self::default() }.write(folder)
    }

    /// How long the next try has to wait, in milliseconds.
    pub(super) fn wait_ms(&self) -> i64 {
        self.wait_ms
    }

    fn write(&self, folder: &Path) -> Result<(), ProfileError> {
        let failed = ProfileError::files("counting a try of a PIN");
        let bytes = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        durable::replace(&path(folder), &bytes).map_err(failed)
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

fn peek(folder: &Path) -> Option<Attempts> {
    serde_json::from_slice(&std::fs::read(path(folder)).ok()?).ok()
}

fn wait_after(wrong: u32) -> i64 {
    match wrong.checked_sub(FREE + 1) {
        None => 0,
        // Twelve doublings are more than the longest wait.
        Some(doublings) => (FIRST_WAIT_MS << doublings.min(12)).min(LONGEST_WAIT_MS),
    }
}

/// Removes the file.
pub(super) fn remove(folder: &Path) -> std::io::Result<()> {
    durable::destroy(&path(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    #[test]
    fn the_wait_doubles_from_half_a_minute_to_an_hour() {
        let seconds: Vec<i64> = (1..=13).map(|wrong| wait_after(wrong) / 1_000).collect();
        assert_eq!(seconds, [0, 0, 0, 30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
    }

    fn waiting(folder: &Path) -> Attempts {
        let mut attempts = Attempts::default();
        for _ in 0..4 {
            attempts = attempts.count(folder, NOW).unwrap();
        }
        attempts
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_shorten_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        waiting(folder.path());
        let refused = |now: i64| {
            let now = UnixMillis(now);
            Attempts::load(folder.path(), now).refuse_while_waiting(folder.path(), now)
        };
        let locked = |until: i64, wait_ms: i64| Err(ProfileError::LockedOut { until: UnixMillis(until), wait_ms });
        assert_eq!(refused(1_029_999), locked(1_030_000, 1));
        assert_eq!(refused(5_000), locked(35_000, 30_000));
        assert_eq!(refused(34_000), locked(35_000, 1_000));
        assert!(refused(35_000).is_ok());
    }

    #[test]
    fn a_damaged_or_missing_file_means_the_longest_wait_once() {
        let folder = tempfile::tempdir().unwrap();
        let refuse = |now: UnixMillis| Attempts::load(folder.path(), now).refuse_while_waiting(folder.path(), now);
        for damage in
            [|path: &Path| std::fs::write(path, "{").unwrap(), |path: &Path| std::fs::remove_file(path).unwrap()]
        {
            waiting(folder.path());
            damage(&path(folder.path()));
            assert!(matches!(refuse(NOW), Err(ProfileError::LockedOut { wait_ms: LONGEST_WAIT_MS, .. })));
            assert!(matches!(refuse(NOW.plus(1_000)), Err(ProfileError::LockedOut { wait_ms: 3_599_000, .. })));
            assert!(refuse(NOW.plus(LONGEST_WAIT_MS)).is_ok());
        }
    }
}
