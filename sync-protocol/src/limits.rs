//! Bounds that both sides keep, checked before anything is allocated.

use serde::{Deserialize, Serialize};

/// Largest change one frame may carry, in bytes. The relay rejects more.
pub const MAX_CHANGE_BYTES: usize = 256 * 1024;
/// Largest frame, in bytes. A larger one ends the connection.
pub const MAX_FRAME_BYTES: usize = 2 * 1024 * 1024;
/// Largest body of a frame after decompression, in bytes.
pub const MAX_UNPACKED_BYTES: usize = 4 * 1024 * 1024;
/// Body size at which a sender closes a batch or push and starts the next, in bytes before compression.
pub const TARGET_UNPACKED_BYTES: usize = 512 * 1024;
/// Changes in one push.
pub const MAX_CHANGES_PER_PUSH: usize = 4096;
/// Batches that may be on their way to a device without its ack.
pub const BATCH_WINDOW: u32 = 4;
/// Pushes that may be on their way to the relay without its answer.
pub const PUSH_WINDOW: u32 = 4;
/// Documents in one push or batch, at most; far beyond what fits the target size.
pub const MAX_DOCUMENTS_PER_BODY: usize = 16 * 1024;
/// Dictionaries that a device may name.
pub const MAX_DICTIONARIES: usize = 16;
/// Length of an enrolment code's text, at most.
pub const MAX_CODE_CHARS: usize = 64;

/// The bounds a relay keeps, told in its welcome. A device keeps to the smaller of these and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// See [`MAX_FRAME_BYTES`].
    pub frame_bytes: u32,
    /// See [`MAX_CHANGE_BYTES`].
    pub change_bytes: u32,
    /// See [`BATCH_WINDOW`].
    pub batch_window: u32,
    /// See [`PUSH_WINDOW`].
    pub push_window: u32,
}

impl Limits {
    /// Whether nothing needs to be said of them.
    pub(crate) fn are_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: MAX_FRAME_BYTES as u32,
            change_bytes: MAX_CHANGE_BYTES as u32,
            batch_window: BATCH_WINDOW,
            push_window: PUSH_WINDOW,
        }
    }
}
