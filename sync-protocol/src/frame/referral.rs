//! Referrals: a device asks that a chart be opened to others for a time.

use serde::{Deserialize, Serialize};

use super::bounded;
use crate::document::Compartment;
use crate::ids::{OrganizationId, PatientId, PractitionerId, ReferralId, UnixMillis};

/// See [`crate::Frame::Refer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refer {
    /// The device's id for this referral, random. Asked again under the same id, it is the same referral.
    pub referral: ReferralId,
    /// Who manages the chart.
    pub organization: OrganizationId,
    /// Whose chart.
    pub patient: PatientId,
    /// To whom it is opened.
    pub to: Recipient,
    /// Which compartments.
    #[serde(deserialize_with = "bounded::compartments")]
    pub compartments: Vec<Compartment>,
    /// Whether they may also write there.
    pub may_write: bool,
    /// For how long, in milliseconds; the relay's policy may allow less.
    pub for_ms: u64,
}

/// To whom a chart is referred.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recipient {
    /// Every practitioner of an organization, within their role.
    #[serde(rename = "o")]
    Organization(OrganizationId),
    /// One practitioner.
    #[serde(rename = "p")]
    Practitioner(PractitionerId),
}

/// See [`crate::Frame::ReferAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferAnswer {
    /// Which referral is answered.
    pub referral: ReferralId,
    /// What became of it.
    pub outcome: ReferOutcome,
}

/// What became of a referral.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReferOutcome {
    /// The chart is open to them until then, by the relay's clock.
    #[serde(rename = "o")]
    Opened(UnixMillis),
    /// It stays closed to them.
    #[serde(rename = "r")]
    Refused(ReferRefusal),
}

/// Why a chart was not opened to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferRefusal {
    /// No policy lets this practitioner refer the chart, or they do not have themself what they would open.
    MayNotRefer,
    /// There is no such organization or practitioner.
    UnknownRecipient,
    /// No compartment, or one that cannot be referred: `sensitive`, `directory`; or no time.
    NothingToOpen,
    /// A reason of a later version.
    #[serde(other)]
    Other,
}
