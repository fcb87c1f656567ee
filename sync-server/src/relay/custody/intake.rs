//! Taking changes into custody: how much of a device's there may be, whom it concerns, and what builds on what was returned.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;
use sync_protocol::frame::{Answer, ChangeName, CustodyReason, Decision, RefusalReason};
use sync_protocol::identity::{Certificate, ChangeSignature};
use sync_protocol::{ChangeHash, DeviceId, DocumentDescriptor, OrganizationId, UnixMillis};

use crate::access::Subject;
use crate::relay::Relay;
use crate::relay::change_check::CheckedChange;
use crate::relay::ledger::ROOM_FOR_ERASING;
use crate::store::{AlertKind, CustodyEntry, CustodyMark, CustodyState, NewAlert, NewDecision, StoreError};

/// How much more of a device custody takes, and what came during one push.
#[derive(Debug, Default)]
pub(in crate::relay) struct Room {
    /// Changes and bytes; looked up when the first change asks for it.
    left: Option<(u64, u64)>,
    /// What came, by who decides on it.
    came: BTreeMap<OrganizationId, u64>,
    full: bool,
}

/// A change on its way into custody.
pub(in crate::relay) struct Intake<'a> {
    pub device: DeviceId,
    /// The device is to be erased: what is not taken now is lost.
    pub erasing: bool,
    pub descriptor: &'a DocumentDescriptor,
    /// Of the author.
    pub certificate: &'a Certificate,
    pub tips: &'a [ChangeSignature],
    pub change: &'a CheckedChange,
    pub bytes: &'a [u8],
    pub reason: CustodyReason,
    /// What is in custody for this document already.
    pub marks: &'a HashMap<ChangeHash, CustodyMark>,
}

impl Relay {
    /// Puts a change aside for a privacy officer, or answers why there is no room for it.
    pub(in crate::relay) fn take_custody(
        &mut self,
        intake: &Intake<'_>,
        room: &mut Room,
        now: UnixMillis,
    ) -> Result<Answer, StoreError> {
        let name = ChangeName { document: intake.descriptor.id(), hash: intake.change.link.hash };
        match intake.marks.get(&name.hash).map(|mark| mark.state) {
            Some(CustodyState::Undecided | CustodyState::WaitsForSignature) => {
                self.keep_signatures(intake)?;
                self.store.add_notice(&intake.device, &name)?;
            }
            // It has not heard of the decision, or was set back. Nobody else is told of it.
            Some(_) if self.store.has_notice(&intake.device, &name)? => {
                self.store.add_notice(&intake.device, &name)?;
                self.to_tell.insert(intake.device);
            }
            Some(_) => {}
            None if !self.has_room(intake, room)? => return Ok(Answer::Refused(RefusalReason::CustodyFull)),
            None => self.keep_in_custody(intake, name, room, now)?,
        }
        Ok(Answer::Custody(intake.reason))
    }

    fn has_room(&self, intake: &Intake<'_>, room: &mut Room) -> Result<bool, StoreError> {
        let (changes, bytes) = match room.left {
            Some(left) => left,
            None => {
                let times = if intake.erasing { ROOM_FOR_ERASING } else { 1 };
                let most = self.settings.ledger;
                let (changes, bytes) = self.store.undecided_of(&intake.device)?;
                let left = |most: u64, there: u64| (most * times).saturating_sub(there);
                (left(most.custody_changes, changes), left(most.custody_bytes, bytes))
            }
        };
        let size = intake.bytes.len() as u64;
        if changes == 0 || bytes < size {
            (room.left, room.full) = (Some((changes, bytes)), true);
            return Ok(false);
        }
        room.left = Some((changes - 1, bytes - size));
        Ok(true)
    }

    fn keep_in_custody(
        &mut self,
        intake: &Intake<'_>,
        name: ChangeName,
        room: &mut Room,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let author = &intake.certificate.body;
        self.store.put_custody(&CustodyEntry {
            descriptor: intake.descriptor.clone(),
            hash: name.hash,
            payload: intake.bytes.to_vec(),
            signature: intake.tips.iter().find(|tip| tip.author == intake.change.link.author).copied(),
            device: intake.device,
            practitioner: author.practitioner.clone(),
            organization: author.organization.clone(),
            reason: intake.reason,
            received_at: now,
        })?;
        self.keep_signatures(intake)?;
        self.store.put_certificate(intake.certificate)?;
        self.store.add_notice(&intake.device, &name)?;
        self.store.add_notice(&intake.certificate.device(), &name)?;
        if self.builds_on_returned(&name, &intake.change.link.deps)? {
            let reason = Decision::RETURNED_ALONG.to_owned();
            self.store.decide_custody(&name, &NewDecision { accepted: false, officer: None, reason, at: now })?;
            self.tell_of(&name)?;
        } else {
            *room.came.entry(self.who_decides(intake)?).or_default() += 1;
        }
        Ok(())
    }

    fn keep_signatures(&mut self, intake: &Intake<'_>) -> Result<(), StoreError> {
        let document = intake.descriptor.id();
        for tip in intake.tips.iter().filter(|tip| tip.author == intake.change.link.author) {
            self.store.put_custody_signature(&document, tip)?;
        }
        Ok(())
    }

    fn builds_on_returned(&self, name: &ChangeName, deps: &[ChangeHash]) -> Result<bool, StoreError> {
        let states = self.store.custody_states(&name.document)?;
        Ok(states.iter().any(|(hash, mark)| mark.state == CustodyState::Returned && deps.contains(hash)))
    }

    /// The organization that manages the document; if there is none of that name, the author's.
    fn who_decides(&self, intake: &Intake<'_>) -> Result<OrganizationId, StoreError> {
        let managing = &intake.descriptor.organization;
        let known = self.store.organizations()?.iter().any(|organization| organization.id == *managing);
        Ok(if known { managing.clone() } else { intake.certificate.body.organization.clone() })
    }

    /// After a push: alerts those who decide.
    pub(in crate::relay) fn alert_of_custody(
        &mut self,
        device: DeviceId,
        subject: &Subject,
        room: Room,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let alert = |organization, kind, detail| NewAlert {
            organization,
            kind,
            about: device.to_string(),
            at: now,
            device: Some(device),
            practitioner: Some(subject.practitioner.clone()),
            detail,
        };
        for (organization, changes) in room.came {
            self.raise_alert(&alert(organization, AlertKind::Custody, json!({ "changes": changes })))?;
        }
        if room.full {
            self.raise_alert(&alert(subject.organization.clone(), AlertKind::CustodyFull, json!({})))?;
        }
        Ok(())
    }
}
