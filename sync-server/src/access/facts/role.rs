//! What practitioners do at organizations.

use serde::{Deserialize, Serialize};
use sync_protocol::{OrganizationId, PractitionerId, UnixMillis};
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
    /// From this moment on they do it no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Moment>)]
    pub until: Option<UnixMillis>,
}

/// Some roles, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::access) struct RoleSet(u8);

impl RoleSet {
    /// Adds a role.
    pub fn insert(&mut self, role: Role) {
        self.0 |= 1 << role as u8;
    }

    /// Those that are in it.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.0 & 1 << *role as u8 != 0)
    }
}
