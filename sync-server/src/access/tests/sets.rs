//! Sets and single decisions say the same, whatever the world.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

const PLACES: [&str; 3] = ["north", "south", "east"];
const PATIENTS: [&str; 3] = ["p1", "p2", "p3"];

struct Dice(ChaCha8Rng);

impl Dice {
    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.0.random_range(0..among.len())]
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    fn moment(&mut self) -> Option<UnixMillis> {
        self.chance(50).then(|| UnixMillis(self.0.random_range(0..3_000)))
    }

    fn period(&mut self) -> Period {
        Period { start: self.moment(), end: self.moment() }
    }

    fn place(&mut self) -> OrganizationId {
        organization(self.pick(&PLACES))
    }

    fn patient(&mut self) -> PatientId {
        PatientId::new(self.pick(&PATIENTS)).unwrap()
    }

    fn party(&mut self) -> Grantee {
        if self.chance(50) { Grantee::Organization(self.place()) } else { Grantee::Practitioner(self.person()) }
    }

    fn person(&mut self) -> PractitionerId {
        PractitionerId::new(self.pick(&["a", "b", "c", "d"])).unwrap()
    }

    fn compartments(&mut self) -> Vec<Compartment> {
        Compartment::ALL.into_iter().filter(|_| self.chance(40)).collect()
    }

    fn categories(&mut self) -> Vec<String> {
        ["PSY", "HIV"].into_iter().filter(|_| self.chance(40)).map(str::to_owned).collect()
    }

    fn provision(&mut self, effect: Effect) -> Provision {
        let actors = (0..self.pick(&[0, 1, 2])).map(|_| self.party()).collect();
        let (compartments, categories) = (self.compartments(), self.categories());
        let (may_write, period) = (self.chance(50), self.period());
        Provision { effect, actors, compartments, categories, may_write, period, exceptions: Vec::new() }
    }

    fn change(&mut self, step: usize) -> FactChange {
        let (organization, patient, id) = (self.place(), self.patient(), format!("f{step}"));
        match self.0.random_range(0..8) {
            0 | 1 => FactChange::Role(PractitionerRole {
                practitioner: self.person(),
                organization,
                role: self.pick(&Role::ALL),
                sensitive: self.categories(),
                until: self.moment(),
            }),
            2 => FactChange::Affiliation(Affiliation {
                organization,
                partner: self.place(),
                compartments: self.compartments(),
                may_write: self.chance(50),
                patients: self.pick(&[AffiliatedPatients::All, AffiliatedPatients::WithRelationship]),
            }),
            3 => FactChange::Relationship(Relationship { organization, patient, partner: self.place() }),
            4 => FactChange::Grant(Grant {
                id,
                organization,
                patient,
                grantee: self.party(),
                compartments: self.compartments(),
                may_write: self.chance(50),
                expires_at: self.moment().unwrap_or(UnixMillis(5_000)),
            }),
            5 => {
                let members = (0..2).map(|_| CareTeamMember { member: self.party(), period: self.period() }).collect();
                FactChange::CareTeam(CareTeam { id, organization, patient, members, source: None })
            }
            6 => {
                let (effect, other) = self.pick(&[(Effect::Permit, Effect::Deny), (Effect::Deny, Effect::Permit)]);
                let exceptions = if self.chance(50) { vec![self.provision(other)] } else { Vec::new() };
                let provision = Provision { exceptions, ..self.provision(effect) };
                let status = self.pick(&[ConsentStatus::Active, ConsentStatus::Active, ConsentStatus::Inactive]);
                FactChange::Consent(Consent { id, organization, patient, status, provision, source: None })
            }
            _ => {
                let subject = Subject { practitioner: self.person(), organization: self.place() };
                FactChange::Opening(BreakGlassOpening {
                    id: OpeningId([step as u8; 16]),
                    organization,
                    patient,
                    subject,
                    ..opening("a", "north", 2_000)
                })
            }
        }
    }
}

/// Every document of every chart: what the numbers stand for.
fn documents() -> Vec<DocumentDescriptor> {
    let mut all = Vec::new();
    for place in PLACES {
        all.push(document(place, Compartment::Directory, ""));
        for patient in PATIENTS {
            for compartment in Compartment::ALL.into_iter().filter(|c| *c != Compartment::Directory) {
                let parts: &[&str] = match compartment {
                    Compartment::Sensitive => &["PSY", "HIV"],
                    Compartment::Encounter => &["e1", "e2"],
                    _ => &[""],
                };
                for part in parts {
                    let patient = Some(PatientId::new(patient).unwrap());
                    all.push(DocumentDescriptor { patient, ..document(place, compartment, part) });
                }
            }
        }
    }
    all
}

const CLINICS_OWN: &str = r#"
    @id("vip") forbid (principal, action == Action::"read", resource)
        when { resource has patient && resource.patient == Patient::"p2" && resource.organization == Organization::"south" };
    @id("b-reads") permit (principal == Practitioner::"b", action == Action::"read", resource)
        when { context.relationship };"#;

/// Holds every reach against the decision for each document, as facts and documents come and time passes.
fn agree(seed: u64, own_policy: bool) {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    let mut gate = gate(Facts::default());
    if own_policy {
        gate = with_policy(gate, CLINICS_OWN);
    }
    let documents = documents();
    let mut there = 0;
    for step in 0..40 {
        gate.change(dice.change(step));
        if dice.chance(70) {
            let more = (there + dice.0.random_range(0..12)).min(documents.len());
            for (number, descriptor) in documents.iter().enumerate().take(more).skip(there) {
                gate.document_added(descriptor, number as u32 + 1);
            }
            there = more;
        }
        let now = UnixMillis(dice.0.random_range(0..3_000));
        let who = Subject { practitioner: dice.person(), organization: dice.place() };
        let reach = gate.reach(&who, now);
        let found: BTreeSet<usize> = reach.documents().iter().map(|number| number as usize - 1).collect();
        let read = |at: &usize| gate.decide(&who, &documents[*at], Action::Read, now);
        let expected: BTreeSet<usize> = (0..there).filter(read).collect();
        assert_eq!(found, expected, "seed {seed}, step {step}: {who:?} at {now:?}");
        let staged: BTreeSet<usize> =
            gate.staged(&who, now).documents().iter().map(|number| number as usize - 1).collect();
        let stage = |at: &usize| gate.decide(&who, &documents[*at], Action::Stage, now) && !found.contains(at);
        assert_eq!(staged, (0..there).filter(stage).collect(), "seed {seed}, step {step}: staged");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reach_holds_exactly_the_documents_that_are_decided_one_by_one(seed: u64, own_policy: bool) {
        agree(seed, own_policy);
    }
}
