//! Why somebody may or may not do something with a document: the policies that decided and the facts they looked at.

use serde::{Deserialize, Serialize};
use sync_protocol::{DocumentDescriptor, OpeningId, UnixMillis};
use utoipa::ToSchema;

use crate::access::charts::ChartNumber;
use crate::access::documents::Class;
use crate::access::facts::{AffiliatedPatients, Consent, Effect, Period, Role, Subject};
use crate::access::gate::Gate;
use crate::access::question::Action;
use crate::access::shared::{Shared, consent_says, is_named};
use crate::access::view::View;
use crate::admin::schema;

/// Why a decision is as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation {
    /// What was decided.
    pub permitted: bool,
    /// What decided it: the policies that permit, or those that forbid. None if it is denied because nothing permits it.
    pub policies: Vec<DecidingPolicy>,
    /// What holds between the practitioner and the document now.
    pub facts: Vec<DecidingFact>,
}

/// A policy that decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct DecidingPolicy {
    /// Its `@id`.
    pub id: String,
    /// Permit or deny.
    pub effect: PolicyEffect,
}

/// What a policy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyEffect {
    /// It permits.
    Permit,
    /// It forbids.
    Forbid,
}

/// A fact that bears on a decision, with the id by which it can be looked up and ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "fact")]
pub enum DecidingFact {
    /// A role at the organization they act for.
    Role {
        /// Which.
        role: Role,
        /// The document's sensitive category is opened to it by name.
        opens_category: bool,
        /// It ends then.
        #[schema(value_type = Option<schema::Moment>)]
        until: Option<UnixMillis>,
    },
    /// They act for the organization that manages the document.
    AtHome,
    /// The managing organization is affiliated with theirs.
    Affiliation {
        /// It names the document's compartment.
        names_compartment: bool,
        /// It lets the partner write.
        may_write: bool,
        /// Whose charts.
        patients: AffiliatedPatients,
    },
    /// Their organization treats the patient too.
    Relationship,
    /// They belong to a care team of the patient.
    CareTeam {
        /// Its id.
        id: String,
        /// From when to when.
        period: Period,
    },
    /// A grant of the chart.
    Grant {
        /// Its id.
        id: String,
        /// It names the document's compartment.
        names_compartment: bool,
        /// It lets them write.
        may_write: bool,
        /// It ends then.
        #[schema(value_type = schema::Moment)]
        expires_at: UnixMillis,
    },
    /// A consent that concerns them.
    Consent {
        /// Its id.
        id: String,
        /// What it says of this document; nothing if it opens others of the chart.
        effect: Option<Effect>,
    },
    /// They have broken the glass for the chart.
    BreakGlass {
        /// The opening's id.
        #[schema(value_type = schema::HexId)]
        id: OpeningId,
        /// It ends then.
        #[schema(value_type = schema::Moment)]
        until: UnixMillis,
    },
}

impl Gate {
    /// Says why `subject` may or may not do something with a document.
    #[must_use]
    pub fn explain(
        &self,
        subject: &Subject,
        descriptor: &DocumentDescriptor,
        action: Action,
        now: UnixMillis,
    ) -> Explanation {
        let view = self.view(subject, now);
        let verdict = self.policies.evaluate(&view.question_of(action, descriptor));
        let effect = |id: &cedar_policy::PolicyId| match self.policies.effect(id) {
            Some(cedar_policy::Effect::Forbid) => PolicyEffect::Forbid,
            _ => PolicyEffect::Permit,
        };
        let deciding = |id: &cedar_policy::PolicyId| DecidingPolicy { id: id.to_string(), effect: effect(id) };
        let mut policies: Vec<_> = verdict.policies.iter().map(deciding).collect();
        policies.sort();
        Explanation { permitted: verdict.permitted, policies, facts: facts(&view, descriptor) }
    }
}

fn facts(view: &View<'_>, descriptor: &DocumentDescriptor) -> Vec<DecidingFact> {
    let class = Class::of(descriptor);
    let mut facts: Vec<_> = roles(view, &class);
    if descriptor.organization == view.subject.organization {
        facts.push(DecidingFact::AtHome);
    }
    if let Some(affiliation) = view.facts.affiliation(&descriptor.organization, &view.subject.organization) {
        facts.push(DecidingFact::Affiliation {
            names_compartment: affiliation.compartments.contains(&class.compartment),
            may_write: affiliation.may_write,
            patients: affiliation.patients,
        });
    }
    let of_patient = |patient| view.charts.find(&descriptor.organization, Some(patient));
    let charts: Vec<ChartNumber> = match &descriptor.patient {
        Some(patient) => of_patient(patient).into_iter().collect(),
        // The directory goes with any chart that is shared.
        None => view.shared_charts_of(&descriptor.organization).collect(),
    };
    for chart in charts {
        if view.chart(chart).terms.relationship {
            facts.push(DecidingFact::Relationship);
        }
        for shared in view.applying(chart) {
            let found = shared_fact(view, shared, &class);
            facts.extend(found.filter(|fact| !facts.contains(fact)));
        }
    }
    facts
}

fn roles(view: &View<'_>, class: &Class) -> Vec<DecidingFact> {
    let opens = |sensitive: &[String]| class.category.as_deref().is_some_and(|c| sensitive.iter().any(|s| s == c));
    let roles = view.facts.roles(view.subject, view.now);
    roles
        .map(|held| DecidingFact::Role { role: held.role, opens_category: opens(&held.sensitive), until: held.until })
        .collect()
}

fn shared_fact(view: &View<'_>, shared: &Shared, class: &Class) -> Option<DecidingFact> {
    match shared {
        Shared::Grant(grant) => Some(DecidingFact::Grant {
            id: grant.id.clone(),
            names_compartment: grant.compartments.contains(&class.compartment),
            may_write: grant.may_write,
            expires_at: grant.expires_at,
        }),
        Shared::CareTeam(team) => {
            let mut mine = team.members.iter().filter(|member| is_named(&member.member, view.subject));
            let member = mine.find(|member| member.period.contains(view.now))?;
            Some(DecidingFact::CareTeam { id: team.id.clone(), period: member.period })
        }
        Shared::Consent(consent) => consent_fact(view, consent, class),
        Shared::Opening(opening) => Some(DecidingFact::BreakGlass { id: opening.id, until: opening.until }),
    }
}

fn consent_fact(view: &View<'_>, consent: &Consent, class: &Class) -> Option<DecidingFact> {
    let kind = (class.compartment, class.category.as_deref().unwrap_or_default());
    let (denies, sharing) = consent_says(consent, view.subject, kind, view.now);
    let effect = match (denies, sharing.this) {
        (true, _) => Some(Effect::Deny),
        (false, true) => Some(Effect::Permit),
        (false, false) => None,
    };
    (effect.is_some() || sharing.anything).then(|| DecidingFact::Consent { id: consent.id.clone(), effect })
}
