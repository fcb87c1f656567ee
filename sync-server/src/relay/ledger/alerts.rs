//! Alerts: what a privacy officer must hear of.

use serde_json::json;
use sync_protocol::{OrganizationId, UnixMillis};

use crate::relay::Relay;
use crate::store::{AlertKind, AlertRecord, AlertsAfter, NewAlert, StoreError};

/// How often overdue receipts are looked for, in milliseconds.
const LOOK_EVERY_MS: i64 = 3_600_000;

impl Relay {
    /// Raises an alert for the privacy officers of its organization; the same one again is counted on it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn raise_alert(&mut self, alert: &NewAlert) -> Result<(), StoreError> {
        self.begin()?;
        self.store.raise_alert(alert)?;
        self.alerts_changed = true;
        Ok(())
    }

    /// Alerts of some organizations (`None`: of all), in order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn alerts(&self, of: Option<&[OrganizationId]>, which: AlertsAfter) -> Result<Vec<AlertRecord>, StoreError> {
        self.store.alerts(of, which)
    }

    /// An alert, by its number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn alert(&self, id: u64) -> Result<AlertRecord, StoreError> {
        self.store.alert(id)
    }

    /// Marks an alert as seen.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn alert_seen(&mut self, id: u64, by: &str, now: UnixMillis) -> Result<(), StoreError> {
        self.begin()?;
        self.store.alert_seen(id, by, now)?;
        self.alerts_changed = true;
        Ok(())
    }

    /// After a commit: shows how many alerts nobody has seen. A count and nothing else.
    pub(in crate::relay) fn count_alerts(&mut self) {
        if std::mem::take(&mut self.alerts_changed)
            && let Ok(unseen) = self.store.unseen_alerts()
        {
            self.metrics.unseen_alerts.set(unseen.cast_signed());
        }
    }

    /// Raises an alert for every device that has owed a receipt for too long, once for what it was told at a time: a device that
    /// is lost owes for ever. Looks once an hour.
    pub(in crate::relay) fn look_for_overdue(&mut self, now: UnixMillis) -> Result<(), StoreError> {
        if now < self.overdue_looked_at.plus(LOOK_EVERY_MS) {
            return Ok(());
        }
        self.overdue_looked_at = now;
        for owing in self.devices_owing(now)? {
            if now < owing.since.plus(self.settings.ledger.receipt_due_ms) {
                continue;
            }
            let about = format!("{} {}", owing.device, owing.since.0);
            if self.store.was_alerted(&owing.organization, AlertKind::OwedReceipt, &about)? {
                continue;
            }
            self.raise_alert(&NewAlert {
                organization: owing.organization,
                kind: AlertKind::OwedReceipt,
                about,
                at: now,
                device: Some(owing.device),
                practitioner: Some(owing.practitioner),
                detail: json!({ "since": owing.since, "documents": owing.documents }),
            })?;
        }
        Ok(())
    }
}
