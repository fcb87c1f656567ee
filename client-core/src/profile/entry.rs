//! What is known of a profile without its key.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sync_protocol::UnixMillis;

use super::{LONGEST_PIN, ProfileError, SHORTEST_PIN, UnsentSummary};

/// Fewest and most wrong PINs after which a profile may be set to be wiped.
const WIPE_AFTER: std::ops::RangeInclusive<u32> = 5..=50;
/// Idle time before locking, by default: five minutes.
const IDLE_LOCK_MS: i64 = 5 * 60 * 1000;

/// Names a profile of this device: 32 hexadecimal digits, random.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProfileId(String);

impl ProfileId {
    pub(super) fn new(bytes: [u8; 16]) -> Self {
        Self(hex::encode(bytes))
    }

    /// As text, fit for the name of a folder.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProfileId {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let is_id = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_id { Ok(Self(text.to_owned())) } else { Err(ProfileError::UnknownProfile) }
    }
}

impl std::fmt::Display for ProfileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a profile is guarded. Changed with its PIN alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileSettings {
    /// Wipe the profile after so many wrong PINs in a row, 5 to 50. None, the default: never; what was not sent is lost by it.
    pub wipe_after_wrong_pins: Option<u32>,
    /// After so long without use the app is to lock the profile, in milliseconds; see [`super::IdleLock`]. Five minutes by default.
    pub idle_lock_ms: i64,
    /// Least number of characters of a new PIN, 4 to 64. 4 by default.
    pub min_pin_length: u32,
}

impl Default for ProfileSettings {
    fn default() -> Self {
        Self { wipe_after_wrong_pins: None, idle_lock_ms: IDLE_LOCK_MS, min_pin_length: SHORTEST_PIN as u32 }
    }
}

impl ProfileSettings {
    pub(super) fn check(&self) -> Result<(), ProfileError> {
        if self.wipe_after_wrong_pins.is_some_and(|count| !WIPE_AFTER.contains(&count)) {
            return Err(ProfileError::Invalid("a profile is wiped after 5 to 50 wrong PINs, or never"));
        }
        if self.idle_lock_ms < 1_000 {
            return Err(ProfileError::Invalid("a profile is locked after one second without use at the earliest"));
        }
        match usize::try_from(self.min_pin_length) {
            Ok(SHORTEST_PIN..=LONGEST_PIN) => Ok(()),
            _ => Err(ProfileError::Invalid("the least length of a PIN is 4 to 64 characters")),
        }
    }
}

/// A profile as it shows itself while it is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileEntry {
    /// Which.
    pub id: ProfileId,
    /// What people call it.
    pub label: String,
    /// How it is guarded.
    pub settings: ProfileSettings,
    /// Whether it is enrolled with a relay.
    pub enrolled: bool,
    /// No PIN is tried before, by this device's clock; none if one is tried at once.
    pub locked_out_until: Option<UnixMillis>,
    /// Wrong PINs since the last right one.
    pub wrong_pins: u32,
    /// Everything of it was erased; only this entry is left.
    pub wiped: bool,
    /// What only this device has of it; of a wiped one, what was lost with it. None if the file that says so is missing or damaged.
    pub unsent: Option<UnsentSummary>,
    /// The file that keeps it from being opened, if one is damaged.
    pub damaged: Option<ProfileError>,
}
