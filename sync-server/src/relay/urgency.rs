//! In which order documents are delivered to a device that has none of them.

use std::collections::HashMap;

use roaring::RoaringBitmap;
use sync_protocol::{DeviceId, OrganizationId};

use super::Relay;
use crate::store::{Position, StoreError};

/// Rows at the end of the log that tell what was worked on last.
const LAST_ROWS: u64 = 20_000;
/// Documents from which on it matters which come first.
const WORTH_ORDERING: u64 = 100;

impl Relay {
    /// Orders documents for somebody at an organization: see [`crate::access::Gate::in_order_of_urgency`].
    pub(super) fn in_order_of_urgency(
        &self,
        wanted: &RoaringBitmap,
        organization: &OrganizationId,
    ) -> Result<Vec<u32>, StoreError> {
        let recent = if wanted.len() < WORTH_ORDERING { Vec::new() } else { self.changed_last(organization)? };
        Ok(self.gate.in_order_of_urgency(wanted, &recent))
    }

    /// The documents changed last, newest first: before all others those that devices of the organization changed.
    fn changed_last(&self, organization: &OrganizationId) -> Result<Vec<u32>, StoreError> {
        let from = Position(self.head.0.saturating_sub(LAST_ROWS));
        let devices: HashMap<DeviceId, bool> = self
            .store
            .devices()?
            .into_iter()
            .map(|device| (device.id(), device.certificate.body.organization == *organization))
            .collect();
        let rows = self.store.log_after(from, LAST_ROWS as usize)?;
        let newest_first = rows.into_iter().rev().map(|(_, document, origin)| (document, origin));
        let (mut ours, others): (Vec<_>, Vec<_>) =
            newest_first.partition(|(_, origin)| devices.get(origin).copied().unwrap_or_default());
        ours.extend(others);
        Ok(ours.into_iter().map(|(document, _)| document).collect())
    }
}
