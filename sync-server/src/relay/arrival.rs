//! Devices arriving: authentication, enrolment, and where a sync goes on.

use roaring::RoaringBitmap;
use serde_json::json;
use sha2::{Digest, Sha256};
use sync_protocol::frame::{Enrolled, GoodbyeReason, Resume, Resumed, Welcome};
use sync_protocol::identity::{Certificate, CertificateBody};
use sync_protocol::{DeviceId, PublicKey, UnixMillis};

use super::{ConnectionId, Peer, Relay, Stage};
use crate::store::{DeviceRecord, EnrolmentCode, NewAuditRow, OrganizationRecord, Position, StoreError};

/// Rows of the log that are looked at in one query.
const LOG_CHUNK: usize = 10_000;

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
            let detail = "this device's certificate is not valid now: enrol it again";
            return self.turn_away(id, device_id, GoodbyeReason::Revoked, detail, now);
        }
        self.greet(id, device, now)
    }

    fn greet(&mut self, id: ConnectionId, device: DeviceRecord, now: UnixMillis) -> Result<(), StoreError> {
        self.supersede(device.id());
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
    fn supersede(&mut self, device: DeviceId) {
        let same = |peer: &Peer| peer.device == device;
        let older: Vec<_> =
            self.connections.iter().filter(|(_, c)| c.peer.as_ref().is_some_and(same)).map(|(id, _)| *id).collect();
        for id in older {
            self.close(id, GoodbyeReason::Superseded, "the same device connected again");
        }
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

    pub(super) fn resume(&mut self, id: ConnectionId, resume: &Resume, now: UnixMillis) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let device = peer.device;
        let position = resume.cursor.as_ref().map(|cursor| self.seal.open(&device, cursor));
        let trusted = match position {
            None => Some((Position::default(), false)),
            Some(Some(position)) if position <= self.head && resume.epoch == Some(self.epoch) => Some((position, true)),
            Some(_) => None,
        };
        match trusted {
            Some((position, true)) if !resume.compare => {
                let held = self.store.held(&device)?;
                self.begin_delivery(id, held, position, now)
            }
            // A first sync: nothing is held, so everything held is complete as of now.
            Some((_, false)) if !resume.compare => self.begin_delivery(id, RoaringBitmap::new(), self.head, now),
            _ => {
                self.metrics.comparisons.inc();
                let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
                let events = vec![connection.session.resumed(Resumed { documents: 0, compare: true })];
                if let Some(peer) = &mut connection.peer {
                    peer.stage = Stage::Comparing(Vec::new());
                }
                self.carry_out(id, events, now);
                Ok(())
            }
        }
    }

    /// Begins to send what the device lacks, given what it holds and up to where.
    pub(super) fn begin_delivery(
        &mut self,
        id: ConnectionId,
        held: RoaringBitmap,
        cursor: Position,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let changed = self.changed_since(cursor)?;
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let Some(peer) = &mut connection.peer else { return Ok(()) };
        // What it was given before and may no longer have, whatever it says to hold now.
        let lost = self.store.held(&peer.device)? - peer.reach.documents();
        let held = held & peer.reach.documents();
        let gained = self.gate.in_order_of_urgency(&(peer.reach.documents() - &held));
        let documents = changed.intersection_len(&held) + gained.len() as u64;
        peer.held_is_newer = true;
        peer.sent = held.clone();
        peer.held = held;
        peer.cursor = cursor;
        peer.gained = gained.into();
        peer.ahead.clear();
        peer.stage = Stage::CatchingUp;
        let events = vec![connection.session.resumed(Resumed { documents, compare: false })];
        self.carry_out(id, events, now);
        self.ready.insert(id);
        self.withdraw(id, &lost, now)
    }

    fn changed_since(&self, cursor: Position) -> Result<RoaringBitmap, StoreError> {
        let mut changed = RoaringBitmap::new();
        let mut after = cursor;
        loop {
            let rows = self.store.log_after(after, LOG_CHUNK)?;
            let Some((last, _, _)) = rows.last() else { return Ok(changed) };
            after = *last;
            changed.extend(rows.iter().map(|(_, document, _)| *document));
        }
    }
}
