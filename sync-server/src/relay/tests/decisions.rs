//! The gate against the model: random facts, and every decision about every document.

use super::model::Model;
use super::worlds_facts::FactDice;
use super::*;
use crate::access::{Action, BreakGlassOpening, FactChange, Facts, Gate, PurposeOfUse, Subject};
use sync_protocol::{DeviceId, OpeningId};

const DECISIONS: usize = 150_000;
const STEPS: usize = 12;
const ORGANIZATIONS: [&str; 4] = ["east", "north", "south", "west"];
const PEOPLE: [&str; 5] = ["dr-0", "dr-1", "dr-2", "dr-3", "dr-4"];
const PATIENTS: [&str; 2] = ["p1", "p2"];

fn documents() -> Vec<DocumentDescriptor> {
    let mut all = Vec::new();
    for at in ORGANIZATIONS {
        all.push(document(at, "", Compartment::Directory, ""));
        for of in PATIENTS {
            for compartment in Compartment::ALL {
                let parts: &[&str] = match compartment {
                    Compartment::Directory => &[],
                    Compartment::Sensitive => &["PSY", "HIV", "SUD"],
                    Compartment::Encounter => &["e1"],
                    _ => &[""],
                };
                all.extend(parts.iter().map(|part| document(at, of, compartment, part)));
            }
        }
    }
    all
}

struct World {
    dice: FactDice,
    model: Model,
    gate: Gate,
    now: UnixMillis,
}

impl World {
    fn new(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let (organizations, people, patients) = (&ORGANIZATIONS, &PEOPLE, &PATIENTS);
        let dice = FactDice { rng, organizations, people, patients, span: 4_000 };
        let mut world = Self { dice, model: Model::default(), gate: Gate::default(), now: UnixMillis(10_000) };
        for (descriptor, number) in documents().iter().zip(1..) {
            world.gate.document_added(descriptor, number);
        }
        (0..12).for_each(|_| world.put_role());
        (0..30).for_each(|step| world.step(step));
        world
    }

    fn put_role(&mut self) {
        let (who, at) = (self.dice.person(), self.dice.organization());
        let role = self.dice.role(who, at, self.now);
        let same = |other: &PractitionerRole| {
            (&other.practitioner, &other.organization, other.role)
                == (&role.practitioner, &role.organization, role.role)
        };
        self.model.roles.retain(|other| !same(other));
        self.model.roles.push(role.clone());
        self.gate.change(FactChange::Role(role));
    }

    fn step(&mut self, step: usize) {
        self.now = self.now.plus(self.dice.below(400) as i64);
        match self.dice.below(12) {
            0 | 1 => self.put_role(),
            2 if !self.model.roles.is_empty() => {
                let at = self.dice.below(self.model.roles.len());
                self.gate.change(FactChange::NoRole(self.model.roles.swap_remove(at)));
            }
            3 | 4 => {
                let new = self.dice.affiliation();
                let key = |a: &Affiliation| (a.organization.clone(), a.partner.clone());
                self.model.affiliations.retain(|other| key(other) != key(&new));
                if self.dice.chance(80) {
                    self.model.affiliations.push(new.clone());
                    self.gate.change(FactChange::Affiliation(new));
                } else {
                    let (organization, partner) = key(&new);
                    self.gate.change(FactChange::NoAffiliation { organization, partner });
                }
            }
            5 => self.relate(),
            6 => {
                let grant = self.dice.grant(format!("g{}", step % 6), self.now);
                self.model.grants.retain(|other| other.id != grant.id);
                self.model.grants.push(grant.clone());
                self.gate.change(FactChange::Grant(grant));
            }
            7 | 8 => self.team(step),
            9 | 10 => self.consent(step),
            _ => self.open(step),
        }
    }

    fn relate(&mut self) {
        let relationship = self.dice.relationship();
        self.model.relationships.retain(|other| *other != relationship);
        if self.dice.chance(75) {
            self.model.relationships.push(relationship.clone());
            self.gate.change(FactChange::Relationship(relationship));
        } else {
            self.gate.change(FactChange::NoRelationship(relationship));
        }
    }

    fn team(&mut self, step: usize) {
        let team = self.dice.care_team(format!("t{}", step % 4), self.now);
        self.model.care_teams.retain(|other| other.id != team.id);
        if self.dice.chance(75) {
            self.model.care_teams.push(team.clone());
            self.gate.change(FactChange::CareTeam(team));
        } else {
            self.gate.change(FactChange::NoCareTeam(team.id));
        }
    }

    fn consent(&mut self, step: usize) {
        let consent = self.dice.consent(format!("c{}", step % 4), self.now);
        self.model.consents.retain(|other| other.id != consent.id);
        if self.dice.chance(75) {
            self.model.consents.push(consent.clone());
            self.gate.change(FactChange::Consent(consent));
        } else {
            self.gate.change(FactChange::NoConsent(consent.id));
        }
    }

    fn open(&mut self, step: usize) {
        let opening = BreakGlassOpening {
            id: OpeningId([step as u8 % 4; 16]),
            organization: self.dice.organization(),
            patient: self.dice.patient(),
            subject: Subject { practitioner: self.dice.person(), organization: self.dice.organization() },
            device: DeviceId([0; 16]),
            purpose: PurposeOfUse::BreakTheGlass,
            reason: "x".into(),
            opened_at: self.now,
            until: self.now.plus(self.dice.below(1_000) as i64),
        };
        self.model.openings.retain(|other| other.id != opening.id);
        self.model.openings.push(opening.clone());
        self.gate.change(FactChange::Opening(opening));
    }

    /// Decides everything for one subject, one by one and as a set. How many decisions that were, and how many permits.
    fn compare(&mut self, documents: &[DocumentDescriptor]) -> (usize, usize) {
        let mut who = Subject { practitioner: self.dice.person(), organization: self.dice.organization() };
        if self.dice.chance(80) && !self.model.roles.is_empty() {
            let at = self.dice.below(self.model.roles.len());
            let role = &self.model.roles[at];
            who = Subject { practitioner: role.practitioner.clone(), organization: role.organization.clone() };
        }
        let (person, at) = (who.practitioner.as_str(), who.organization.as_str());
        let reach = self.gate.reach(&who, self.now);
        let mut permits = 0;
        for (descriptor, number) in documents.iter().zip(1..) {
            let reads = self.model.may(person, at, descriptor, false, self.now);
            let writes = self.model.may(person, at, descriptor, true, self.now);
            let decide = |action| self.gate.decide(&who, descriptor, action, self.now);
            assert_eq!(decide(Action::Read), reads, "{who:?} reads {descriptor:?}: {:?}", self.why(&who, descriptor));
            assert_eq!(
                decide(Action::Write),
                writes,
                "{who:?} writes {descriptor:?}: {:?}",
                self.why(&who, descriptor)
            );
            assert_eq!(reach.documents().contains(number), reads, "{who:?} is sent {descriptor:?}");
            permits += usize::from(reads) + usize::from(writes);
        }
        (2 * documents.len(), permits)
    }

    fn why(&self, who: &Subject, descriptor: &DocumentDescriptor) -> crate::access::Explanation {
        self.gate.explain(who, descriptor, Action::Read, self.now)
    }

    /// All facts loaded anew must decide as they did when they came one by one.
    fn reload(&mut self) {
        let Model { roles, affiliations, relationships, care_teams, grants, consents, openings } = &self.model;
        self.gate.set_facts(Facts {
            roles: roles.clone(),
            affiliations: affiliations.clone(),
            relationships: relationships.clone(),
            care_teams: care_teams.clone(),
            grants: grants.clone(),
            consents: consents.clone(),
            openings: openings.clone(),
        });
    }
}

#[test]
fn every_decision_agrees_with_the_model() {
    let wanted = std::env::var("SATCHEL_DECISIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(DECISIONS);
    let documents = documents();
    let (mut decisions, mut permits, mut seed) = (0, 0, 0);
    while decisions < wanted {
        let outcome = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            let mut counted = (0, 0);
            for step in 0..STEPS {
                world.step(step);
                if world.dice.chance(10) {
                    world.reload();
                }
                let (more, permitted) = world.compare(&documents);
                counted = (counted.0 + more, counted.1 + permitted);
            }
            counted
        });
        match outcome {
            Ok(counted) => (decisions, permits) = (decisions + counted.0, permits + counted.1),
            Err(panic) => {
                eprintln!("the world of seed {seed} failed");
                std::panic::resume_unwind(panic);
            }
        }
        seed += 1;
    }
    // A world where nearly nothing, or nearly everything, is permitted would prove little.
    assert!((decisions / 10..decisions / 2).contains(&permits), "{permits} of {decisions} are permitted");
}
