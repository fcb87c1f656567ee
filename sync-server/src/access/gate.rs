//! The gate: asks the policies about facts and documents, and mints permits.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use roaring::RoaringBitmap;
use sync_protocol::{DeviceId, DocumentDescriptor, UnixMillis};

use crate::access::charts::Charts;
use crate::access::documents::Documents;
use crate::access::facts::{Facts, Subject};
use crate::access::index::{FactChange, FactIndex};
use crate::access::permit::{AppendPermit, IndexPermit, ReadPermit};
use crate::access::policy::{Named, Policies};
use crate::access::question::Action;
use crate::access::reach::{Permitted, Profile, Reach, Reached, Staged, Validity};
use crate::access::staleness::{Concerned, Staleness};
use crate::access::view::{View, named};

/// Reaches that are kept, at most: one for each profile.
const MAX_REACHES: usize = 1_024;
/// New documents from which on a reach is worked out anew rather than added to.
const WORTH_WORKING_OUT: u32 = 2_000;

/// Everything that decisions rest on, in memory.
///
/// Nothing else makes permits, and none can be made to outlive what it is for:
/// ```compile_fail
/// use sync_server::access::{AppendPermit, Gate, Subject};
/// fn keep(gate: &Gate, officer: &Subject, now: sync_protocol::UnixMillis) -> AppendPermit<'static> {
///     let descriptor = serde_json::from_str("{}").unwrap();
///     gate.custody_append_permit(officer, &descriptor, now).unwrap()
/// }
/// ```
#[derive(Debug)]
pub struct Gate {
    pub(in crate::access) policies: Arc<Policies>,
    pub(in crate::access) facts: FactIndex,
    pub(in crate::access) charts: Charts,
    documents: Documents,
    staleness: Staleness,
    reaches: RefCell<HashMap<Arc<(Profile, Action)>, Reached>>,
    worked_out: Cell<u64>,
}

impl Default for Gate {
    fn default() -> Self {
        let (facts, charts, documents, staleness, reaches, worked_out) = Default::default();
        Self { policies: Policies::built_in(), facts, charts, documents, staleness, reaches, worked_out }
    }
}

impl Gate {
    /// Takes other policies; every reach worked out before is stale from now on.
    pub fn set_policies(&mut self, policies: Arc<Policies>) {
        self.policies = policies;
        self.all_stale();
    }

    /// The policies in force.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The policies in force, to be kept.
    #[must_use]
    pub fn policies_in_force(&self) -> Arc<Policies> {
        self.policies.clone()
    }

    /// Takes all facts anew; every reach worked out before is stale from now on.
    pub fn set_facts(&mut self, facts: Facts) {
        self.facts = FactIndex::new(facts, &mut self.charts);
        self.all_stale();
    }

    /// Takes one change of the facts; only reaches of those whom it concerns are stale from now on.
    pub fn change(&mut self, change: FactChange) {
        let concerned = self.facts.take(change, &mut self.charts);
        self.staleness.note(&concerned);
    }

    /// Takes note of a document.
    pub fn document_added(&mut self, descriptor: &DocumentDescriptor, number: u32) {
        self.documents.insert(&mut self.charts, descriptor, number);
    }

    /// Whether a document may be begun without anybody deciding on it: not under one more category where an organization has
    /// very many already. Each is a class of its own, and whoever may write could make them up without end.
    #[must_use]
    pub fn has_room_for(&self, descriptor: &DocumentDescriptor) -> bool {
        let at = self.charts.find_organization(&descriptor.organization);
        at.is_none_or(|at| self.documents.has_room_for(at, descriptor))
    }

    /// Forgets all documents, before they are loaded anew.
    pub fn clear_documents(&mut self) {
        self.documents = Documents::default();
        self.all_stale();
    }

    fn all_stale(&mut self) {
        self.staleness.note(&Concerned::Everyone);
        self.reaches.get_mut().clear();
    }

    pub(in crate::access) fn view<'a>(&'a self, subject: &'a Subject, now: UnixMillis) -> View<'a> {
        View::new(&self.policies, &self.charts, &self.facts, subject, now)
    }

    /// Decides for one document. Default deny.
    #[must_use]
    pub fn decide(&self, subject: &Subject, descriptor: &DocumentDescriptor, action: Action, now: UnixMillis) -> bool {
        self.view(subject, now).permits(action, descriptor)
    }

    /// Leave for `subject` to append to the document, if the policies give it.
    #[must_use]
    pub fn append_permit<'a>(
        &self,
        subject: &Subject,
        descriptor: &'a DocumentDescriptor,
        now: UnixMillis,
    ) -> Option<AppendPermit<'a>> {
        self.decide(subject, descriptor, Action::Write, now).then(|| AppendPermit::mint(descriptor))
    }

    /// What `subject` may receive now. Worked out once for everyone with the same profile.
    #[must_use]
    pub fn reach(&self, subject: &Subject, now: UnixMillis) -> Reach {
        self.reach_for(subject, Action::Read, now)
    }

    fn reach_for(&self, subject: &Subject, action: Action, now: UnixMillis) -> Reach {
        let view = self.view(subject, now);
        let key = Arc::new((self.profile(&view), action));
        let profile = &key.0;
        let mut reaches = self.reaches.borrow_mut();
        let holds = |reached: &Reached| {
            let fresh = self.staleness.is_fresh(&profile.organization, profile.practitioner.as_ref(), reached.version);
            fresh && reached.holds.contains(now)
        };
        if reaches.get(&key).is_none_or(|reached| !holds(reached)) {
            if reaches.len() >= MAX_REACHES {
                reaches.clear();
            }
            reaches.insert(key.clone(), self.work_out(&view, action));
        }
        let reached = reaches.entry(key.clone()).or_insert_with(|| self.work_out(&view, action));
        self.catch_up(&view, action, reached);
        Reach {
            documents: reached.documents.clone(),
            by_break_glass: reached.by_break_glass.clone(),
            holds: Validity {
                since: reached.holds.since,
                until: [reached.holds.until, view.standing.until].into_iter().flatten().min(),
            },
            subject: Arc::new(subject.clone()),
            version: self.staleness.now(),
            serial: reached.serial,
            key,
        }
    }

    fn profile(&self, view: &View<'_>) -> Profile {
        let subject = view.subject;
        let by_name = named(&self.policies, Named::Practitioner, subject.practitioner.as_str()).is_some();
        let personal = by_name || self.facts.is_personal(subject);
        Profile {
            organization: subject.organization.clone(),
            practitioner: personal.then(|| subject.practitioner.clone()),
            roles: view.standing.roles,
            opened: view.standing.opened.clone(),
        }
    }

    fn work_out(&self, view: &View<'_>, action: Action) -> Reached {
        self.worked_out.set(self.worked_out.get() + 1);
        let Permitted { documents, by_break_glass } = Permitted::work_out(view, &self.documents, action);
        Reached {
            documents: Arc::new(documents),
            by_break_glass: Arc::new(by_break_glass),
            holds: Validity { since: view.now, until: view.next_turn() },
            version: self.staleness.now(),
            serial: self.worked_out.get(),
            end: self.documents.end(),
        }
    }

    /// Looks at documents that came since.
    fn catch_up(&self, view: &View<'_>, action: Action, reached: &mut Reached) {
        let end = self.documents.end();
        if end - reached.end > WORTH_WORKING_OUT {
            *reached = self.work_out(view, action);
        }
        for number in std::mem::replace(&mut reached.end, end)..end {
            let mut permitted = Permitted::default();
            permitted.consider(view, &self.documents, action, number);
            if permitted.documents.is_empty() {
                continue;
            }
            Arc::make_mut(&mut reached.documents).insert(number);
            for (until, opened) in permitted.by_break_glass {
                let known = Arc::make_mut(&mut reached.by_break_glass);
                match known.iter_mut().find(|(other, _)| *other == until) {
                    Some((_, documents)) => *documents |= opened,
                    None => known.push((until, opened)),
                }
            }
        }
    }

    /// Whether a reach still says what the policies say.
    #[must_use]
    pub fn holds(&self, reach: &Reach, now: UnixMillis) -> bool {
        let Subject { practitioner, organization } = reach.subject.as_ref();
        self.staleness.is_fresh(organization, Some(practitioner), reach.version) && reach.holds.contains(now)
    }

    /// Adds a new document to a reach if the policies open it.
    pub fn extend(&self, reach: &mut Reach, descriptor: &DocumentDescriptor, number: u32, now: UnixMillis) {
        if self.holds(reach, now) {
            if !self.copy_newest(reach) {
                *reach = self.reach(&reach.subject.clone(), now);
            }
        } else if self.decide(&reach.subject, descriptor, Action::Read, now) {
            // Stale: what it lost is withdrawn when it is renewed, which is not done here.
            Arc::make_mut(&mut reach.documents).insert(number);
        }
    }

    /// Takes over what somebody else with the same profile has had added. Whether there was such.
    fn copy_newest(&self, reach: &mut Reach) -> bool {
        let reaches = self.reaches.borrow();
        let newest = |reached: &&Reached| reached.serial == reach.serial && reached.end == self.documents.end();
        let Some(reached) = reaches.get(&reach.key).filter(newest) else { return false };
        reach.documents = reached.documents.clone();
        reach.by_break_glass = reached.by_break_glass.clone();
        true
    }

    /// Leave for a device to read what its practitioner's reach holds; none if the reach is stale.
    #[must_use]
    pub fn read_permit<'a>(&self, reach: &'a Reach, device: DeviceId, now: UnixMillis) -> Option<ReadPermit<'a>> {
        self.holds(reach, now).then(|| ReadPermit::mint(&reach.documents, device))
    }

    /// Leave for the relay's own index to read every document.
    #[must_use]
    pub fn index_permit(&self) -> IndexPermit {
        IndexPermit::mint()
    }

    /// Documents to be kept sealed on a subject's devices for emergencies, besides those in reach.
    #[must_use]
    pub fn staged(&self, subject: &Subject, now: UnixMillis) -> Staged {
        let staged = self.reach_for(subject, Action::Stage, now);
        let documents = staged.documents() - self.reach(subject, now).documents();
        Staged(Reach { documents: Arc::new(documents), ..staged })
    }

    /// Leave to read, for one device, what is to lie sealed on it; none if that is stale. What is read under it leaves the
    /// relay sealed only.
    #[must_use]
    pub fn sealing_permit<'a>(&self, staged: &'a Staged, device: DeviceId, now: UnixMillis) -> Option<ReadPermit<'a>> {
        self.read_permit(&staged.0, device, now)
    }

    /// Orders documents for delivery: directory and patient index, so that patients can be found; then the charts of `recent`
    /// documents, each whole, in that order; then the rest by compartment.
    #[must_use]
    pub fn in_order_of_urgency(&self, wanted: &RoaringBitmap, recent: &[u32]) -> Vec<u32> {
        self.documents.in_order_of_urgency(wanted, recent)
    }
}
