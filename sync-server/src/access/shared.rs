//! What is shared with somebody of one chart: a grant, a place in a care team, a consent, an opening in an emergency.

use std::sync::Arc;

use sync_protocol::{Compartment, UnixMillis};

use crate::access::facts::{
    BreakGlassOpening, CareTeam, CareTeamMember, Consent, ConsentStatus, Effect, Grant, Grantee, Provision, Subject,
};
use crate::access::question::Sharing;

/// Something that is shared with somebody of one chart.
#[derive(Clone, Debug)]
pub(in crate::access) enum Shared {
    Grant(Arc<Grant>),
    CareTeam(Arc<CareTeam>),
    Consent(Arc<Consent>),
    Opening(Arc<BreakGlassOpening>),
}

impl Shared {
    /// Whether it has effect for a subject now.
    pub fn applies(&self, subject: &Subject, now: UnixMillis) -> bool {
        match self {
            Self::Grant(grant) => now < grant.expires_at,
            Self::CareTeam(team) => team.members.iter().any(|m| is_named(&m.member, subject) && m.period.contains(now)),
            Self::Consent(consent) => consent.status == ConsentStatus::Active && consent.provision.period.contains(now),
            Self::Opening(opening) => opening.subject == *subject && opening.opened_at <= now && now < opening.until,
        }
    }

    /// The next moment after `now` at which it may begin or cease to have effect.
    pub fn next_turn(&self, now: UnixMillis) -> Option<UnixMillis> {
        let later = |moment: UnixMillis| (now < moment).then_some(moment);
        match self {
            Self::Grant(grant) => later(grant.expires_at),
            Self::CareTeam(team) => {
                team.members.iter().filter_map(|member: &CareTeamMember| member.period.next_turn(now)).min()
            }
            Self::Consent(consent) => {
                let provisions = std::iter::once(&consent.provision).chain(&consent.provision.exceptions);
                provisions.filter_map(|provision| provision.period.next_turn(now)).min()
            }
            Self::Opening(opening) => [opening.opened_at, opening.until].into_iter().filter_map(later).min(),
        }
    }
}

pub(in crate::access) fn is_named(party: &Grantee, subject: &Subject) -> bool {
    match party {
        Grantee::Organization(organization) => *organization == subject.organization,
        Grantee::Practitioner(practitioner) => *practitioner == subject.practitioner,
    }
}

/// Some compartments, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::access) struct CompartmentSet(u8);

impl CompartmentSet {
    pub fn contains(self, compartment: Compartment) -> bool {
        self.0 & 1 << compartment.urgency() != 0
    }
}

impl FromIterator<Compartment> for CompartmentSet {
    fn from_iter<T: IntoIterator<Item = Compartment>>(compartments: T) -> Self {
        Self(compartments.into_iter().fold(0, |bits, compartment| bits | 1 << compartment.urgency()))
    }
}

/// What is shared of one chart in the same way as of many others: everything but consents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::access) struct ChartTerms {
    pub relationship: bool,
    pub care_team: bool,
    pub granted: bool,
    pub granted_to_write: bool,
    pub grant_reads: CompartmentSet,
    pub grant_writes: CompartmentSet,
    /// The glass is broken, until then.
    pub break_glass: Option<UnixMillis>,
}

impl ChartTerms {
    /// Takes something in that applies.
    pub fn take(&mut self, shared: &Shared) {
        match shared {
            Shared::Grant(grant) => {
                let named: CompartmentSet = grant.compartments.iter().copied().collect();
                self.granted = true;
                self.grant_reads.0 |= named.0;
                if grant.may_write {
                    self.granted_to_write = true;
                    self.grant_writes.0 |= named.0;
                }
            }
            Shared::CareTeam(_) => self.care_team = true,
            Shared::Opening(opening) => self.break_glass = self.break_glass.max(Some(opening.until)),
            Shared::Consent(_) => {}
        }
    }

    /// Grants, as far as they concern a compartment.
    pub fn grant(&self, compartment: Compartment) -> Sharing {
        Sharing {
            anything: self.granted,
            anything_to_write: self.granted_to_write,
            this: self.grant_reads.contains(compartment),
            this_to_write: self.grant_writes.contains(compartment),
        }
    }
}

/// What one consent says of a document: whether it denies it, and how it shares it.
pub(in crate::access) fn consent_says(
    consent: &Consent,
    subject: &Subject,
    (compartment, category): (Compartment, &str),
    now: UnixMillis,
) -> (bool, Sharing) {
    let root = &consent.provision;
    let exceptions = || root.exceptions.iter().filter(|exception| exception.concerns(subject, now));
    let concerns_root = root.concerns(subject, now);
    let permits = |provision: &&Provision| provision.effect == Effect::Permit;
    let concerning = || concerns_root.then_some(root).into_iter().chain(exceptions());
    // What an exception covers is decided by exceptions alone.
    let covering: Vec<&Provision> = exceptions().filter(|exception| exception.covers(compartment, category)).collect();
    let deciding = match covering.is_empty() {
        true => concerns_root.then_some(root).filter(|root| root.covers(compartment, category)).into_iter().collect(),
        false => covering,
    };
    let denies = deciding.iter().any(|provision| provision.effect == Effect::Deny);
    let sharing = Sharing {
        anything: concerning().any(|provision| permits(&provision)),
        anything_to_write: concerning().any(|provision| permits(&provision) && provision.may_write),
        this: !denies && deciding.iter().any(permits),
        this_to_write: !denies && deciding.iter().any(|provision| permits(provision) && provision.may_write),
    };
    (denies, sharing)
}
