//! What a subject may receive, as a set of document numbers: set algebra over classes, one decision each.

use std::collections::HashMap;
use std::sync::Arc;

use roaring::RoaringBitmap;
use sync_protocol::{Compartment, OrganizationId, PractitionerId, UnixMillis};

use crate::access::charts::ChartNumber;
use crate::access::documents::{Class, Documents};
use crate::access::facts::{RoleSet, Subject};
use crate::access::question::Action;
use crate::access::shared::ChartTerms;
use crate::access::view::{ChartSituation, How, Relation, View};

/// Documents of charts in the same situation from which on sets are cheaper than one by one.
const WORTH_A_SET: usize = 64;

/// What one subject may receive, and until when the answer holds. Cloning it copies nothing.
#[derive(Clone, Debug)]
pub struct Reach {
    pub(in crate::access) documents: Arc<RoaringBitmap>,
    pub(in crate::access) by_break_glass: Arc<Vec<(UnixMillis, RoaringBitmap)>>,
    pub(in crate::access) holds: Validity,
    pub(in crate::access) subject: Arc<Subject>,
    pub(in crate::access) version: u64,
    /// Under which it is kept, with all others of the same profile.
    pub(in crate::access) key: Arc<(Profile, Action)>,
    /// Which working out it comes from.
    pub(in crate::access) serial: u64,
}

impl Reach {
    /// The numbers of the documents.
    #[must_use]
    pub fn documents(&self) -> &RoaringBitmap {
        &self.documents
    }

    /// Until when a document is in it, if it is in it only because the glass was broken.
    #[must_use]
    pub fn break_glass_until(&self, number: u32) -> Option<UnixMillis> {
        self.by_break_glass.iter().find(|(_, documents)| documents.contains(number)).map(|(until, _)| *until)
    }

    /// Documents that are in it only because the glass was broken.
    #[must_use]
    pub fn only_by_break_glass(&self) -> RoaringBitmap {
        self.by_break_glass.iter().map(|(_, documents)| documents).fold(RoaringBitmap::new(), |all, some| all | some)
    }
}

/// What is to lie sealed on one subject's devices, and until when the answer holds.
#[derive(Clone, Debug)]
pub struct Staged(pub(in crate::access) Reach);

impl Staged {
    /// The numbers of the documents.
    #[must_use]
    pub fn documents(&self) -> &RoaringBitmap {
        self.0.documents()
    }
}

/// When an answer holds, as far as time goes.
#[derive(Clone, Copy, Debug)]
pub(in crate::access) struct Validity {
    /// Worked out then; a clock that was set back asks again.
    pub since: UnixMillis,
    /// Something begins or ends then.
    pub until: Option<UnixMillis>,
}

impl Validity {
    pub fn contains(&self, now: UnixMillis) -> bool {
        self.since <= now && self.until.is_none_or(|until| now < until)
    }
}

/// What of a subject decides what they may receive: those with equal profiles may receive the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::access) struct Profile {
    pub organization: OrganizationId,
    /// Only of those with whom something is shared in person, or whom a policy names.
    pub practitioner: Option<PractitionerId>,
    pub roles: RoleSet,
    pub opened: Vec<(String, RoleSet)>,
}

/// What everyone with one profile may receive.
#[derive(Debug)]
pub(in crate::access) struct Reached {
    pub documents: Arc<RoaringBitmap>,
    pub by_break_glass: Arc<Vec<(UnixMillis, RoaringBitmap)>>,
    /// Until something that is shared begins or ends next.
    pub holds: Validity,
    pub version: u64,
    /// Counts what was worked out: two with the same serial differ only by documents that came since.
    pub serial: u64,
    /// Documents from this number on are not looked at yet.
    pub end: u32,
}

/// The documents that the policies permit an action on, and those of them only because the glass was broken.
#[derive(Debug, Default)]
pub(in crate::access) struct Permitted {
    pub documents: RoaringBitmap,
    pub by_break_glass: Vec<(UnixMillis, RoaringBitmap)>,
}

impl Permitted {
    /// Works it out: whole classes at once, and charts of which something is shared by what is shared.
    pub fn work_out(view: &View<'_>, documents: &Documents, action: Action) -> Self {
        let mut permitted = Self::default();
        let sharing = view.sharing_organizations();
        for (organization, id) in view.charts.organizations() {
            let relation = view.relation(id);
            let shares_a_chart = sharing.get(&organization).copied();
            let situation = ChartSituation { shares_a_chart, ..ChartSituation::default() };
            for set in documents.classes(organization) {
                permitted.add(view, action, &relation, &set.class, &situation, &set.documents);
            }
        }
        let special = SpecialCharts::of(view);
        permitted.documents -= special.documents(documents);
        special.add_to(&mut permitted, view, documents, action);
        permitted
    }

    /// Adds one document, if it is permitted.
    pub fn consider(&mut self, view: &View<'_>, documents: &Documents, action: Action, number: u32) {
        let Some((chart, class)) = documents.look_up(view.charts, number) else { return };
        let organization = view.charts.organization_of(chart);
        let mut situation = view.chart(chart);
        if class.compartment == Compartment::Directory {
            situation.shares_a_chart = view.sharing_organizations().get(&organization).copied();
        }
        situation.patient = view.named_charts().remove(&chart);
        let relation = view.relation(view.charts.name(organization));
        self.add(view, action, &relation, class, &situation, &RoaringBitmap::from_iter([number]));
    }

    /// Adds documents of one class in one situation, if the policies permit it.
    fn add(
        &mut self,
        view: &View<'_>,
        action: Action,
        relation: &Relation,
        class: &Class,
        situation: &ChartSituation<'_>,
        documents: &RoaringBitmap,
    ) {
        let question = view.question(action, relation, class, situation);
        if !view.policies.permit(&question) {
            return;
        }
        self.documents |= documents;
        let by_glass = match situation.shares_a_chart {
            Some(How::ByBreakGlass(until)) if class.compartment == Compartment::Directory => Some(until),
            _ => situation.terms.break_glass,
        };
        let Some(until) = by_glass else { return };
        let mut whole = question;
        whole.situation.break_glass = false;
        whole.situation.shares_a_chart = false;
        if !view.policies.permit(&whole) {
            match self.by_break_glass.iter_mut().find(|(other, _)| *other == until) {
                Some((_, opened)) => *opened |= documents,
                None => self.by_break_glass.push((until, documents.clone())),
            }
        }
    }
}

/// Charts that are not like all others of their organization to the subject.
struct SpecialCharts<'a> {
    /// By what is shared of them and which patient is named. Those with consents are looked at one by one.
    alike: HashMap<(ChartTerms, Option<Arc<str>>), Vec<ChartNumber>>,
    with_consents: Vec<(ChartNumber, ChartSituation<'a>)>,
}

impl<'a> SpecialCharts<'a> {
    fn of(view: &View<'a>) -> Self {
        let named = view.named_charts();
        let mut by_chart = view.shared_charts();
        by_chart.extend(named.keys().map(|chart| chart.0));
        let mut special = Self { alike: HashMap::new(), with_consents: Vec::new() };
        let related = ChartTerms { relationship: true, ..ChartTerms::default() };
        let only_related = (view.related_charts() - &by_chart).into_iter().map(ChartNumber).collect();
        special.alike.insert((related, None), only_related);
        for chart in by_chart.into_iter().map(ChartNumber) {
            let situation = ChartSituation { patient: named.get(&chart).cloned(), ..view.chart(chart) };
            if situation.consents.is_empty() {
                special.alike.entry((situation.terms, situation.patient)).or_default().push(chart);
            } else {
                special.with_consents.push((chart, situation));
            }
        }
        special
    }

    fn documents(&self, documents: &Documents) -> RoaringBitmap {
        let charts = self.alike.values().flatten().chain(self.with_consents.iter().map(|(chart, _)| chart));
        set_of(charts.flat_map(|chart| documents.of_chart(*chart)).collect())
    }

    fn add_to(&self, permitted: &mut Permitted, view: &View<'_>, documents: &Documents, action: Action) {
        for ((terms, patient), charts) in &self.alike {
            let situation = ChartSituation { terms: *terms, patient: patient.clone(), ..ChartSituation::default() };
            let mut by_organization: HashMap<_, Vec<u32>> = HashMap::new();
            for chart in charts {
                let numbers = by_organization.entry(view.charts.organization_of(*chart)).or_default();
                numbers.extend(documents.of_chart(*chart));
            }
            for (organization, numbers) in by_organization {
                let relation = view.relation(view.charts.name(organization));
                if numbers.len() < WORTH_A_SET {
                    one_by_one(permitted, view, documents, action, &relation, &situation, numbers);
                    continue;
                }
                let numbers = set_of(numbers);
                for set in documents.classes(organization) {
                    permitted.add(view, action, &relation, &set.class, &situation, &(&numbers & &set.documents));
                }
            }
        }
        for (chart, situation) in &self.with_consents {
            let relation = view.relation(view.charts.name(view.charts.organization_of(*chart)));
            let numbers = documents.of_chart(*chart).collect();
            one_by_one(permitted, view, documents, action, &relation, situation, numbers);
        }
    }
}

fn one_by_one(
    permitted: &mut Permitted,
    view: &View<'_>,
    documents: &Documents,
    action: Action,
    relation: &Relation,
    situation: &ChartSituation<'_>,
    numbers: Vec<u32>,
) {
    for number in numbers {
        if let Some((_, class)) = documents.look_up(view.charts, number) {
            permitted.add(view, action, relation, class, situation, &RoaringBitmap::from_iter([number]));
        }
    }
}

fn set_of(mut numbers: Vec<u32>) -> RoaringBitmap {
    numbers.sort_unstable();
    // Sorted, and no document stands in two charts.
    RoaringBitmap::from_sorted_iter(numbers).unwrap_or_default()
}
