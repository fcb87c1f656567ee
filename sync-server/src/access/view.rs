//! What the facts say of one subject at one moment, put as questions to the policies.

use std::collections::HashMap;
use std::sync::Arc;

use roaring::RoaringBitmap;
use sync_protocol::{Compartment, DocumentDescriptor, OrganizationId, UnixMillis};

use crate::access::charts::{ChartNumber, Charts, OrganizationNumber};
use crate::access::documents::Class;
use crate::access::facts::{AffiliatedPatients, Consent, Subject};
use crate::access::index::{FactIndex, SharedByChart, Standing};
use crate::access::policy::{Named, Policies};
use crate::access::question::{Action, AffiliationTerms, NamedParties, Question, Situation};
use crate::access::shared::{ChartTerms, CompartmentSet, Shared, consent_says};

/// One subject at one moment.
pub(in crate::access) struct View<'a> {
    pub policies: &'a Policies,
    pub charts: &'a Charts,
    pub facts: &'a FactIndex,
    pub subject: &'a Subject,
    pub now: UnixMillis,
    pub standing: Standing,
    related: Option<&'a RoaringBitmap>,
    shared: Vec<&'a SharedByChart>,
    practitioner: Option<Arc<str>>,
    acting_for: Option<Arc<str>>,
}

/// What holds between the subject and an organization, whatever the chart.
#[derive(Clone, Debug)]
pub(in crate::access) struct Relation {
    home: bool,
    affiliation: Option<(CompartmentSet, AffiliationTerms)>,
    named: Option<Arc<str>>,
}

/// What holds between the subject and a chart.
#[derive(Clone, Debug, Default)]
pub(in crate::access) struct ChartSituation<'a> {
    pub terms: ChartTerms,
    /// Consents in force.
    pub consents: Vec<&'a Consent>,
    /// The patient, if a policy names them.
    pub patient: Option<Arc<str>>,
    /// Of a directory: some chart of its organization is shared with the subject.
    pub shares_a_chart: Option<How>,
}

/// How some chart of an organization is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::access) enum How {
    /// Only by a broken glass, until then.
    ByBreakGlass(UnixMillis),
    /// Otherwise.
    Otherwise,
}

impl<'a> View<'a> {
    pub fn new(
        policies: &'a Policies,
        charts: &'a Charts,
        facts: &'a FactIndex,
        subject: &'a Subject,
        now: UnixMillis,
    ) -> Self {
        let practitioner = named(policies, Named::Practitioner, subject.practitioner.as_str());
        let acting_for = named(policies, Named::Organization, subject.organization.as_str());
        let (related, shared) = (facts.related(&subject.organization), facts.shared(subject));
        let standing = facts.standing(subject, now);
        Self { policies, charts, facts, subject, now, standing, related, shared, practitioner, acting_for }
    }

    /// Whether the subject may do it with a document.
    pub fn permits(&self, action: Action, descriptor: &DocumentDescriptor) -> bool {
        self.policies.permit(&self.question_of(action, descriptor))
    }

    /// The question whether the subject may do it with a document.
    pub fn question_of(&self, action: Action, descriptor: &DocumentDescriptor) -> Question {
        let situation = match &descriptor.patient {
            None => ChartSituation {
                shares_a_chart: self.shares_a_chart(&descriptor.organization),
                ..ChartSituation::default()
            },
            Some(patient) => {
                let chart = self.charts.find(&descriptor.organization, Some(patient));
                let known = chart.map(|chart| self.chart(chart)).unwrap_or_default();
                ChartSituation { patient: named(self.policies, Named::Patient, patient.as_str()), ..known }
            }
        };
        self.question(action, &self.relation(&descriptor.organization), &Class::of(descriptor), &situation)
    }

    /// What holds between the subject and an organization.
    pub fn relation(&self, organization: &OrganizationId) -> Relation {
        let affiliation = self.facts.affiliation(organization, &self.subject.organization).map(|affiliation| {
            let named: CompartmentSet = affiliation.compartments.iter().copied().collect();
            let all_patients = affiliation.patients == AffiliatedPatients::All;
            (named, AffiliationTerms { this: false, may_write: affiliation.may_write, all_patients })
        });
        Relation {
            home: *organization == self.subject.organization,
            affiliation,
            named: named(self.policies, Named::Organization, organization.as_str()),
        }
    }

    /// What holds between the subject and a chart. Whether a policy names its patient is not looked for.
    pub fn chart(&self, chart: ChartNumber) -> ChartSituation<'a> {
        let mut situation = ChartSituation::default();
        situation.terms.relationship = self.related.is_some_and(|related| related.contains(chart.0));
        for shared in self.applying(chart) {
            situation.terms.take(shared);
            if let Shared::Consent(consent) = shared {
                situation.consents.push(consent);
            }
        }
        situation
    }

    /// What is shared with the subject of a chart and applies now. Some may come twice.
    pub fn applying(&self, chart: ChartNumber) -> impl Iterator<Item = &'a Shared> {
        let of_chart = self.shared.iter().filter_map(move |by_chart| by_chart.get(&chart)).flatten();
        of_chart.filter(|shared| shared.applies(self.subject, self.now))
    }

    /// Charts of which something is shared with the subject, whether it applies now or not.
    pub fn shared_charts(&self) -> RoaringBitmap {
        self.shared.iter().flat_map(|by_chart| by_chart.keys().map(|chart| chart.0)).collect()
    }

    /// Charts whose patients the subject's organization treats too.
    pub fn related_charts(&self) -> RoaringBitmap {
        self.related.cloned().unwrap_or_default()
    }

    /// Charts whose patients some policy names.
    pub fn named_charts(&self) -> HashMap<ChartNumber, Arc<str>> {
        let named = self.policies.named.iter().filter(|(kind, _)| *kind == Named::Patient);
        let patients: Vec<_> = named.filter_map(|(_, id)| id.parse().ok().map(|patient| (patient, id))).collect();
        let mut charts = HashMap::new();
        for (_, organization) in self.charts.organizations() {
            for (patient, id) in &patients {
                let found = self.charts.find(organization, Some(patient));
                charts.extend(found.map(|chart| (chart, Arc::from(id.as_str()))));
            }
        }
        charts
    }

    /// Organizations some chart of which is shared with the subject now.
    pub fn sharing_organizations(&self) -> HashMap<OrganizationNumber, How> {
        let mut sharing = HashMap::new();
        for chart in self.shared_charts().into_iter().map(ChartNumber) {
            let Some(how) = self.how_shared(chart) else { continue };
            let known = sharing.entry(self.charts.organization_of(chart)).or_insert(how);
            *known = how.max(*known);
        }
        sharing
    }

    /// Charts of an organization of which something is shared with the subject, whether it applies now or not.
    pub fn shared_charts_of(&self, organization: &OrganizationId) -> impl Iterator<Item = ChartNumber> {
        let of_it = move |chart: &ChartNumber| self.charts.name(self.charts.organization_of(*chart)) == organization;
        self.shared_charts().into_iter().map(ChartNumber).filter(of_it)
    }

    fn shares_a_chart(&self, organization: &OrganizationId) -> Option<How> {
        self.shared_charts_of(organization).filter_map(|chart| self.how_shared(chart)).max()
    }

    fn how_shared(&self, chart: ChartNumber) -> Option<How> {
        let how = |shared: &Shared| match shared {
            Shared::Opening(opening) => Some(How::ByBreakGlass(opening.until)),
            Shared::Consent(consent) => {
                let (_, sharing) = consent_says(consent, self.subject, (Compartment::Directory, ""), self.now);
                sharing.anything.then_some(How::Otherwise)
            }
            Shared::Grant(_) | Shared::CareTeam(_) => Some(How::Otherwise),
        };
        self.applying(chart).filter_map(how).max()
    }

    /// The question about a class of documents.
    pub fn question(&self, action: Action, relation: &Relation, class: &Class, chart: &ChartSituation<'_>) -> Question {
        let Class { compartment, category } = class;
        let directory = *compartment == Compartment::Directory;
        let mut situation = Situation {
            opened: self.standing.opened(category.as_deref()),
            affiliation: relation
                .affiliation
                .map(|(named, terms)| AffiliationTerms { this: named.contains(*compartment), ..terms }),
            relationship: chart.terms.relationship,
            care_team: chart.terms.care_team,
            grant: if directory { Default::default() } else { chart.terms.grant(*compartment) },
            break_glass: chart.terms.break_glass.is_some(),
            shares_a_chart: directory && chart.shares_a_chart.is_some(),
            ..Situation::default()
        };
        for consent in &chart.consents {
            let class = (*compartment, category.as_deref().unwrap_or_default());
            let (denies, sharing) = consent_says(consent, self.subject, class, self.now);
            situation.consent_denies |= denies;
            situation.consent = situation.consent.or(sharing);
        }
        Question {
            action,
            roles: self.standing.roles,
            home: relation.home,
            compartment: *compartment,
            category: category.clone(),
            situation,
            named: NamedParties {
                practitioner: self.practitioner.clone(),
                acting_for: self.acting_for.clone(),
                organization: relation.named.clone(),
                patient: chart.patient.clone(),
            },
        }
    }

    /// The next moment at which something that is shared with the subject begins or ends.
    pub fn next_turn(&self) -> Option<UnixMillis> {
        let shared = self.shared.iter().flat_map(|by_chart| by_chart.values().flatten());
        shared.filter_map(|shared| shared.next_turn(self.now)).min()
    }
}

/// An id, if some policy names it.
pub(in crate::access) fn named(policies: &Policies, kind: Named, id: &str) -> Option<Arc<str>> {
    if policies.named.is_empty() {
        return None;
    }
    policies.named.contains(&(kind, id.to_owned())).then(|| id.into())
}
