//! Who treats a patient together (CareTeam).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_protocol::{OrganizationId, PatientId};

use super::{Grantee, Period};

/// The people and organizations that care for one patient. Its members have the patient's chart within their roles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CareTeam {
    /// Its id.
    pub id: String,
    /// Which organization manages the chart.
    pub organization: OrganizationId,
    /// Whose chart.
    pub patient: PatientId,
    /// Who belongs to it.
    pub members: Vec<CareTeamMember>,
    /// The FHIR CareTeam that it was read from, with all that is not understood here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Value>,
}

/// A member of a care team (CareTeam.participant).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CareTeamMember {
    /// Who.
    pub member: Grantee,
    /// From when to when.
    #[serde(default)]
    pub period: Period,
}
