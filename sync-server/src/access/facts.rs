//! What access rests on: roles, affiliations and grants, as the administrators have entered them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sync_protocol::{Compartment, OrganizationId, PatientId, PractitionerId, UnixMillis};
use utoipa::ToSchema;

use crate::admin::schema;

/// What a practitioner does at an organization (PractitionerRole.code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Treats patients.
    Physician,
    /// Cares for patients.
    Nurse,
    /// Registers patients and bills.
    Clerk,
    /// Visits patients in the field.
    CommunityHealthWorker,
    /// Dispenses.
    Pharmacist,
    /// Watches over privacy: the audit trail, not the charts.
    PrivacyOfficer,
    /// Looks after people and devices, not the charts.
    Administrator,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 7] = [
        Self::Physician,
        Self::Nurse,
        Self::Clerk,
        Self::CommunityHealthWorker,
        Self::Pharmacist,
        Self::PrivacyOfficer,
        Self::Administrator,
    ];

    /// The kebab-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Physician => "physician",
            Self::Nurse => "nurse",
            Self::Clerk => "clerk",
            Self::CommunityHealthWorker => "community-health-worker",
            Self::Pharmacist => "pharmacist",
            Self::PrivacyOfficer => "privacy-officer",
            Self::Administrator => "administrator",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL
            .into_iter()
            .find(|r| r.as_str() == text)
            .ok_or_else(|| format!("no such role; there are: {}", names()))
    }
}

/// A role of a practitioner at an organization (PractitionerRole).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PractitionerRole {
    /// Who.
    #[schema(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// Where.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// What they do there.
    pub role: Role,
    /// Sensitive categories (v3-ActCode) opened to them by name; closed otherwise.
    #[serde(default)]
    #[schema(value_type = Vec<schema::Category>)]
    pub sensitive: Vec<String>,
}

/// An organization opens compartments of all its charts to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Affiliation {
    /// Whose charts.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Who may have them.
    #[schema(value_type = schema::FhirId)]
    pub partner: OrganizationId,
    /// Which compartments; `sensitive` cannot be among them.
    #[schema(value_type = Vec<schema::CompartmentName>)]
    pub compartments: Vec<Compartment>,
    /// Whether the partner may also write there.
    #[serde(default)]
    pub may_write: bool,
}

/// Who receives a grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grantee {
    /// Every practitioner of an organization, within their role.
    Organization(OrganizationId),
    /// One practitioner, at whatever organization they act for.
    Practitioner(PractitionerId),
}

/// One chart, or some of it, opened for a time (a referral).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// Its id.
    #[schema(value_type = schema::HexId)]
    pub id: String,
    /// Which organization manages the chart.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Whose chart.
    #[schema(value_type = schema::FhirId)]
    pub patient: PatientId,
    /// To whom.
    #[schema(value_type = schema::Grantee)]
    pub grantee: Grantee,
    /// Which compartments; `sensitive` opens every category of the chart and must be named.
    #[schema(value_type = Vec<schema::CompartmentName>)]
    pub compartments: Vec<Compartment>,
    /// Whether they may also write there.
    #[serde(default)]
    pub may_write: bool,
    /// From this moment on it opens nothing.
    #[schema(value_type = schema::Moment)]
    pub expires_at: UnixMillis,
}

/// All facts, indexed by who asks.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    roles: HashMap<(PractitionerId, OrganizationId), Vec<PractitionerRole>>,
    affiliations: HashMap<OrganizationId, Vec<Affiliation>>,
    grants: HashMap<Grantee, Vec<Grant>>,
}

impl Facts {
    /// Indexes the facts.
    #[must_use]
    pub fn new(roles: Vec<PractitionerRole>, affiliations: Vec<Affiliation>, grants: Vec<Grant>) -> Self {
        let mut facts = Self::default();
        for role in roles {
            facts.roles.entry((role.practitioner.clone(), role.organization.clone())).or_default().push(role);
        }
        for affiliation in affiliations {
            facts.affiliations.entry(affiliation.partner.clone()).or_default().push(affiliation);
        }
        for grant in grants {
            facts.grants.entry(grant.grantee.clone()).or_default().push(grant);
        }
        facts
    }

    /// The roles of a practitioner at the organization they act for.
    pub fn roles(&self, subject: &Subject) -> &[PractitionerRole] {
        let key = (subject.practitioner.clone(), subject.organization.clone());
        self.roles.get(&key).map_or(&[], Vec::as_slice)
    }

    /// What other organizations open to this one.
    pub fn affiliations(&self, partner: &OrganizationId) -> &[Affiliation] {
        self.affiliations.get(partner).map_or(&[], Vec::as_slice)
    }

    /// Grants to the subject or its organization that have not run out.
    pub fn grants<'a>(&'a self, subject: &Subject, now: UnixMillis) -> impl Iterator<Item = &'a Grant> {
        let grantees =
            [Grantee::Organization(subject.organization.clone()), Grantee::Practitioner(subject.practitioner.clone())];
        let of_grantee = move |grantee: Grantee| self.grants.get(&grantee).map_or(&[][..], Vec::as_slice);
        grantees.into_iter().flat_map(of_grantee).filter(move |grant| grant.expires_at > now)
    }
}

/// Who asks: a practitioner acting for an organization, as a device certificate says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Who.
    pub practitioner: PractitionerId,
    /// For which organization; roles elsewhere do not count.
    pub organization: OrganizationId,
}
