//! What support may be sent: numbers and causes, no patient content, no ids of patients.

use serde_json::json;

use crate::handles::Handle;
use crate::types::Json;
use crate::{SatchelDevice, SatchelError, Status};

/// The version of this library.
#[uniffi::export]
pub fn satchel_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Devices, live queries and sessions that an app holds and has not let go of: to find those it forgot.
#[uniffi::export]
pub fn live_objects() -> u64 {
    Handle::live()
}

#[uniffi::export]
impl SatchelDevice {
    /// The state of the profile as JSON, fit to be sent to support: versions, counts, sizes, causes. Works past the lease.
    pub fn diagnostics(&self) -> Result<Json, SatchelError> {
        self.with(|device, now| {
            let damaged = device.damaged_file().map(|file| file.problem.clone());
            let quarantine: Vec<String> = device.quarantined()?.into_iter().map(|one| one.reason).collect();
            let trail_broken = device.verify_trail()?;
            let status = Status::from(device.status(now)?);
            Ok(json!({
                "version": satchel_version(),
                "damagedFile": damaged,
                "quarantine": quarantine,
                "trailBrokenAt": trail_broken,
                "connection": format!("{:?}", status.connection),
                "upToDate": status.up_to_date,
                "diverged": status.diverged,
                "unsent": status.unsent,
                "held": status.held,
                "keptAside": status.kept_aside,
                "drafts": status.drafts,
                "trailUnsent": status.trail_unsent,
                "receiptsOwed": status.receipts_owed,
                "documents": status.documents,
                "patients": status.patients,
                "lastSyncedMs": status.last_synced.map(|at| at.0),
                "leaseRemainingMs": status.lease_remaining_ms,
                "clockSkewMs": status.clock_skew_ms,
            }))
        })
    }
}
