//! Referrals: a device asks that a chart be opened to others for a time. It makes a grant.

use serde_json::json;
use sha2::{Digest, Sha256};
use sync_protocol::frame::{GoodbyeReason, Recipient, Refer, ReferOutcome, ReferRefusal};
use sync_protocol::{Compartment, DeviceId, DocumentDescriptor, ReferralId, UnixMillis};

use super::{ConnectionId, Relay};
use crate::access::{Action, FactChange, Grant, Grantee, Subject};
use crate::store::StoreError;

/// Referrals that a device may ask for in a minute, at most.
const PER_MINUTE: u32 = 60;
/// Compartments that no referral opens.
const NEVER: [Compartment; 2] = [Compartment::Sensitive, Compartment::Directory];
/// Part that stands for any encounter when the policies are asked about a compartment.
const ANY_ENCOUNTER: &str = "any";

impl Relay {
    pub(super) fn referred(&mut self, id: ConnectionId, asked: &Refer, now: UnixMillis) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let (device, subject) = (peer.device, peer.subject.clone());
        if self.referrals.too_often(device, PER_MINUTE, now) {
            self.close(id, GoodbyeReason::ProtocolViolation, "too many referrals in a minute");
            return Ok(());
        }
        let outcome = self.refer(device, &subject, asked, now)?;
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let event = connection.session.refer_answer(asked.referral, outcome);
        self.carry_out(id, vec![event], now);
        Ok(())
    }

    fn refer(
        &mut self,
        device: DeviceId,
        subject: &Subject,
        asked: &Refer,
        now: UnixMillis,
    ) -> Result<ReferOutcome, StoreError> {
        let grant = grant_id(&device, &asked.referral);
        match self.store.grant(&grant) {
            // Asked again, as the answer was lost: also if it was ended since.
            Ok(known) => return Ok(ReferOutcome::Opened(known.expires_at)),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        match self.may_refer(subject, asked, now)? {
            Ok(until) => self.open_to(grant, device, subject, asked, until, now),
            Err(refusal) => {
                let detail =
                    json!({ "organization": asked.organization, "patient": asked.patient, "refusal": refusal });
                self.audit_deed("refuse-referral", device, subject, detail, now)?;
                Ok(ReferOutcome::Refused(refusal))
            }
        }
    }

    /// Until when, or why not. Policy is asked first: who may not refer learns nothing about who is there.
    fn may_refer(
        &self,
        subject: &Subject,
        asked: &Refer,
        now: UnixMillis,
    ) -> Result<Result<UnixMillis, ReferRefusal>, StoreError> {
        if asked.for_ms == 0 || asked.compartments.is_empty() || asked.compartments.iter().any(|c| NEVER.contains(c)) {
            return Ok(Err(ReferRefusal::NothingToOpen));
        }
        let chart = (&asked.organization, &asked.patient);
        let Some(most) = self.gate.refer(subject, chart, &recipient(asked), now) else {
            return Ok(Err(ReferRefusal::MayNotRefer));
        };
        let actions: &[Action] = if asked.may_write { &[Action::Read, Action::Write] } else { &[Action::Read] };
        let theirs = |compartment: &Compartment| {
            let document = any_document(asked, *compartment);
            actions.iter().all(|action| self.gate.decide(subject, &document, *action, now))
        };
        if !asked.compartments.iter().all(theirs) {
            return Ok(Err(ReferRefusal::MayNotRefer));
        }
        let is_there = match &asked.to {
            Recipient::Organization(id) => self.store.organization_key(id)?.is_some(),
            Recipient::Practitioner(id) => match self.store.practitioner(id) {
                Ok(_) => true,
                Err(StoreError::NotFound(_)) => false,
                Err(error) => return Err(error),
            },
        };
        if !is_there {
            return Ok(Err(ReferRefusal::UnknownRecipient));
        }
        Ok(Ok(most.min(now.plus(i64::try_from(asked.for_ms).unwrap_or(i64::MAX)))))
    }

    fn open_to(
        &mut self,
        id: String,
        device: DeviceId,
        subject: &Subject,
        asked: &Refer,
        until: UnixMillis,
        now: UnixMillis,
    ) -> Result<ReferOutcome, StoreError> {
        let grant = Grant {
            id,
            organization: asked.organization.clone(),
            patient: asked.patient.clone(),
            grantee: recipient(asked),
            compartments: asked.compartments.clone(),
            may_write: asked.may_write,
            expires_at: until,
        };
        self.begin()?;
        self.store.add_grant(&grant)?;
        self.audit_deed("refer", device, subject, json!(grant), now)?;
        self.gate.change(FactChange::Grant(grant));
        self.wake_all();
        Ok(ReferOutcome::Opened(until))
    }
}

fn recipient(asked: &Refer) -> Grantee {
    match &asked.to {
        Recipient::Organization(id) => Grantee::Organization(id.clone()),
        Recipient::Practitioner(id) => Grantee::Practitioner(id.clone()),
    }
}

/// A document as the chart may have it in a compartment: policies tell documents of one compartment apart by category only.
fn any_document(asked: &Refer, compartment: Compartment) -> DocumentDescriptor {
    let part = if compartment == Compartment::Encounter { ANY_ENCOUNTER } else { "" };
    DocumentDescriptor {
        organization: asked.organization.clone(),
        patient: Some(asked.patient.clone()),
        compartment,
        part: part.into(),
    }
}

/// The same for the same referral of the same device, and nobody else's.
fn grant_id(device: &DeviceId, referral: &ReferralId) -> String {
    let mut hasher = Sha256::new_with_prefix(b"satchel referral v1");
    hasher.update(device.0);
    hasher.update(referral.0);
    hex::encode(&hasher.finalize()[..16])
}
