//! What patients have said about who may have their chart (Consent).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_protocol::{Compartment, OrganizationId, PatientId, UnixMillis};
use utoipa::ToSchema;

use super::{Grantee, Period, Subject};
use crate::admin::schema;

/// One patient's say over one chart. Only an active one has effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Its id.
    #[schema(value_type = schema::FhirId)]
    pub id: String,
    /// Which organization manages the chart.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Whose chart, and whose say.
    #[schema(value_type = schema::FhirId)]
    pub patient: PatientId,
    /// Whether it has effect.
    pub status: ConsentStatus,
    /// What it says.
    pub provision: Provision,
    /// The FHIR Consent that it was read from, with all that is not understood here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub source: Option<Value>,
}

/// Consent.status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConsentStatus {
    /// Being written.
    Draft,
    /// Put forward, not agreed to.
    Proposed,
    /// In force.
    Active,
    /// Refused by one side.
    Rejected,
    /// Over.
    Inactive,
    /// Should never have been.
    EnteredInError,
}

/// Whether a provision opens or closes (Consent.provision.type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Opens.
    Permit,
    /// Closes.
    Deny,
}

/// Who may or may not have what, and when (Consent.provision).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Provision {
    /// Opens or closes.
    pub effect: Effect,
    /// For whom; for everyone if nobody is named.
    #[serde(default)]
    #[schema(value_type = Vec<schema::Grantee>)]
    pub actors: Vec<Grantee>,
    /// Which compartments; `sensitive` means every category.
    #[serde(default)]
    #[schema(value_type = Vec<schema::ChartCompartment>)]
    pub compartments: Vec<Compartment>,
    /// Which sensitive categories (v3-ActCode).
    #[serde(default)]
    #[schema(value_type = Vec<schema::Category>)]
    pub categories: Vec<String>,
    /// Whether what is opened may also be written; what is closed is closed to both.
    #[serde(default)]
    pub may_write: bool,
    /// From when to when.
    #[serde(default)]
    pub period: Period,
    /// Provisions of the opposite effect that go before this one where they apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Exception>)]
    pub exceptions: Vec<Provision>,
}

impl Provision {
    /// Whether it concerns a subject at a moment.
    #[must_use]
    pub fn concerns(&self, subject: &Subject, now: UnixMillis) -> bool {
        let named = |actor: &Grantee| match actor {
            Grantee::Organization(organization) => *organization == subject.organization,
            Grantee::Practitioner(practitioner) => *practitioner == subject.practitioner,
        };
        self.period.contains(now) && (self.actors.is_empty() || self.actors.iter().any(named))
    }

    /// Whether it names a kind of content. One that names nothing means the whole chart; what opens the whole chart opens
    /// no sensitive category, as these are opened by name only.
    #[must_use]
    pub fn covers(&self, compartment: Compartment, category: &str) -> bool {
        if self.compartments.is_empty() && self.categories.is_empty() {
            return self.effect == Effect::Deny || compartment != Compartment::Sensitive;
        }
        let by_category = compartment == Compartment::Sensitive && self.categories.iter().any(|c| c == category);
        by_category || self.compartments.contains(&compartment)
    }
}
