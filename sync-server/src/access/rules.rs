//! The rules: who may read or write which kind of document, and because of what. Default deny.

use sync_protocol::{Compartment, DocumentDescriptor, OrganizationId, PatientId, UnixMillis};

use crate::access::facts::{Facts, Role, Subject};

/// What somebody wants to do with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Receive it.
    Read,
    /// Append changes to it.
    Write,
}

/// What the rules can tell apart about documents.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessClass {
    /// Who manages the chart.
    pub organization: OrganizationId,
    /// What kind of content.
    pub compartment: Compartment,
    /// The category of a sensitive document; empty otherwise.
    pub category: String,
}

impl AccessClass {
    /// The class of a document.
    #[must_use]
    pub fn of(descriptor: &DocumentDescriptor) -> Self {
        let sensitive = descriptor.compartment == Compartment::Sensitive;
        Self {
            organization: descriptor.organization.clone(),
            compartment: descriptor.compartment,
            category: if sensitive { descriptor.part.clone() } else { String::new() },
        }
    }
}

/// Why something is permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The subject's role at the managing organization.
    Role(Role),
    /// The managing organization is affiliated with the subject's.
    Affiliation,
    /// A grant, by its id.
    Grant(String),
}

/// Decides for a document; none is deny.
#[must_use]
pub fn decide(
    facts: &Facts,
    subject: &Subject,
    descriptor: &DocumentDescriptor,
    action: Action,
    now: UnixMillis,
) -> Option<Basis> {
    let class = AccessClass::of(descriptor);
    decide_class(facts, subject, &class, action)
        .or_else(|| by_grant(facts, subject, &class, descriptor.patient.as_ref(), action, now))
}

/// Decides what holds for every document of a class, whosever chart it is in.
#[must_use]
pub fn decide_class(facts: &Facts, subject: &Subject, class: &AccessClass, action: Action) -> Option<Basis> {
    by_role(facts, subject, class, action).or_else(|| by_affiliation(facts, subject, class, action))
}

fn by_role(facts: &Facts, subject: &Subject, class: &AccessClass, action: Action) -> Option<Basis> {
    if subject.organization != class.organization {
        return None;
    }
    let role = facts.roles(subject).iter().find(|assigned| {
        if class.compartment == Compartment::Sensitive {
            return treats(assigned.role) && assigned.sensitive.contains(&class.category);
        }
        role_allows(assigned.role, class.compartment, action)
    })?;
    Some(Basis::Role(role.role))
}

fn by_affiliation(facts: &Facts, subject: &Subject, class: &AccessClass, action: Action) -> Option<Basis> {
    let found = facts.affiliations(&subject.organization).iter().any(|affiliation| {
        affiliation.organization == class.organization
            && opens(&affiliation.compartments, class.compartment)
            && class.compartment != Compartment::Sensitive
            && (action == Action::Read || affiliation.may_write && class.compartment != Compartment::Directory)
    });
    (found && within_role(facts, subject, class.compartment, action)).then_some(Basis::Affiliation)
}

fn by_grant(
    facts: &Facts,
    subject: &Subject,
    class: &AccessClass,
    patient: Option<&PatientId>,
    action: Action,
    now: UnixMillis,
) -> Option<Basis> {
    if !within_role(facts, subject, class.compartment, action) {
        return None;
    }
    let grant = facts.grants(subject, now).find(|grant| {
        let chart = grant.organization == class.organization;
        match patient {
            Some(patient) => {
                chart
                    && grant.patient == *patient
                    && opens(&grant.compartments, class.compartment)
                    && (action == Action::Read || grant.may_write)
            }
            // The directory holds the names that a granted chart refers to.
            None => chart && action == Action::Read,
        }
    })?;
    Some(Basis::Grant(grant.id.clone()))
}

/// Whether a sharing that names `compartments` opens `wanted`. Every sharing opens the index and the directory for it: a
/// chart without its patient's name is dangerous.
fn opens(compartments: &[Compartment], wanted: Compartment) -> bool {
    matches!(wanted, Compartment::PatientIndex | Compartment::Directory) || compartments.contains(&wanted)
}

/// What comes from another organization goes only to people whose role covers such content at home.
fn within_role(facts: &Facts, subject: &Subject, compartment: Compartment, action: Action) -> bool {
    facts.roles(subject).iter().any(|assigned| match compartment {
        Compartment::Sensitive => treats(assigned.role),
        Compartment::Directory => true,
        other => role_allows(assigned.role, other, action),
    })
}

fn treats(role: Role) -> bool {
    matches!(role, Role::Physician | Role::Nurse | Role::CommunityHealthWorker)
}

/// Role by compartment at the managing organization; `sensitive` is decided by name, never here.
fn role_allows(role: Role, compartment: Compartment, action: Action) -> bool {
    use Compartment::{Administrative, Core, Directory, Encounter, PatientIndex, Results, Sensitive, Workflow};
    let (reads, writes): (&[Compartment], &[Compartment]) = match role {
        Role::Physician => {
            let all = &[PatientIndex, Core, Encounter, Results, Workflow, Administrative, Directory];
            (all, all)
        }
        Role::Nurse => (
            &[PatientIndex, Core, Encounter, Results, Workflow, Directory],
            &[PatientIndex, Core, Encounter, Results, Workflow],
        ),
        Role::CommunityHealthWorker => {
            (&[PatientIndex, Core, Encounter, Workflow, Directory], &[PatientIndex, Core, Encounter, Workflow])
        }
        Role::Pharmacist => (&[PatientIndex, Core, Workflow, Directory], &[Core, Workflow]),
        Role::Clerk => (&[PatientIndex, Administrative, Directory], &[PatientIndex, Administrative]),
        Role::Administrator => (&[Directory], &[Directory]),
        Role::PrivacyOfficer => (&[Directory], &[]),
    };
    debug_assert!(!reads.contains(&Sensitive), "sensitive content is opened by name");
    match action {
        Action::Read => reads.contains(&compartment),
        Action::Write => writes.contains(&compartment),
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
