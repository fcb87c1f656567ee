//! Devices arriving: authentication and enrolment.

use serde_json::json;
use sha2::{Digest, Sha256};
use sync_protocol::frame::{Enrolled, GoodbyeReason, Welcome};
use sync_protocol::identity::{Certificate, CertificateBody};
use sync_protocol::{DeviceId, PublicKey, UnixMillis};

use super::{ConnectionId, Peer, Relay};
use crate::store::{DeviceRecord, EnrolmentCode, NewAuditRow, OrganizationRecord, StoreError};

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
            device: device.id(),
            practitioner: body.practitioner.clone(),
            organization: body.organization.clone(),
            lease_ms: self.settings.lease_ms,
            now,
        };
        let subject = crate::access::Subject { practitioner: body.practitioner, organization: body.organization };
        let reach = self.gate.reach(&subject, self.store.as_ref(), now)?;
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        connection.peer = Some(Peer::new(device.id(), device.certificate, reach));
        let events = connection.session.welcome(welcome);
        self.carry_out(id, events, now);
        Ok(())
    }

    /// One device, one connection: an older one is a dead radio link or a copied key.
    fn supersede(&mut self, device: DeviceId) -> Result<(), StoreError> {
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
        self.close(id, reason, detail);
        self.audit(&NewAuditRow {
            at: now,
            action: "refuse-connection",
            device: Some(device),
            practitioner: None,
            organization: None,
            detail: json!({ "reason": reason }),
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
        let usable = |code: &EnrolmentCode| code.used_by.is_none() && now < code.expires_at;
        let found = self.store.enrolment_code(&hash)?;
        let detail = match &found {
            Some(code) if usable(code) && self.store.device_by_key(&key)?.is_none() => {
                return self.admit(id, key, &hash, code.clone(), device_name, now);
            }
            Some(code) if code.used_by.is_some() => "this enrolment code was used already",
            Some(code) if !usable(code) => "this enrolment code has expired",
            Some(_) => "a device with this key is enrolled already",
            None => "no such enrolment code",
        };
        self.turn_away(id, DeviceId::of_key(&key), GoodbyeReason::EnrolmentRefused, detail, now)
    }

    fn admit(
        &mut self,
        id: ConnectionId,
        key: PublicKey,
        hash: &[u8; 32],
        code: EnrolmentCode,
        device_name: &str,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        self.begin()?;
        let organization = self.organization(&code)?;
        let practitioners = self.store.practitioners()?;
        let practitioner = practitioners.into_iter().find(|p| p.id == code.practitioner);
        let practitioner = practitioner.ok_or(StoreError::NotFound("practitioner"))?;
        let body = CertificateBody {
            device_key: key,
            practitioner: code.practitioner.clone(),
            organization: code.organization.clone(),
            not_before: now,
            not_after: now.plus(self.settings.certificate_ms),
        };
        let certificate = Certificate::issue(&organization.key, body);
        let name: String = device_name.chars().filter(|c| !c.is_control()).take(80).collect();
        let device = DeviceRecord {
            certificate: certificate.clone(),
            name,
            enrolled_at: now,
            last_seen: None,
            revoked_at: None,
        };
        self.store.enroll(hash, &device)?;
        self.audit(&NewAuditRow {
            at: now,
            action: "enroll-device",
            device: Some(device.id()),
            practitioner: Some(code.practitioner),
            organization: Some(code.organization),
            detail: json!({}),
        })?;
        let enrolled = Enrolled {
            relay: self.id,
            device: device.id(),
            certificate,
            organization_key: organization.key.public(),
            organization_name: organization.name,
            practitioner_name: practitioner.name,
            lease_ms: self.settings.lease_ms,
        };
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let events = connection.session.enrolled(enrolled);
        self.carry_out(id, events, now);
        Ok(())
    }

    fn organization(&self, code: &EnrolmentCode) -> Result<OrganizationRecord, StoreError> {
        let found = self.store.organizations()?.into_iter().find(|o| o.id == code.organization);
        found.ok_or(StoreError::NotFound("organization"))
    }
}
