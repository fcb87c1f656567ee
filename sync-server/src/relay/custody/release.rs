//! Accepted changes go into the log as soon as signatures cover them there.

use std::collections::HashMap;

use sync_protocol::frame::{Answer, ChangeName, RefusalReason};
use sync_protocol::identity::ChangeSignature;
use sync_protocol::{ChangeHash, DeviceId, DocumentDescriptor, OrganizationId, PractitionerId, UnixMillis};

use crate::access::Subject;
use crate::relay::change_check::{CheckedChange, check_change};
use crate::relay::upload::{Pushed, Verdict, plan};
use crate::relay::{Appended, Relay};
use crate::store::{CustodyCase, CustodyState, StoreError};

/// Stands for no device: what comes out of custody goes to every device that may have it, its author's too.
const OUT_OF_CUSTODY: DeviceId = DeviceId([0; 16]);

impl Relay {
    /// Appends what was accepted for a document and is covered by signatures; gives what went into the log.
    ///
    /// `wanted`: a change that is just being accepted.
    /// # Errors
    /// [`StoreError::Conflict`] if that one does not fit the log.
    pub(in crate::relay) fn release(
        &mut self,
        descriptor: &DocumentDescriptor,
        wanted: Option<&ChangeHash>,
        now: UnixMillis,
    ) -> Result<Vec<ChangeHash>, StoreError> {
        let document = descriptor.id();
        let mut waiting = Vec::new();
        for case in self.store.custody_of(&document)? {
            if case.state == CustodyState::WaitsForSignature
                && self.still_accepted(descriptor, case.officer.as_ref(), now)
            {
                let checked =
                    check_change(&case.entry.payload).map_err(|_| StoreError::Damaged("change in custody"))?;
                waiting.push((case, checked));
            }
        }
        // What a change builds on has lower operations.
        waiting.sort_by_key(|(_, checked)| checked.start_op);
        let tips = self.store.custody_signatures(&document)?;
        let before = self.store.document(&document)?.map(|entry| entry.number);
        let verdicts = self.plan_release(before, &waiting, &tips)?;
        // Before anything is appended.
        for ((_, checked), verdict) in waiting.iter().zip(&verdicts) {
            if let Verdict::Answer(Answer::Refused(reason)) = verdict
                && wanted == Some(&checked.link.hash)
            {
                fits(*reason)?;
            }
        }
        let mut released = Vec::new();
        let mut number = before;
        for ((case, checked), verdict) in waiting.iter().zip(verdicts) {
            match verdict {
                Verdict::Append => number = Some(self.append_released(case, checked, &tips, now)?),
                Verdict::Answer(Answer::AlreadyHad) => {}
                _ => continue,
            }
            let name = ChangeName { document, hash: checked.link.hash };
            self.store.custody_in_log(&name)?;
            self.tell_of(&name)?;
            released.push(checked.link.hash);
        }
        if let (None, Some(number)) = (before, number) {
            self.document_begun(None, descriptor, number, now);
        }
        Ok(released)
    }

    /// Whether whoever accepted a change may still decide here: the permit to append it is minted now.
    pub(in crate::relay) fn still_accepted(
        &self,
        descriptor: &DocumentDescriptor,
        officer: Option<&(PractitionerId, OrganizationId)>,
        now: UnixMillis,
    ) -> bool {
        let Some((practitioner, organization)) = officer.cloned() else { return false };
        self.may_decide(&Subject { practitioner, organization }, descriptor, now).is_ok()
    }

    fn plan_release(
        &self,
        number: Option<u32>,
        waiting: &[(CustodyCase, CheckedChange)],
        tips: &[ChangeSignature],
    ) -> Result<Vec<Verdict>, StoreError> {
        let changes: Vec<_> = waiting.iter().map(|(_, checked)| Ok(checked.clone())).collect();
        let pushed = Pushed {
            number,
            changes: &changes,
            tips: tips.iter().map(|tip| (tip.author, tip.tip)).collect(),
            may_learn: true,
            sender: None,
            // The officer's decision stands in for their authors' rights.
            authors: waiting.iter().map(|(_, checked)| (checked.link.author, None)).collect(),
            custody: &HashMap::new(),
        };
        plan(self.store.as_ref(), &pushed)
    }

    fn append_released(
        &mut self,
        case: &CustodyCase,
        checked: &CheckedChange,
        tips: &[ChangeSignature],
        now: UnixMillis,
    ) -> Result<u32, StoreError> {
        let (practitioner, organization) = case.officer.clone().ok_or(StoreError::NotPermitted)?;
        let officer = Subject { practitioner, organization };
        let certificate = self.store.certificate(&checked.link.author)?.ok_or(StoreError::Damaged("certificate"))?;
        let permit = self.gate.custody_append_permit(&officer, &case.entry.descriptor, now);
        let appended = Appended {
            change: checked,
            bytes: &case.entry.payload,
            tips,
            certificate: &certificate,
            origin: OUT_OF_CUSTODY,
        };
        let permit = permit.ok_or(StoreError::NotPermitted)?;
        self.append_permitted(&permit, &appended, now)
    }
}

/// Whether a refusal while accepting leaves the change waiting; otherwise it can never go into the log.
fn fits(reason: RefusalReason) -> Result<(), StoreError> {
    match reason {
        RefusalReason::NotSigned => Ok(()),
        RefusalReason::SequenceReused => Err(StoreError::Conflict(
            "its author has since written another change under the same number: return it, its author keeps the text"
                .into(),
        )),
        _ => Err(StoreError::Conflict("it does not fit the document as it is in the log: return it".into())),
    }
}
