//! Why a profile was not opened, made or changed.

use std::path::{Path, PathBuf};

use sync_protocol::UnixMillis;

use super::UnsentSummary;
use crate::DeviceError;

/// See the module. Carries counts, times and names of files; never a PIN, a key or content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Not the PIN of this profile.
    #[error("wrong PIN{}{}", left(*remaining_before_wipe), wait(*wait_ms))]
    WrongPin {
        /// After so many more the profile is wiped; none if it never is.
        remaining_before_wipe: Option<u32>,
        /// For so long no PIN is tried, in milliseconds; 0 for the first few.
        wait_ms: i64,
    },
    /// Too many wrong PINs lately. Nothing was tried.
    #[error("too many wrong PINs{}", wait(*wait_ms))]
    LockedOut {
        /// Until when, by this device's clock.
        until: UnixMillis,
        /// For how long from now, in milliseconds.
        wait_ms: i64,
    },
    /// The platform's secret is another than the one this profile was made with. No PIN was tried.
    #[error("the platform's secret is not the one that this profile was made with; no PIN was tried")]
    WrongSecret,
    /// The profile was wiped: after too many wrong PINs, or on its organization's order.
    #[error("this profile was wiped; what had not been sent is lost")]
    Wiped,
    /// There is no such profile on this device.
    #[error("there is no such profile on this device")]
    UnknownProfile,
    /// The PIN is too short, too long or among the first to be guessed.
    #[error("not a PIN to be used: {why}; {shortest} to {longest} characters")]
    WeakPin {
        /// What is wrong with it.
        why: &'static str,
        /// Least number of characters.
        shortest: usize,
        /// Greatest number of characters.
        longest: usize,
    },
    /// The profile holds work that only this device has.
    #[error("the profile holds what only this device has: {0}; sync first")]
    UnsentWork(UnsentSummary),
    /// A file is damaged or does not belong here. Nothing was changed.
    #[error("{} cannot be used: {problem}. Nothing was changed", file.display())]
    Damaged {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What was given is not what it should be; says what it should be.
    #[error("{0}")]
    Invalid(&'static str),
    /// The profile is unlocked, or would be, and the device ran into something.
    #[error("{0}")]
    Device(#[from] DeviceError),
}

impl ProfileError {
    pub(super) fn files(doing: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |error| Self::Device(DeviceError::files(doing, &error))
    }

    pub(super) fn damaged(file: &Path, problem: &'static str) -> Self {
        Self::Damaged { file: file.to_owned(), problem }
    }
}

fn left(wrong_pins: Option<u32>) -> String {
    wrong_pins.map(|left| format!("; the profile is wiped after {left} more")).unwrap_or_default()
}

fn wait(ms: i64) -> String {
    match ms {
        ..=0 => String::new(),
        ms => format!("; wait {} seconds", (ms + 999) / 1000),
    }
}
