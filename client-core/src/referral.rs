//! Opening a chart to others by referring the patient: asked of the relay, which grants it if policy allows.

use sync_protocol::frame::{Recipient, Refer, ReferAnswer, ReferOutcome, ReferRefusal};
use sync_protocol::{Compartment, ReferralId, UnixMillis};

use crate::store::referrals::{self, Referral};
use crate::trail::{self, Act};
use crate::{ChartRef, Device, DeviceError, DeviceEvent};

/// What others are to have of a chart, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferralScope {
    /// To whom.
    pub to: Recipient,
    /// Which compartments; not `sensitive`, not `directory`.
    pub compartments: Vec<Compartment>,
    /// Whether they may also write there.
    pub may_write: bool,
    /// For how long, in milliseconds; policy may allow less.
    pub for_ms: u64,
}

impl Device {
    /// Asks the relay to open a chart to others, as soon as it is reached; the answer comes as
    /// [`crate::sync::SyncEvent::ReferralAnswered`] and stands in [`Device::referrals`]. Recorded as `refer`.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`]; [`DeviceError::Invalid`] without a compartment or time, or with one that no referral
    /// opens; [`DeviceError::LeaseExpired`]; storage.
    pub fn open_by_referral(
        &mut self,
        chart: &ChartRef,
        scope: &ReferralScope,
        now: UnixMillis,
    ) -> Result<ReferralId, DeviceError> {
        self.check_lease(now)?;
        let closed = |compartment: &Compartment| matches!(compartment, Compartment::Sensitive | Compartment::Directory);
        if scope.for_ms == 0 || scope.compartments.is_empty() || scope.compartments.iter().any(closed) {
            return Err(DeviceError::Invalid(
                "a referral opens compartments other than sensitive and directory, for a time",
            ));
        }
        let documents = self.documents()?.into_iter();
        let of_chart: Vec<_> = documents
            .filter(|held| held.descriptor.organization == chart.organization)
            .filter(|held| held.descriptor.patient.as_ref() == Some(&chart.patient))
            .map(|held| held.id)
            .collect();
        if of_chart.is_empty() {
            return Err(DeviceError::UnknownPatient { patient: chart.patient.clone().into() });
        }
        let mut id = ReferralId([0; 16]);
        self.randomness.fill(&mut id.0);
        let asked = Refer {
            referral: id,
            organization: chart.organization.clone(),
            patient: chart.patient.clone(),
            to: scope.to.clone(),
            compartments: scope.compartments.clone(),
            may_write: scope.may_write,
            for_ms: scope.for_ms,
        };
        self.write(|tx, _| {
            trail::record(tx, &Act::new("refer", Some(chart), of_chart), now)?;
            referrals::ask(tx, &asked, now)
        })?;
        self.tell(&DeviceEvent::OutboxGrew);
        Ok(id)
    }

    /// All referrals that were made here, oldest first.
    ///
    /// # Errors
    /// [`DeviceError::LeaseExpired`]; storage.
    pub fn referrals(&mut self, now: UnixMillis) -> Result<Vec<Referral>, DeviceError> {
        self.check_lease(now)?;
        referrals::all(&self.db)
    }

    /// The relay answered a referral. Gives why it was refused, if it was.
    pub(crate) fn referral_answered(&mut self, answer: &ReferAnswer) -> Result<Option<&'static str>, DeviceError> {
        match answer.outcome {
            ReferOutcome::Opened(until) => referrals::opened(&self.db, &answer.referral, until).map(|()| None),
            ReferOutcome::Refused(refusal) => {
                let why = words(refusal);
                referrals::refused(&self.db, &answer.referral, why)?;
                Ok(Some(why))
            }
        }
    }
}

fn words(refusal: ReferRefusal) -> &'static str {
    match refusal {
        ReferRefusal::MayNotRefer => "no policy lets you open this chart, or that much of it, to them",
        ReferRefusal::UnknownRecipient => "the relay does not know this organization or practitioner",
        ReferRefusal::NothingToOpen => "nothing in it can be opened by a referral",
        ReferRefusal::Other => "the relay refused it for a reason that this version does not know",
    }
}
