//! Random facts, for worlds that are held against the model.

use super::*;
use crate::access::{
    AffiliatedPatients, CareTeam, CareTeamMember, Consent, ConsentStatus, Effect, Period, Provision, Relationship,
};

/// Draws facts about a few organizations, people and patients.
pub struct FactDice {
    pub rng: ChaCha8Rng,
    pub organizations: &'static [&'static str],
    pub people: &'static [&'static str],
    pub patients: &'static [&'static str],
    /// Periods and expiries lie within this many milliseconds of the moment they are drawn at.
    pub span: i64,
}

impl FactDice {
    pub fn below(&mut self, bound: usize) -> usize {
        let mut bytes = [0; 4];
        self.rng.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes) as usize % bound
    }

    pub fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn organization(&mut self) -> OrganizationId {
        organization(self.pick(self.organizations))
    }

    pub fn person(&mut self) -> PractitionerId {
        practitioner(self.pick(self.people))
    }

    pub fn patient(&mut self) -> PatientId {
        patient(self.pick(self.patients))
    }

    pub fn party(&mut self) -> Grantee {
        if self.chance(50) { Grantee::Organization(self.organization()) } else { Grantee::Practitioner(self.person()) }
    }

    /// A moment around `now`.
    pub fn moment(&mut self, now: UnixMillis) -> UnixMillis {
        let span = usize::try_from(self.span).unwrap();
        now.plus(self.below(span) as i64 - self.span / 4)
    }

    pub fn period(&mut self, now: UnixMillis) -> Period {
        let start = self.chance(40).then(|| self.moment(now));
        let end = self.chance(60).then(|| self.moment(now));
        Period { start, end }
    }

    pub fn compartments(&mut self) -> Vec<Compartment> {
        let all = [
            Compartment::Core,
            Compartment::Encounter,
            Compartment::Sensitive,
            Compartment::Administrative,
            Compartment::Results,
            Compartment::Workflow,
            Compartment::PatientIndex,
        ];
        all.into_iter().filter(|_| self.chance(40)).collect()
    }

    pub fn categories(&mut self) -> Vec<String> {
        ["PSY", "HIV"].into_iter().filter(|_| self.chance(40)).map(str::to_owned).collect()
    }

    pub fn role(&mut self, practitioner: PractitionerId, at: OrganizationId, now: UnixMillis) -> PractitionerRole {
        let role = self.pick(&Role::ALL);
        let until = self.chance(20).then(|| self.moment(now));
        PractitionerRole { practitioner, organization: at, role, sensitive: self.categories(), until }
    }

    pub fn affiliation(&mut self) -> Affiliation {
        let mut compartments = self.compartments();
        compartments.retain(|compartment| *compartment != Compartment::Sensitive);
        Affiliation {
            organization: self.organization(),
            partner: self.organization(),
            compartments,
            may_write: self.chance(50),
            patients: self.pick(&[AffiliatedPatients::All, AffiliatedPatients::WithRelationship]),
        }
    }

    pub fn relationship(&mut self) -> Relationship {
        Relationship { organization: self.organization(), patient: self.patient(), partner: self.organization() }
    }

    pub fn grant(&mut self, id: String, now: UnixMillis) -> Grant {
        Grant {
            id,
            organization: self.organization(),
            patient: self.patient(),
            grantee: self.party(),
            compartments: self.compartments(),
            may_write: self.chance(50),
            expires_at: self.moment(now),
        }
    }

    pub fn care_team(&mut self, id: String, now: UnixMillis) -> CareTeam {
        let members = (0..1 + self.below(3)).map(|_| CareTeamMember { member: self.party(), period: self.period(now) });
        let members = members.collect();
        CareTeam { id, organization: self.organization(), patient: self.patient(), members, source: None }
    }

    pub fn consent(&mut self, id: String, now: UnixMillis) -> Consent {
        let (effect, opposite) = self.pick(&[(Effect::Permit, Effect::Deny), (Effect::Deny, Effect::Permit)]);
        let exceptions = (0..self.below(3)).map(|_| self.provision(opposite, now)).collect();
        let provision = Provision { exceptions, ..self.provision(effect, now) };
        let status =
            self.pick(&[ConsentStatus::Active, ConsentStatus::Active, ConsentStatus::Active, ConsentStatus::Inactive]);
        Consent { id, organization: self.organization(), patient: self.patient(), status, provision, source: None }
    }

    fn provision(&mut self, effect: Effect, now: UnixMillis) -> Provision {
        let actors = (0..self.below(3)).map(|_| self.party()).collect();
        let (compartments, categories) = match self.below(3) {
            0 => (Vec::new(), Vec::new()),
            _ => (self.compartments(), self.categories()),
        };
        let (may_write, period) = (self.chance(50), self.period(now));
        Provision { effect, actors, compartments, categories, may_write, period, exceptions: Vec::new() }
    }
}
