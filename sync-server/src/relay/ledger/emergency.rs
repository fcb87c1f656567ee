//! Emergency access: requests of devices, what they opened off line, and the alert that goes with each.

use std::collections::HashMap;

use serde_json::json;
use sync_protocol::frame::{BreakGlass, BreakGlassOutcome, BreakGlassRefusal, GoodbyeReason, Opening, TrailEntry};
use sync_protocol::{DeviceId, UnixMillis};

use crate::access::{BreakGlassOpening, PurposeOfUse};
use crate::relay::{ConnectionId, EmergencyRequest, Relay};
use crate::store::{AlertKind, NewAlert, NewAuditRow, StoreError};

/// Longest reason, in bytes.
const MAX_REASON_BYTES: usize = 2_000;
/// Longest purpose of use, in bytes.
const MAX_PURPOSE_BYTES: usize = 64;
/// Purpose that is assumed of what was opened off line without naming one that is known.
const ASSUMED: PurposeOfUse = PurposeOfUse::BreakTheGlass;

/// How often devices have asked within the present minute.
#[derive(Debug, Default)]
pub(in crate::relay) struct Asked {
    minute: i64,
    by_device: HashMap<DeviceId, u32>,
}

impl Asked {
    /// Counts a request; whether it is one too many.
    fn too_often(&mut self, device: DeviceId, most: u32, now: UnixMillis) -> bool {
        let minute = now.0.div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.by_device.clear();
        }
        let count = self.by_device.entry(device).or_default();
        *count += 1;
        *count > most
    }
}

impl Relay {
    pub(in crate::relay) fn emergency(
        &mut self,
        id: ConnectionId,
        asked: &BreakGlass,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(device) = self.peer(id).map(|peer| peer.device) else { return Ok(()) };
        if self.asked.too_often(device, self.settings.ledger.break_glass_per_minute, now) {
            self.close(id, GoodbyeReason::ProtocolViolation, "too many requests for emergency access in a minute");
            return Ok(());
        }
        let outcome = match wrong(asked) {
            Some(refusal) => {
                self.audit_wrong(id, asked, refusal, now)?;
                BreakGlassOutcome::Refused(refusal)
            }
            None => self.decide_emergency(id, asked, now)?,
        };
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let event = connection.session.break_glass_answer(asked.request, outcome);
        self.carry_out(id, vec![event], now);
        Ok(())
    }

    fn decide_emergency(
        &mut self,
        id: ConnectionId,
        asked: &BreakGlass,
        now: UnixMillis,
    ) -> Result<BreakGlassOutcome, StoreError> {
        let refused = BreakGlassOutcome::Refused(BreakGlassRefusal::NotPermitted);
        let Some(peer) = self.peer(id) else { return Ok(refused) };
        // A purpose that no policy knows opens nothing.
        let Ok(purpose) = asked.purpose.parse() else {
            self.audit_wrong(id, asked, BreakGlassRefusal::NotPermitted, now)?;
            return Ok(refused);
        };
        let request = EmergencyRequest {
            device: peer.device,
            subject: peer.subject.clone(),
            organization: asked.organization.clone(),
            patient: asked.patient.clone(),
            purpose,
            reason: asked.reason.clone(),
        };
        let Some(opening) = self.break_glass(request, now)? else { return Ok(refused) };
        self.alert_of_opening(&opening, false)?;
        let for_ms = opening.until.0.saturating_sub(now.0).max(0).unsigned_abs();
        Ok(BreakGlassOutcome::Opened(Opening { id: opening.id, until: opening.until, for_ms }))
    }

    /// What is refused before policy is asked is on record too. Without what was given as text: it may be anything.
    fn audit_wrong(
        &mut self,
        id: ConnectionId,
        asked: &BreakGlass,
        refusal: BreakGlassRefusal,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let row = NewAuditRow {
            at: now,
            action: "refuse-break-glass",
            device: Some(peer.device),
            practitioner: Some(peer.subject.practitioner.clone()),
            organization: Some(peer.subject.organization.clone()),
            detail: json!({ "organization": asked.organization, "patient": asked.patient, "refusal": refusal }),
        };
        self.audit(&row)
    }

    /// Opens on the relay what a device opened off line, as long as it may still be open there; an alert in any case.
    pub(in crate::relay) fn opened_offline(
        &mut self,
        id: ConnectionId,
        entries: &[TrailEntry],
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        for entry in entries.iter().filter(|entry| entry.action == "break-glass") {
            let Some(peer) = self.peer(id) else { return Ok(()) };
            let (Some(organization), Some(patient)) = (entry.organization.clone(), entry.patient.clone()) else {
                continue;
            };
            let (device, subject) = (peer.device, peer.subject.clone());
            let open = self.store.openings_after(now)?;
            let known = |opening: &BreakGlassOpening| {
                opening.subject == subject && opening.organization == organization && opening.patient == patient
            };
            // Opened over the connection: it is on record and alerted already.
            if open.iter().any(known) {
                continue;
            }
            let purpose = entry.purpose.parse().unwrap_or(ASSUMED);
            let reason = if entry.reason.trim().is_empty() { "not given".to_owned() } else { entry.reason.clone() };
            let request = EmergencyRequest {
                device,
                subject: subject.clone(),
                organization: organization.clone(),
                patient,
                purpose,
                reason,
            };
            match self.break_glass(request, now)? {
                Some(opening) => self.alert_of_opening(&opening, true)?,
                // It was opened all the same: somebody must hear of it.
                None => self.raise_alert(&NewAlert {
                    organization,
                    kind: AlertKind::BreakGlass,
                    about: format!("{device} {}", entry.at.0),
                    at: now,
                    device: Some(device),
                    practitioner: Some(subject.practitioner),
                    detail: json!({ "patient": entry.patient, "offline": true, "permitted": false }),
                })?,
            }
        }
        Ok(())
    }

    fn alert_of_opening(&mut self, opening: &BreakGlassOpening, offline: bool) -> Result<(), StoreError> {
        self.raise_alert(&NewAlert {
            organization: opening.organization.clone(),
            kind: AlertKind::BreakGlass,
            about: opening.id.to_string(),
            at: opening.opened_at,
            device: Some(opening.device),
            practitioner: Some(opening.subject.practitioner.clone()),
            detail: json!({
                "opening": opening.id, "patient": opening.patient, "purpose": opening.purpose, "until": opening.until,
                "offline": offline,
            }),
        })
    }
}

/// Why a request is refused whatever the policy says.
fn wrong(asked: &BreakGlass) -> Option<BreakGlassRefusal> {
    if asked.reason.len() > MAX_REASON_BYTES || asked.purpose.len() > MAX_PURPOSE_BYTES {
        return Some(BreakGlassRefusal::TooLong);
    }
    let missing = asked.reason.trim().is_empty() || asked.purpose.trim().is_empty();
    missing.then_some(BreakGlassRefusal::ReasonMissing)
}
