//! Charts opened in an emergency: who asked, what was answered, when it ends.

use serde_json::json;
use sync_protocol::{DeviceId, OpeningId, OrganizationId, PatientId, UnixMillis};

use super::Relay;
use crate::access::{BreakGlassOpening, FactChange, PurposeOfUse, Subject};
use crate::store::{NewAuditRow, StoreError};

/// Characters that a reason may have, at most; more is cut off.
const REASON_CHARS: usize = 1_000;

/// Somebody asks for a chart in an emergency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyRequest {
    /// What the opening is to be known by; a new id if none is given.
    pub id: Option<OpeningId>,
    /// On which device.
    pub device: DeviceId,
    /// Who.
    pub subject: Subject,
    /// Which organization manages the chart.
    pub organization: OrganizationId,
    /// Whose chart.
    pub patient: PatientId,
    /// What for.
    pub purpose: PurposeOfUse,
    /// Why, in their words.
    pub reason: String,
    /// From when on it counts: now, or when it was opened without the relay.
    pub since: UnixMillis,
}

impl Relay {
    /// Opens a chart in an emergency, if the policies permit it and a reason is given. Either way it is audited. The answer
    /// does not depend on whether there is such a chart.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn break_glass(
        &mut self,
        request: EmergencyRequest,
        now: UnixMillis,
    ) -> Result<Option<BreakGlassOpening>, StoreError> {
        let EmergencyRequest { id, device, subject, organization, patient, purpose, reason, since } = request;
        let since = since.min(now);
        let until = self.gate.break_glass(&subject, (&organization, &patient), purpose, now);
        let until = until.map(|until| until.plus(since.0.saturating_sub(now.0)));
        let Some(until) = until.filter(|until| *until > now && !reason.trim().is_empty()) else {
            let detail = json!({ "organization": organization, "patient": patient, "purpose": purpose });
            self.audit_deed("refuse-break-glass", device, &subject, detail, now)?;
            return Ok(None);
        };
        let reason = reason.trim().chars().take(REASON_CHARS).collect();
        let id = id.unwrap_or_else(|| OpeningId(self.random()));
        let opening =
            BreakGlassOpening { id, organization, patient, subject, device, purpose, reason, opened_at: since, until };
        self.begin()?;
        self.store.add_opening(&opening)?;
        // Not the reason: it is in a practitioner's words. It stands with the opening.
        let detail = json!({
            "opening": opening.id, "organization": opening.organization, "patient": opening.patient,
            "purpose": purpose, "until": until,
        });
        self.audit_deed("break-glass", device, &opening.subject, detail, now)?;
        self.gate.change(FactChange::Opening(opening.clone()));
        self.wake_all();
        Ok(Some(opening))
    }

    /// Ends an opening early, with every other that opens the same chart to the same practitioner: the chart is closed to them
    /// then. There may be several, as a device that was not answered in time asks again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn end_opening(&mut self, id: &OpeningId, now: UnixMillis) -> Result<(), StoreError> {
        let named = self.store.opening(id)?;
        let same = |one: &BreakGlassOpening| {
            (&one.subject, &one.organization, &one.patient) == (&named.subject, &named.organization, &named.patient)
        };
        for opening in self.store.openings_after(now)?.into_iter().filter(same) {
            self.store.end_opening(&opening.id, now)?;
            let detail = json!({ "opening": opening.id, "organization": opening.organization });
            let ended = BreakGlassOpening { until: now, ..opening };
            self.facts_changed(FactChange::Opening(ended), "end-break-glass", detail, now)?;
        }
        Ok(())
    }

    /// Openings that end after a moment, oldest first: after now, those that are open; after the beginning of time, all.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn openings_after(&self, moment: UnixMillis) -> Result<Vec<BreakGlassOpening>, StoreError> {
        self.store.openings_after(moment)
    }

    /// An opening, whether it is over or not.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn opening(&self, id: &OpeningId) -> Result<BreakGlassOpening, StoreError> {
        self.store.opening(id)
    }

    /// Audits what somebody did on a device.
    pub(super) fn audit_deed(
        &mut self,
        action: &'static str,
        device: DeviceId,
        subject: &Subject,
        detail: serde_json::Value,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        self.audit(&NewAuditRow {
            at: now,
            action,
            device: Some(device),
            practitioner: Some(subject.practitioner.clone()),
            organization: Some(subject.organization.clone()),
            detail,
        })
    }
}
