//! What access rests on, as administrators, patients and emergencies have entered it.

mod care_team;
mod consent;
mod opening;
mod role;

use serde::{Deserialize, Serialize};
use sync_protocol::{Compartment, OrganizationId, PatientId, PractitionerId, UnixMillis};
use utoipa::ToSchema;

use crate::admin::schema;

pub use care_team::{CareTeam, CareTeamMember};
pub use consent::{Consent, ConsentStatus, Effect, Provision};
pub use opening::{BreakGlassOpening, PurposeOfUse};
pub(in crate::access) use role::RoleSet;
pub use role::{PractitionerRole, Role};

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
    /// Whose charts of them.
    #[serde(default)]
    pub patients: AffiliatedPatients,
}

/// Which patients' charts an affiliation opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AffiliatedPatients {
    /// Those of every patient.
    #[default]
    All,
    /// Those of patients whom the partner treats too: see [`Relationship`].
    WithRelationship,
}

impl AffiliatedPatients {
    /// The kebab-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::WithRelationship => "with-relationship",
        }
    }
}

impl std::str::FromStr for AffiliatedPatients {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::All, Self::WithRelationship].into_iter().find(|patients| patients.as_str() == text);
        found.ok_or_else(|| "patients are all or with-relationship".to_owned())
    }
}

/// A patient of one organization is treated by another as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Relationship {
    /// Which organization manages the chart.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Whose chart.
    #[schema(value_type = schema::FhirId)]
    pub patient: PatientId,
    /// Who treats them too.
    #[schema(value_type = schema::FhirId)]
    pub partner: OrganizationId,
}

/// When something holds. Open where it names no moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// From this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Moment>)]
    pub start: Option<UnixMillis>,
    /// From this moment on no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Moment>)]
    pub end: Option<UnixMillis>,
}

impl Period {
    /// Whether `now` lies in it.
    #[must_use]
    pub fn contains(&self, now: UnixMillis) -> bool {
        self.start.is_none_or(|start| start <= now) && self.end.is_none_or(|end| now < end)
    }

    /// The next moment after `now` at which it begins or ends.
    #[must_use]
    pub fn next_turn(&self, now: UnixMillis) -> Option<UnixMillis> {
        [self.start, self.end].into_iter().flatten().filter(|moment| now < *moment).min()
    }
}

/// Who receives a grant, belongs to a care team or is named by a consent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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

/// All facts, as a store keeps them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Who does what where.
    pub roles: Vec<PractitionerRole>,
    /// Which organizations share with which.
    pub affiliations: Vec<Affiliation>,
    /// Which patients are treated by two.
    pub relationships: Vec<Relationship>,
    /// Who treats a patient together.
    pub care_teams: Vec<CareTeam>,
    /// Referrals.
    pub grants: Vec<Grant>,
    /// What patients have said.
    pub consents: Vec<Consent>,
    /// Charts opened in an emergency.
    pub openings: Vec<BreakGlassOpening>,
}

/// Who asks: a practitioner acting for an organization, as a device certificate says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Subject {
    /// Who.
    #[schema(value_type = schema::FhirId)]
    pub practitioner: PractitionerId,
    /// For which organization; roles elsewhere do not count.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
}
