//! Taking changes into custody: how much of a device's there may be, whom it concerns, and what builds on what was returned.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::json;
use sync_protocol::frame::{Answer, ChangeName, CustodyReason, Decision, RefusalReason};
use sync_protocol::identity::{Certificate, ChangeSignature};
use sync_protocol::{ChangeHash, DeviceId, DocumentDescriptor, DocumentId, OrganizationId, UnixMillis};

use crate::access::Subject;
use crate::relay::Relay;
use crate::relay::change_check::CheckedChange;
use crate::relay::ledger::ROOM_FOR_ERASING;
use crate::store::{AlertKind, CustodyEntry, CustodyMark, CustodyState, NewAlert, NewDecision, StoreError};

/// How long what was returned by itself, as it builds on what was returned, counts as if it waited for a decision, in
/// milliseconds: a device that has heard of the decision makes no more of it, and another cannot fill the disk with it.
const RETURNED_COUNTS_MS: i64 = 30 * 24 * 3_600_000;

/// How much more of a device custody takes, and what came during one push.
#[derive(Debug, Default)]
pub(in crate::relay) struct Room {
    /// Changes and bytes; looked up when the first change asks for it.
    left: Option<(u64, u64)>,
    /// What came, by who decides on it.
    came: BTreeMap<OrganizationId, u64>,
    full: bool,
    /// All that there are; looked up when the first change asks for it.
    organizations: Option<BTreeSet<OrganizationId>>,
}

/// What came into custody for one document during one push.
#[derive(Debug, Default)]
pub(in crate::relay) struct Came {
    /// Changes that wait there, whose signatures are worth keeping.
    waiting: HashSet<ChangeHash>,
    /// Changes that were returned as they came.
    returned: HashSet<ChangeHash>,
}

/// A change on its way into custody.
pub(in crate::relay) struct Intake<'a> {
    pub device: DeviceId,
    /// The device is to be erased: what is not taken now is lost.
    pub erasing: bool,
    pub descriptor: &'a DocumentDescriptor,
    /// Of the author.
    pub certificate: &'a Certificate,
    /// Its own signature, if it has one.
    pub signature: Option<ChangeSignature>,
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
        came: &mut Came,
        now: UnixMillis,
    ) -> Result<Answer, StoreError> {
        let name = ChangeName { document: intake.descriptor.id(), hash: intake.change.link.hash };
        match intake.marks.get(&name.hash).map(|mark| mark.state) {
            Some(CustodyState::Undecided | CustodyState::WaitsForSignature) => {
                came.waiting.insert(name.hash);
                self.store.add_notice(&intake.device, &name)?;
            }
            // It has not heard of the decision, or was set back. Nobody else is told of it.
            Some(_) if self.store.has_notice(&intake.device, &name)? => {
                self.store.add_notice(&intake.device, &name)?;
                self.to_tell.insert(intake.device);
            }
            Some(_) => {}
            // It stands in the same push twice.
            None if came.waiting.contains(&name.hash) || came.returned.contains(&name.hash) => {}
            None if !self.has_room(intake, room, now)? => return Ok(Answer::Refused(RefusalReason::CustodyFull)),
            None => self.keep_in_custody(intake, name, room, came, now)?,
        }
        Ok(Answer::Custody(intake.reason))
    }

    fn has_room(&self, intake: &Intake<'_>, room: &mut Room, now: UnixMillis) -> Result<bool, StoreError> {
        let (changes, bytes) = match room.left {
            Some(left) => left,
            None => {
                let times = if intake.erasing { ROOM_FOR_ERASING } else { 1 };
                let most = self.settings.ledger;
                let (changes, bytes) = self.store.held_in_custody(&intake.device, now.plus(-RETURNED_COUNTS_MS))?;
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
        came: &mut Came,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let author = &intake.certificate.body;
        self.store.put_custody(&CustodyEntry {
            descriptor: intake.descriptor.clone(),
            hash: name.hash,
            payload: intake.bytes.to_vec(),
            signature: intake.signature,
            device: intake.device,
            practitioner: author.practitioner.clone(),
            organization: author.organization.clone(),
            reason: intake.reason,
            received_at: now,
        })?;
        self.store.put_certificate(intake.certificate)?;
        self.store.add_notice(&intake.device, &name)?;
        self.store.add_notice(&intake.certificate.device(), &name)?;
        if builds_on_returned(intake, came) {
            came.returned.insert(name.hash);
            let reason = Decision::RETURNED_ALONG.to_owned();
            self.store.decide_custody(&name, &NewDecision { accepted: false, officer: None, reason, at: now })?;
            self.tell_of(&name)?;
        } else {
            came.waiting.insert(name.hash);
            let decides = self.who_decides(intake, room)?;
            *room.came.entry(decides).or_default() += 1;
        }
        Ok(())
    }

    /// Keeps the signatures over what waits in custody, once for a document: which of them covers what is accepted is not
    /// known before. Others cover nothing there.
    pub(in crate::relay) fn keep_signatures(
        &mut self,
        document: &DocumentId,
        tips: &[ChangeSignature],
        came: &Came,
    ) -> Result<(), StoreError> {
        for tip in tips.iter().filter(|tip| came.waiting.contains(&tip.tip)) {
            self.store.put_custody_signature(document, tip)?;
        }
        Ok(())
    }

    /// The organization that manages the document; if there is none of that name, the author's.
    fn who_decides(&self, intake: &Intake<'_>, room: &mut Room) -> Result<OrganizationId, StoreError> {
        if room.organizations.is_none() {
            let all = self.store.organizations()?;
            room.organizations = Some(all.into_iter().map(|organization| organization.id).collect());
        }
        let managing = &intake.descriptor.organization;
        let known = room.organizations.as_ref().is_some_and(|all| all.contains(managing));
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

fn builds_on_returned(intake: &Intake<'_>, came: &Came) -> bool {
    let before = |dep| intake.marks.get(dep).is_some_and(|mark| mark.state == CustodyState::Returned);
    intake.change.link.deps.iter().any(|dep| came.returned.contains(dep) || before(dep))
}
