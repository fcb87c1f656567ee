//! Opening a chart to others by referring the patient.

use client_core::{
    ChartRef, Compartment, OrganizationId, PractitionerId, Referral, ReferralScope, ReferralState, UnixMillis,
};

use crate::{SatchelDevice, SatchelError};

/// To whom a chart is referred.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ReferredTo {
    /// Every practitioner of an organization, within their role.
    Colleagues {
        /// Which.
        organization: OrganizationId,
    },
    /// One practitioner.
    Person {
        /// Whom.
        practitioner: PractitionerId,
    },
}

impl From<ReferredTo> for client_core::Recipient {
    fn from(to: ReferredTo) -> Self {
        match to {
            ReferredTo::Colleagues { organization } => Self::Organization(organization),
            ReferredTo::Person { practitioner } => Self::Practitioner(practitioner),
        }
    }
}

impl From<client_core::Recipient> for ReferredTo {
    fn from(to: client_core::Recipient) -> Self {
        match to {
            client_core::Recipient::Organization(organization) => Self::Colleagues { organization },
            client_core::Recipient::Practitioner(practitioner) => Self::Person { practitioner },
        }
    }
}

/// What others are to have of a chart, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ReferralWish {
    /// To whom.
    pub to: ReferredTo,
    /// Which compartments; not sensitive, not the directory.
    pub compartments: Vec<Compartment>,
    /// Whether they may also write there.
    #[uniffi(default)]
    pub may_write: bool,
    /// For how long, in milliseconds; policy may allow less.
    pub for_ms: u64,
}

/// What became of a referral.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ReferralOutcome {
    /// It is sent as soon as the relay is reached.
    Waiting,
    /// The chart is open to them.
    Opened {
        /// Until then, by the relay's clock.
        until: UnixMillis,
    },
    /// The relay refused it.
    Refused {
        /// Why, for a person.
        reason: String,
    },
}

/// A chart that was referred.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ReferralMade {
    /// Names it, here and at the relay.
    pub id: String,
    /// The chart.
    pub chart: ChartRef,
    /// To whom.
    pub to: ReferredTo,
    /// When, by this device's clock.
    pub asked_at: UnixMillis,
    /// What became of it.
    pub outcome: ReferralOutcome,
}

impl From<Referral> for ReferralMade {
    fn from(referral: Referral) -> Self {
        let outcome = match referral.state {
            ReferralState::Waiting => ReferralOutcome::Waiting,
            ReferralState::Opened(until) => ReferralOutcome::Opened { until },
            ReferralState::Refused(reason) => ReferralOutcome::Refused { reason },
        };
        let (id, to) = (referral.id.to_string(), referral.to.into());
        Self { id, chart: referral.chart, to, asked_at: referral.asked_at, outcome }
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// Asks the relay to open a chart to others, as soon as it is reached; the answer is news of the sync and stands in
    /// `referrals`. Gives the referral's id.
    pub fn open_by_referral(&self, chart: ChartRef, wish: ReferralWish) -> Result<String, SatchelError> {
        let ReferralWish { to, compartments, may_write, for_ms } = wish;
        let scope = ReferralScope { to: to.into(), compartments, may_write, for_ms };
        self.with(|device, now| device.open_by_referral(&chart, &scope, now)).map(|id| id.to_string())
    }

    /// All referrals that were made here, oldest first.
    pub fn referrals(&self) -> Result<Vec<ReferralMade>, SatchelError> {
        let made = self.with(|device, now| device.referrals(now))?;
        Ok(made.into_iter().map(ReferralMade::from).collect())
    }
}
