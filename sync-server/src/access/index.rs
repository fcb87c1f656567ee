//! The facts, indexed by whom they concern and which chart.

use std::collections::HashMap;
use std::sync::Arc;

use roaring::RoaringBitmap;
use sync_protocol::{OrganizationId, UnixMillis};

use crate::access::charts::{ChartNumber, Charts};
use crate::access::facts::{
    Affiliation, BreakGlassOpening, CareTeam, Consent, Facts, Grant, Grantee, PractitionerRole, Relationship, RoleSet,
    Subject,
};
use crate::access::shared::Shared;
use crate::access::staleness::Concerned;

/// A change of one fact.
#[derive(Clone, Debug, PartialEq)]
pub enum FactChange {
    /// Added or replaced: the same practitioner, organization and role.
    Role(PractitionerRole),
    /// Taken away.
    NoRole(PractitionerRole),
    /// Added or replaced: the same two organizations.
    Affiliation(Affiliation),
    /// Ended.
    NoAffiliation {
        /// Whose charts.
        organization: OrganizationId,
        /// Who had them.
        partner: OrganizationId,
    },
    /// Added.
    Relationship(Relationship),
    /// Ended.
    NoRelationship(Relationship),
    /// Added or replaced: the same id.
    CareTeam(CareTeam),
    /// Added or replaced: the same id.
    Grant(Grant),
    /// Added or replaced: the same id.
    Consent(Consent),
    /// Added or replaced: the same id.
    Opening(BreakGlassOpening),
    /// A care team that is no more, by its id.
    NoCareTeam(String),
    /// A consent that is no more, by its id.
    NoConsent(String),
}

/// What is shared with somebody, by chart.
pub(in crate::access) type SharedByChart = HashMap<ChartNumber, Vec<Shared>>;

/// Kind and id of something shared.
type SharedId = (&'static str, String);

/// All facts. What is shared with everyone stands under no party.
#[derive(Debug, Default)]
pub(in crate::access) struct FactIndex {
    roles: HashMap<Subject, Vec<PractitionerRole>>,
    affiliations: HashMap<OrganizationId, HashMap<OrganizationId, Affiliation>>,
    related: HashMap<OrganizationId, RoaringBitmap>,
    shared: HashMap<Option<Grantee>, SharedByChart>,
    placed: HashMap<SharedId, (ChartNumber, Vec<Option<Grantee>>)>,
}

/// What a subject is at their organization now, and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::access) struct Standing {
    pub roles: RoleSet,
    /// Sensitive categories opened by name, each with the roles to which it is.
    pub opened: Vec<(String, RoleSet)>,
    /// When a role ends next.
    pub until: Option<UnixMillis>,
}

impl Standing {
    /// Roles to which a category is opened.
    pub fn opened(&self, category: Option<&str>) -> RoleSet {
        let found = self.opened.iter().find(|(opened, _)| Some(opened.as_str()) == category);
        found.map(|(_, roles)| *roles).unwrap_or_default()
    }
}

impl FactIndex {
    /// Indexes facts.
    pub fn new(facts: Facts, charts: &mut Charts) -> Self {
        let mut index = Self::default();
        let changes = (facts.roles.into_iter().map(FactChange::Role))
            .chain(facts.affiliations.into_iter().map(FactChange::Affiliation))
            .chain(facts.relationships.into_iter().map(FactChange::Relationship))
            .chain(facts.care_teams.into_iter().map(FactChange::CareTeam))
            .chain(facts.grants.into_iter().map(FactChange::Grant))
            .chain(facts.consents.into_iter().map(FactChange::Consent))
            .chain(facts.openings.into_iter().map(FactChange::Opening));
        for change in changes {
            index.take(change, charts);
        }
        index
    }

    /// Takes a change; says whom it concerns.
    pub fn take(&mut self, change: FactChange, charts: &mut Charts) -> Concerned {
        match change {
            FactChange::Role(role) => self.put_role(role, true),
            FactChange::NoRole(role) => self.put_role(role, false),
            FactChange::Affiliation(affiliation) => {
                let partner = affiliation.partner.clone();
                let of_partner = self.affiliations.entry(partner.clone()).or_default();
                charts.organization(&affiliation.organization);
                of_partner.insert(affiliation.organization.clone(), affiliation);
                Concerned::Parties(vec![Grantee::Organization(partner)])
            }
            FactChange::NoAffiliation { organization, partner } => {
                self.affiliations.entry(partner.clone()).or_default().remove(&organization);
                Concerned::Parties(vec![Grantee::Organization(partner)])
            }
            FactChange::Relationship(relationship) => self.put_relationship(relationship, true, charts),
            FactChange::NoRelationship(relationship) => self.put_relationship(relationship, false, charts),
            FactChange::Grant(grant) => {
                let chart = charts.number(&grant.organization, Some(&grant.patient));
                let parties = vec![Some(grant.grantee.clone())];
                self.place(("grant", grant.id.clone()), chart, parties, &Shared::Grant(Arc::new(grant)))
            }
            FactChange::CareTeam(team) => {
                let chart = charts.number(&team.organization, Some(&team.patient));
                let parties = team.members.iter().map(|member| Some(member.member.clone())).collect();
                self.place(("care-team", team.id.clone()), chart, parties, &Shared::CareTeam(Arc::new(team)))
            }
            FactChange::Consent(consent) => {
                let chart = charts.number(&consent.organization, Some(&consent.patient));
                let parties = parties_of(&consent);
                self.place(("consent", consent.id.clone()), chart, parties, &Shared::Consent(Arc::new(consent)))
            }
            FactChange::Opening(opening) => {
                let chart = charts.number(&opening.organization, Some(&opening.patient));
                let parties = vec![Some(Grantee::Practitioner(opening.subject.practitioner.clone()))];
                self.place(("opening", opening.id.to_string()), chart, parties, &Shared::Opening(Arc::new(opening)))
            }
            FactChange::NoCareTeam(id) => concerned(self.displace(&("care-team", id))),
            FactChange::NoConsent(id) => concerned(self.displace(&("consent", id))),
        }
    }

    fn put_role(&mut self, role: PractitionerRole, there: bool) -> Concerned {
        let subject = Subject { practitioner: role.practitioner.clone(), organization: role.organization.clone() };
        let party = Grantee::Practitioner(role.practitioner.clone());
        let held = self.roles.entry(subject).or_default();
        held.retain(|other| other.role != role.role);
        held.extend(there.then_some(role));
        Concerned::Parties(vec![party])
    }

    fn put_relationship(&mut self, relationship: Relationship, there: bool, charts: &mut Charts) -> Concerned {
        let chart = charts.number(&relationship.organization, Some(&relationship.patient));
        let related = self.related.entry(relationship.partner.clone()).or_default();
        if there {
            related.insert(chart.0)
        } else {
            related.remove(chart.0)
        };
        Concerned::Parties(vec![Grantee::Organization(relationship.partner)])
    }

    /// Puts something shared where its parties find it, in place of what had its id.
    fn place(
        &mut self,
        id: SharedId,
        chart: ChartNumber,
        mut parties: Vec<Option<Grantee>>,
        shared: &Shared,
    ) -> Concerned {
        parties.sort();
        parties.dedup();
        let before = self.displace(&id);
        for party in &parties {
            self.shared.entry(party.clone()).or_default().entry(chart).or_default().push(shared.clone());
        }
        self.placed.insert(id, (chart, parties.clone()));
        concerned(before.into_iter().chain(parties).collect())
    }

    /// Takes something shared away; gives whom it concerned.
    fn displace(&mut self, id: &SharedId) -> Vec<Option<Grantee>> {
        let Some((chart, parties)) = self.placed.remove(id) else { return Vec::new() };
        for party in &parties {
            let Some(charts) = self.shared.get_mut(party) else { continue };
            if let Some(of_chart) = charts.get_mut(&chart) {
                of_chart.retain(|shared| !has_id(shared, id));
                if of_chart.is_empty() {
                    charts.remove(&chart);
                }
            }
            if charts.is_empty() {
                self.shared.remove(party);
            }
        }
        parties
    }

    /// What the subject is now.
    pub fn standing(&self, subject: &Subject, now: UnixMillis) -> Standing {
        let mut standing = Standing::default();
        for role in self.roles(subject, now) {
            standing.roles.insert(role.role);
            standing.until = [standing.until, role.until].into_iter().flatten().min();
            for category in &role.sensitive {
                match standing.opened.iter_mut().find(|(opened, _)| opened == category) {
                    Some((_, roles)) => roles.insert(role.role),
                    None => {
                        let mut roles = RoleSet::default();
                        roles.insert(role.role);
                        standing.opened.push((category.clone(), roles));
                    }
                }
            }
        }
        standing.opened.sort_by(|a, b| a.0.cmp(&b.0));
        standing
    }

    /// Roles that have not ended.
    pub fn roles(&self, subject: &Subject, now: UnixMillis) -> impl Iterator<Item = &PractitionerRole> {
        let held = self.roles.get(subject).map_or(&[][..], Vec::as_slice);
        held.iter().filter(move |role| role.until.is_none_or(|until| now < until))
    }

    /// What an organization opens to another.
    pub fn affiliation(&self, organization: &OrganizationId, partner: &OrganizationId) -> Option<&Affiliation> {
        self.affiliations.get(partner)?.get(organization)
    }

    /// Charts whose patients an organization treats too, by number.
    pub fn related(&self, partner: &OrganizationId) -> Option<&RoaringBitmap> {
        self.related.get(partner)
    }

    /// What is shared with the subject, whether it applies now or not; with everyone, with their organization, with them.
    pub fn shared(&self, subject: &Subject) -> Vec<&SharedByChart> {
        let organization = Grantee::Organization(subject.organization.clone());
        let parties = [None, Some(organization), Some(Grantee::Practitioner(subject.practitioner.clone()))];
        parties.into_iter().filter_map(|party| self.shared.get(&party)).collect()
    }

    /// Whether something is shared with the subject in person: others in the same role may have less, or more.
    pub fn is_personal(&self, subject: &Subject) -> bool {
        self.shared.contains_key(&Some(Grantee::Practitioner(subject.practitioner.clone())))
    }
}

/// Everyone whom a consent names, and everyone if one of its provisions concerns everyone.
fn parties_of(consent: &Consent) -> Vec<Option<Grantee>> {
    let provisions = || std::iter::once(&consent.provision).chain(&consent.provision.exceptions);
    let everyone = provisions().any(|provision| provision.actors.is_empty()).then_some(None);
    everyone.into_iter().chain(provisions().flat_map(|provision| provision.actors.iter().cloned().map(Some))).collect()
}

fn concerned(parties: Vec<Option<Grantee>>) -> Concerned {
    parties.into_iter().collect::<Option<Vec<_>>>().map_or(Concerned::Everyone, Concerned::Parties)
}

fn has_id(shared: &Shared, (kind, id): &SharedId) -> bool {
    match shared {
        Shared::Grant(grant) => *kind == "grant" && grant.id == *id,
        Shared::CareTeam(team) => *kind == "care-team" && team.id == *id,
        Shared::Consent(consent) => *kind == "consent" && consent.id == *id,
        Shared::Opening(opening) => *kind == "opening" && opening.id.to_string() == *id,
    }
}
