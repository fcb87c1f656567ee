//! Charts opened in an emergency (break-glass).

use serde::{Deserialize, Serialize};
use sync_protocol::{DeviceId, OpeningId, OrganizationId, PatientId, UnixMillis};
use utoipa::ToSchema;

use super::Subject;
use crate::admin::schema;

/// One chart, opened to one practitioner for a few hours. Kept for ever; it opens nothing from `until` on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakGlassOpening {
    /// Its id.
    #[schema(value_type = schema::HexId)]
    pub id: OpeningId,
    /// Which organization manages the chart.
    #[schema(value_type = schema::FhirId)]
    pub organization: OrganizationId,
    /// Whose chart.
    #[schema(value_type = schema::FhirId)]
    pub patient: PatientId,
    /// To whom.
    pub subject: Subject,
    /// On which device it was asked for.
    #[schema(value_type = schema::HexId)]
    pub device: DeviceId,
    /// What for.
    pub purpose: PurposeOfUse,
    /// Why, in the practitioner's words.
    pub reason: String,
    /// When.
    #[schema(value_type = schema::Moment)]
    pub opened_at: UnixMillis,
    /// From this moment on it opens nothing.
    #[schema(value_type = schema::Moment)]
    pub until: UnixMillis,
}

/// What somebody wants a chart for (v3-ActReason, PurposeOfUse).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum PurposeOfUse {
    /// Treatment.
    #[serde(rename = "TREAT")]
    Treatment,
    /// Treatment in an emergency.
    #[serde(rename = "ETREAT")]
    EmergencyTreatment,
    /// Break the glass.
    #[serde(rename = "BTG")]
    BreakTheGlass,
}

impl PurposeOfUse {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Treatment, Self::EmergencyTreatment, Self::BreakTheGlass];

    /// The code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Treatment => "TREAT",
            Self::EmergencyTreatment => "ETREAT",
            Self::BreakTheGlass => "BTG",
        }
    }
}

impl std::str::FromStr for PurposeOfUse {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| format!("no such purpose; there are: {}", names()))
    }
}
