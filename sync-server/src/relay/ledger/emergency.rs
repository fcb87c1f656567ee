//! Emergency access: requests of devices, and the alert that goes with each.

use std::collections::HashMap;

use serde_json::json;
use sha2::{Digest, Sha256};
use sync_protocol::frame::{BreakGlass, BreakGlassOutcome, BreakGlassRefusal, GoodbyeReason, Opening};
use sync_protocol::{DeviceId, OpeningId, UnixMillis};

use crate::access::BreakGlassOpening;
use crate::relay::{ConnectionId, EmergencyRequest, Relay};
use crate::store::{AlertKind, NewAlert, NewAuditRow, StoreError};

/// Longest reason, in bytes.
const MAX_REASON_BYTES: usize = 2_000;
/// Longest purpose of use, in bytes.
const MAX_PURPOSE_BYTES: usize = 64;

/// How often devices have asked for something within the present minute.
#[derive(Debug, Default)]
pub(in crate::relay) struct Asked {
    minute: i64,
    by_device: HashMap<DeviceId, u32>,
}

impl Asked {
    /// Counts a request; whether it is one too many.
    pub(in crate::relay) fn too_often(&mut self, device: DeviceId, most: u32, now: UnixMillis) -> bool {
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
        let outcome = match wrong(&asked.reason, &asked.purpose) {
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
        let opening = self.named_by(peer.device, asked);
        // Asked again by a device that did not hear the answer: the same chart is not opened twice, nor again after an officer
        // has ended it.
        match self.store.opening(&opening) {
            Ok(there) if there.until > now => return Ok(opened(&there, now)),
            Ok(_) => return Ok(refused),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        let request = EmergencyRequest {
            id: Some(opening),
            device: peer.device,
            subject: peer.subject.clone(),
            organization: asked.organization.clone(),
            patient: asked.patient.clone(),
            purpose,
            reason: asked.reason.clone(),
            since: now,
        };
        let Some(opening) = self.break_glass(request, now)? else { return Ok(refused) };
        self.alert_of_opening(&opening, false)?;
        Ok(opened(&opening, now))
    }

    /// The id of what a request opens: the same for the same request of a device, whenever it is sent.
    fn named_by(&self, device: DeviceId, asked: &BreakGlass) -> OpeningId {
        let mut hash = Sha256::new_with_prefix("satchel emergency opening");
        hash.update(self.id.0);
        hash.update(device.0);
        hash.update(asked.request.to_be_bytes());
        for text in [asked.organization.as_str(), asked.patient.as_str(), &asked.purpose, &asked.reason] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        OpeningId(id)
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

    pub(super) fn alert_of_opening(&mut self, opening: &BreakGlassOpening, offline: bool) -> Result<(), StoreError> {
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

fn opened(opening: &BreakGlassOpening, now: UnixMillis) -> BreakGlassOutcome {
    let for_ms = opening.until.0.saturating_sub(now.0).max(0).unsigned_abs();
    BreakGlassOutcome::Opened(Opening { id: opening.id, until: opening.until, for_ms })
}

/// Why a request is refused whatever the policy says.
pub(super) fn wrong(reason: &str, purpose: &str) -> Option<BreakGlassRefusal> {
    if reason.len() > MAX_REASON_BYTES || purpose.len() > MAX_PURPOSE_BYTES {
        return Some(BreakGlassRefusal::TooLong);
    }
    let missing = reason.trim().is_empty() || purpose.trim().is_empty();
    missing.then_some(BreakGlassRefusal::ReasonMissing)
}
