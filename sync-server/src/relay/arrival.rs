//! Devices arriving: authentication and enrolment.

use serde_json::json;
use sha2::{Digest, Sha256};
use sync_protocol::frame::{Enrolled, GoodbyeReason, Welcome};
use sync_protocol::identity::{Certificate, CertificateBody};
use sync_protocol::{DeviceId, OrganizationId, PublicKey, UnixMillis};

use super::{ConnectionId, Peer, Relay};
use crate::accounts::Origin;
use crate::accounts::attempts::{Attempts, Delays, Wait};
use crate::store::{DeviceRecord, EnrolmentCode, NewAuditRow, OrganizationRecord, StoreError};

/// Refused connections that the audit trail records in a minute, at most; of the others it records the number.
const REFUSALS_PER_MINUTE: u64 = 60;

/// Bounds what strangers can make the relay write.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    minute: i64,
    recorded: u64,
    omitted: u64,
}

impl Refusals {
    /// Whether this one is to be recorded, and how many before it were not.
    pub(super) fn record(&mut self, now: UnixMillis) -> Option<u64> {
        let minute = now.0 / 60_000;
        if minute != self.minute {
            (self.minute, self.recorded) = (minute, 0);
        }
        if self.recorded == REFUSALS_PER_MINUTE {
            self.omitted += 1;
            return None;
        }
        self.recorded += 1;
        Some(std::mem::take(&mut self.omitted))
    }
}

/// Tries to enrol, by where they come from: a clinic behind one address may mistype a few.
const BY_ORIGIN: Delays =
    Delays { free: 10, first_ms: 5_000, longest_ms: 5 * 60_000, forget_ms: 60 * 60_000, capacity: 4_096 };
/// Failed tries to enrol in a minute, wherever they come from. Beyond, everybody waits for the next minute.
const FAILURES_PER_MINUTE: u64 = 300;

/// Bounds how often enrolment codes can be tried.
#[derive(Debug)]
pub(super) struct EnrolmentTries {
    by_origin: Attempts<Origin>,
    minute: i64,
    failures: u64,
}

impl Default for EnrolmentTries {
    fn default() -> Self {
        Self { by_origin: Attempts::new(BY_ORIGIN), minute: 0, failures: 0 }
    }
}

impl EnrolmentTries {
    /// Takes note of a try; it counts as failed until it succeeds.
    fn begin(&mut self, origin: Origin, now: UnixMillis) -> Result<(), Wait> {
        let minute = now.0.div_euclid(60_000);
        if minute != self.minute {
            (self.minute, self.failures) = (minute, 0);
        }
        if self.failures >= FAILURES_PER_MINUTE {
            return Err(Wait(60_000 - now.0.rem_euclid(60_000)));
        }
        if origin != Origin::Unknown {
            self.by_origin.begin(&origin, now)?;
        }
        self.failures += 1;
        Ok(())
    }

    fn succeeded(&mut self, origin: Origin) {
        self.failures = self.failures.saturating_sub(1);
        self.by_origin.take_back(&origin);
    }
}

/// What a device is told whose certificate has run out.
pub(super) const CERTIFICATE_EXPIRED: &str = "this device's certificate is not valid now: enrol it again";

/// SHA-256 of an enrolment code as people write it: case and dashes do not count.
#[must_use]
pub fn code_hash(code: &str) -> [u8; 32] {
    let canonical: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    Sha256::digest(canonical.to_ascii_uppercase()).into()
}

impl Relay {
    pub(super) fn authenticate(
        &mut self,
        id: ConnectionId,
        key: &PublicKey,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let device_id = DeviceId::of_key(key);
        let Some(device) = self.store.device_by_key(key)? else {
            return self.turn_away(id, device_id, GoodbyeReason::UnknownDevice, "this device is not enrolled", now);
        };
        if device.revoked_at.is_some() && self.is_to_be_wiped(&device_id)? {
            return self.greet_to_wipe(id, device, now);
        }
        if device.revoked_at.is_some() {
            return self.turn_away(id, device_id, GoodbyeReason::Revoked, "this device was revoked", now);
        }
        if device.certificate.check_time(now).is_err() {
            return self.turn_away(id, device_id, GoodbyeReason::Revoked, CERTIFICATE_EXPIRED, now);
        }
        self.greet(id, device, now)
    }

    fn greet(&mut self, id: ConnectionId, device: DeviceRecord, now: UnixMillis) -> Result<(), StoreError> {
        self.supersede(device.id())?;
        let body = device.certificate.body.clone();
        self.audit(&NewAuditRow {
            at: now,
            action: "connect",
            device: Some(device.id()),
            practitioner: Some(body.practitioner.clone()),
            organization: Some(body.organization.clone()),
            detail: json!({}),
        })?;
        self.store.device_seen(&device.id(), now)?;
        let welcome = Welcome {
            epoch: self.epoch,
            limits: self.settings.limits,
            lease_ms: self.settings.lease_ms,
            now,
            wipe: false,
            // Asked for once: then it is known.
            sealing: self.store.sealing_key(&device.id())?.is_none(),
            dictionary: None,
        };
        let subject = crate::access::Subject { practitioner: body.practitioner, organization: body.organization };
        let reach = self.gate.reach(&subject, now);
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        connection.peer = Some(Peer::new(device.id(), device.certificate, reach));
        let events = connection.session.welcome(welcome);
        self.carry_out(id, events, now);
        Ok(())
    }

    /// One device, one connection: an older one is a dead radio link or a copied key.
    pub(super) fn supersede(&mut self, device: DeviceId) -> Result<(), StoreError> {
        let same = |peer: &Peer| peer.device == device;
        let older: Vec<_> =
            self.connections.iter().filter(|(_, c)| c.peer.as_ref().is_some_and(same)).map(|(id, _)| *id).collect();
        for id in older {
            // What it acknowledged just now counts for the new connection.
            self.store_holdings_of(id)?;
            self.close(id, GoodbyeReason::Superseded, "the same device connected again");
        }
        Ok(())
    }

    fn turn_away(
        &mut self,
        id: ConnectionId,
        device: DeviceId,
        reason: GoodbyeReason,
        detail: &str,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        self.metrics.refused_connections.inc();
        let origin = self.connections.get(&id).map_or(Origin::Unknown, |connection| connection.origin);
        self.close(id, reason, detail);
        let Some(omitted) = self.refusals.record(now) else { return Ok(()) };
        self.audit(&NewAuditRow {
            at: now,
            action: "refuse-connection",
            device: Some(device),
            practitioner: None,
            organization: None,
            detail: json!({ "reason": reason, "from": origin.to_string(), "refused-before-unrecorded": omitted }),
        })
    }

    pub(super) fn enroll(
        &mut self,
        id: ConnectionId,
        key: PublicKey,
        code: &str,
        device_name: &str,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let hash = code_hash(code);
        let device_id = DeviceId::of_key(&key);
        let origin = self.connections.get(&id).map_or(Origin::Unknown, |connection| connection.origin);
        if let Err(wait) = self.enrolment_tries.begin(origin, now) {
            // Before the code is looked at: whether it is right is not told either.
            return self.turn_away(id, device_id, GoodbyeReason::EnrolmentRefused, &wait.to_string(), now);
        }
        let found = self.store.enrolment_code(&hash)?;
        let known = self.store.device_by_key(&key)?;
        let detail = match (&found, known) {
            (Some(code), _) if now >= code.expires_at => "this enrolment code has expired",
            (Some(code), None) if code.used_by.is_none() => {
                let device = self.enrol_device(key, &hash, code, device_name, now)?;
                self.enrolment_tries.succeeded(origin);
                return self.tell_enrolled(id, &device, now);
            }
            // The answer was lost on the way: the same key proved again, with its own code.
            (Some(code), Some(device)) if code.used_by == Some(device_id) && device.revoked_at.is_none() => {
                self.enrolment_tries.succeeded(origin);
                return self.tell_enrolled(id, &device, now);
            }
            (Some(code), _) if code.used_by.is_some() => "this enrolment code was used already",
            (Some(_), _) => "a device with this key is enrolled already",
            (None, _) => "no such enrolment code",
        };
        self.turn_away(id, device_id, GoodbyeReason::EnrolmentRefused, detail, now)
    }

    /// Certifies and records a new device.
    fn enrol_device(
        &mut self,
        key: PublicKey,
        hash: &[u8; 32],
        code: &EnrolmentCode,
        device_name: &str,
        now: UnixMillis,
    ) -> Result<DeviceRecord, StoreError> {
        self.begin()?;
        let body = CertificateBody {
            device_key: key,
            practitioner: code.practitioner.clone(),
            organization: code.organization.clone(),
            not_before: now,
            not_after: now.plus(self.settings.certificate_ms),
        };
        let certificate = Certificate::issue(&self.organization(&code.organization)?.key, body);
        let name: String = device_name.chars().filter(|c| !c.is_control()).take(80).collect();
        let device = DeviceRecord { certificate, name, enrolled_at: now, last_seen: None, revoked_at: None };
        self.store.enroll(hash, &device)?;
        self.audit(&NewAuditRow {
            at: now,
            action: "enroll-device",
            device: Some(device.id()),
            practitioner: Some(code.practitioner.clone()),
            organization: Some(code.organization.clone()),
            detail: json!({}),
        })?;
        Ok(device)
    }

    fn tell_enrolled(&mut self, id: ConnectionId, device: &DeviceRecord, now: UnixMillis) -> Result<(), StoreError> {
        let body = &device.certificate.body;
        let organization = self.organization(&body.organization)?;
        let practitioner = self.store.practitioners()?.into_iter().find(|p| p.id == body.practitioner);
        let enrolled = Enrolled {
            relay: self.id,
            device: device.id(),
            certificate: device.certificate.clone(),
            organization_key: organization.key.public(),
            organization_name: organization.name,
            practitioner_name: practitioner.ok_or(StoreError::NotFound("practitioner"))?.name,
            lease_ms: self.settings.lease_ms,
        };
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let events = connection.session.enrolled(enrolled);
        self.carry_out(id, events, now);
        Ok(())
    }

    fn organization(&self, id: &OrganizationId) -> Result<OrganizationRecord, StoreError> {
        let found = self.store.organizations()?.into_iter().find(|o| o.id == *id);
        found.ok_or(StoreError::NotFound("organization"))
    }
}
