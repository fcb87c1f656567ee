//! What is measured of every engine alike: the rows that have a figure in more than one column.

use serde::Serialize;

use crate::table::Unit;

/// One figure that every engine can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    FirstSync,
    FirstSyncBytes,
    UnchangedBytes,
    ChangedBytes,
    ChangedTime,
    Upload,
    UploadBytes,
    Lost,
    AToBHalf,
    AToBTail,
    FanOutWire,
    FanOut,
    Memory,
    SlowUnchanged,
    SlowChanged,
    LargeFirstSync,
    LargeMemory,
}

impl Measure {
    /// All, in the order of the table.
    pub const ALL: [Self; 17] = [
        Self::FirstSync,
        Self::FirstSyncBytes,
        Self::UnchangedBytes,
        Self::ChangedBytes,
        Self::ChangedTime,
        Self::Upload,
        Self::UploadBytes,
        Self::Lost,
        Self::AToBHalf,
        Self::AToBTail,
        Self::FanOutWire,
        Self::FanOut,
        Self::Memory,
        Self::SlowUnchanged,
        Self::SlowChanged,
        Self::LargeFirstSync,
        Self::LargeMemory,
    ];

    /// What its figures count. Of all of them less is better.
    pub fn unit(self) -> Unit {
        match self {
            Self::FirstSyncBytes | Self::UnchangedBytes | Self::ChangedBytes | Self::UploadBytes => Unit::Bytes,
            Self::Memory | Self::LargeMemory => Unit::Bytes,
            Self::Lost => Unit::Count,
            _ => Unit::Seconds,
        }
    }

    /// In a few words, for the plot.
    pub fn title(self) -> &'static str {
        match self {
            Self::FirstSync => "First sync",
            Self::FirstSyncBytes => "First sync, bytes down",
            Self::UnchangedBytes => "Reconnect, nothing changed, bytes",
            Self::ChangedBytes => "Reconnect, 100 changed, bytes",
            Self::ChangedTime => "Reconnect, 100 changed, time",
            Self::Upload => "1,000 offline edits uploaded",
            Self::UploadBytes => "1,000 offline edits, bytes",
            Self::Lost => "Acknowledged edits lost at SIGKILL",
            Self::AToBHalf => "A to B, p50",
            Self::AToBTail => "A to B, p99",
            Self::FanOutWire => "Fan-out to 200, at the socket",
            Self::FanOut => "Fan-out to 200, applied",
            Self::Memory => "Server memory, charts held",
            Self::SlowUnchanged => "Slow link, nothing changed",
            Self::SlowChanged => "Slow link, 100 changed",
            Self::LargeFirstSync => "First sync of 10,000 charts",
            Self::LargeMemory => "Server memory, 10,000 charts",
        }
    }
}
