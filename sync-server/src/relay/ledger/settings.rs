//! What an administrator may set about custody, receipts and emergency access.

/// Bounds and deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// Changes of one device that may wait in custody for a decision, at most.
    pub custody_changes: u64,
    /// Their size in bytes, at most.
    pub custody_bytes: u64,
    /// How long a device may owe a receipt before the privacy officers are alerted, in milliseconds.
    pub receipt_due_ms: i64,
    /// Requests for emergency access that a device may make in a minute, at most.
    pub break_glass_per_minute: u32,
}

/// What a device that is to be erased may fill custody with, as a multiple: what it cannot send is lost with it.
pub(in crate::relay) const ROOM_FOR_ERASING: u64 = 4;

impl Default for LedgerSettings {
    fn default() -> Self {
        Self {
            custody_changes: 10_000,
            custody_bytes: 64 * 1024 * 1024,
            receipt_due_ms: 7 * 24 * 3_600_000,
            break_glass_per_minute: 10,
        }
    }
}
