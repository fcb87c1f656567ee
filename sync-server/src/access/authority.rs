//! What the gate decides besides documents: administration, charts opened in an emergency, and referrals.

use std::collections::HashMap;

use cedar_policy::{Context, RestrictedExpression};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use sync_protocol::{DeviceId, DocumentDescriptor, OrganizationId, PatientId, UnixMillis};

use crate::access::facts::{Grantee, PurposeOfUse, Subject};
use crate::access::gate::Gate;
use crate::access::permit::{AppendPermit, ReadPermit};
use crate::access::question::{entity, made, organization, practitioner, principal_entity, request, uid};
use crate::access::view::View;
use crate::store::DocumentEntry;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// What an administrator may do at an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdministrativeAction {
    /// Practitioners and their roles.
    AdministerPeople,
    /// Enrolment codes, devices, revocation.
    AdministerDevices,
    /// Affiliations, relationships, care teams, grants, consents.
    AdministerAccess,
    /// The audit trail, disclosures, why somebody can see something.
    ReadAudit,
    /// Changes that came without the right to be written.
    DecideCustody,
    /// Policies.
    AdministerPolicy,
}

impl AdministrativeAction {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AdministerPeople,
        Self::AdministerDevices,
        Self::AdministerAccess,
        Self::ReadAudit,
        Self::DecideCustody,
        Self::AdministerPolicy,
    ];

    /// Its name in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AdministerPeople => "administer-people",
            Self::AdministerDevices => "administer-devices",
            Self::AdministerAccess => "administer-access",
            Self::ReadAudit => "read-audit",
            Self::DecideCustody => "decide-custody",
            Self::AdministerPolicy => "administer-policy",
        }
    }
}

impl Gate {
    /// Whether a subject may do something as an administrator at an organization. Default deny.
    #[must_use]
    pub fn may_administer(
        &self,
        subject: &Subject,
        action: AdministrativeAction,
        at: &OrganizationId,
        now: UnixMillis,
    ) -> bool {
        let view = self.view(subject, now);
        let (principal, acting_for) = uids(&view);
        let asked = principal_entity(principal.clone(), acting_for, view.standing.roles).and_then(|entity| {
            request(principal, action.as_str(), organization(at.as_str()), Context::empty(), [entity])
        });
        self.policies.ask(asked).permitted
    }

    /// Until when a subject may have a chart that they open in an emergency; none if they may not open it. Whether there is
    /// such a chart does not matter.
    #[must_use]
    pub fn break_glass(
        &self,
        subject: &Subject,
        (at, patient): (&OrganizationId, &PatientId),
        purpose: PurposeOfUse,
        now: UnixMillis,
    ) -> Option<UnixMillis> {
        let purpose = [("purpose".to_owned(), entity("PurposeOfUse", purpose.as_str()))];
        let context = Context::from_pairs(purpose).map_err(|error| error.to_string());
        self.until_when("break-glass", subject, (at, patient), context, now)
    }

    /// Until when, at most, a chart is open to those to whom a subject refers it; none if they may not refer it.
    #[must_use]
    pub fn refer(
        &self,
        subject: &Subject,
        chart: (&OrganizationId, &PatientId),
        recipient: &Grantee,
        now: UnixMillis,
    ) -> Option<UnixMillis> {
        let to = match recipient {
            Grantee::Organization(id) => ("toOrganization".to_owned(), entity("Organization", id.as_str())),
            Grantee::Practitioner(id) => ("toPractitioner".to_owned(), entity("Practitioner", id.as_str())),
        };
        let context = Context::from_pairs([to]).map_err(|error| error.to_string());
        self.until_when("refer", subject, chart, context, now)
    }

    /// Asks about a chart as a whole; the end of the hours that the policies give which permit it.
    fn until_when(
        &self,
        action: &str,
        subject: &Subject,
        (at, patient): (&OrganizationId, &PatientId),
        context: Result<Context, String>,
        now: UnixMillis,
    ) -> Option<UnixMillis> {
        let view = self.view(subject, now);
        let (principal, acting_for) = uids(&view);
        let asked = principal_entity(principal.clone(), acting_for, view.standing.roles).and_then(|practitioner| {
            let chart = uid("Chart", "(chart)");
            let attributes = HashMap::from([
                ("organization".to_owned(), RestrictedExpression::new_entity_uid(organization(at.as_str()))),
                ("patient".to_owned(), entity("Patient", patient.as_str())),
            ]);
            request(principal, action, chart.clone(), context?, [practitioner, made(chart, attributes)?])
        });
        let verdict = self.policies.ask(asked);
        verdict.permitted.then(|| now.plus(i64::from(self.policies.hours(verdict.policies.iter())) * HOUR_MS))
    }

    /// Leave to append a change out of custody, if `officer` may decide about custody at the organization that manages the
    /// document. Its author's right does not matter: accepting it is the officer's decision, and recorded as such.
    #[must_use]
    pub fn custody_append_permit<'a>(
        &self,
        officer: &Subject,
        descriptor: &'a DocumentDescriptor,
        now: UnixMillis,
    ) -> Option<AppendPermit<'a>> {
        let decides = self.may_administer(officer, AdministrativeAction::DecideCustody, &descriptor.organization, now);
        decides.then(|| AppendPermit::mint(descriptor))
    }

    /// Leave for `officer` to read one document to decide on a change in custody for it: what the change builds on is a part
    /// of what is decided. `room` is filled with the document's number.
    #[must_use]
    pub fn custody_read_permit<'a>(
        &self,
        officer: &Subject,
        document: &DocumentEntry,
        room: &'a mut RoaringBitmap,
        now: UnixMillis,
    ) -> Option<ReadPermit<'a>> {
        self.custody_append_permit(officer, &document.descriptor, now)?;
        room.clear();
        room.insert(document.number);
        Some(ReadPermit::mint(room, DeviceId([0; 16])))
    }
}

fn uids(view: &View<'_>) -> (cedar_policy::EntityUid, cedar_policy::EntityUid) {
    (practitioner(view.subject.practitioner.as_str()), organization(view.subject.organization.as_str()))
}
