//! Who may read and write what, written down a second time and as plainly as possible, to hold the relay against.
//!
//! It knows the facts as data and nothing of the gate: no policy text, no sets, no caches, none of the facts' own methods.

use sync_protocol::{Compartment, DocumentDescriptor, UnixMillis};

use super::*;
use crate::access::{
    AffiliatedPatients, BreakGlassOpening, CareTeam, Consent, ConsentStatus, Effect, Period, Provision, Relationship,
};

/// What the administrators have entered.
#[derive(Default)]
pub struct Model {
    pub roles: Vec<PractitionerRole>,
    pub affiliations: Vec<Affiliation>,
    pub relationships: Vec<Relationship>,
    pub care_teams: Vec<CareTeam>,
    pub grants: Vec<Grant>,
    pub consents: Vec<Consent>,
    pub openings: Vec<BreakGlassOpening>,
}

/// Which roles' work such content belongs to.
fn belongs_to(role: Role, compartment: Compartment, write: bool) -> bool {
    use Compartment::*;
    match (role, write) {
        (Role::Physician, _) => true,
        (Role::Nurse, false) => compartment != Administrative,
        (Role::Nurse, true) => compartment != Administrative && compartment != Directory,
        (Role::CommunityHealthWorker, false) => {
            matches!(compartment, PatientIndex | Core | Encounter | Workflow | Sensitive | Directory)
        }
        (Role::CommunityHealthWorker, true) => {
            matches!(compartment, PatientIndex | Core | Encounter | Workflow | Sensitive)
        }
        (Role::Pharmacist, false) => matches!(compartment, PatientIndex | Core | Workflow | Directory),
        (Role::Pharmacist, true) => matches!(compartment, Core | Workflow),
        (Role::Clerk, false) => matches!(compartment, PatientIndex | Administrative | Directory),
        (Role::Clerk, true) => matches!(compartment, PatientIndex | Administrative),
        (Role::Administrator, _) => compartment == Directory,
        (Role::PrivacyOfficer, write) => compartment == Directory && !write,
    }
}

fn treats(role: Role) -> bool {
    matches!(role, Role::Physician | Role::Nurse | Role::CommunityHealthWorker)
}

fn during(period: &Period, now: UnixMillis) -> bool {
    let begun = match period.start {
        Some(start) => now >= start,
        None => true,
    };
    let over = match period.end {
        Some(end) => now >= end,
        None => false,
    };
    begun && !over
}

fn is(party: &Grantee, who: &str, at: &str) -> bool {
    match party {
        Grantee::Organization(organization) => organization.as_str() == at,
        Grantee::Practitioner(practitioner) => practitioner.as_str() == who,
    }
}

/// What a provision is about: nothing said about content means everything, or everything that is not sensitive if it opens.
fn speaks_of(provision: &Provision, document: &DocumentDescriptor) -> bool {
    let sensitive = document.compartment == Compartment::Sensitive;
    if provision.compartments.is_empty() && provision.categories.is_empty() {
        return !(sensitive && provision.effect == Effect::Permit);
    }
    provision.compartments.contains(&document.compartment) || sensitive && provision.categories.contains(&document.part)
}

fn speaks_to(provision: &Provision, who: &str, at: &str, now: UnixMillis) -> bool {
    during(&provision.period, now)
        && (provision.actors.is_empty() || provision.actors.iter().any(|actor| is(actor, who, at)))
}

/// What the patient has said about a document to somebody.
#[derive(Default)]
struct Said {
    denied: bool,
    /// To read, to write.
    permitted: [bool; 2],
    /// Something of the chart is permitted; something is permitted to be written.
    permitted_something: [bool; 2],
}

impl Model {
    pub fn may(&self, who: &str, at: &str, document: &DocumentDescriptor, write: bool, now: UnixMillis) -> bool {
        let compartment = document.compartment;
        let mine: Vec<&PractitionerRole> = self
            .roles
            .iter()
            .filter(|role| role.practitioner.as_str() == who && role.organization.as_str() == at)
            .filter(|role| match role.until {
                Some(until) => now < until,
                None => true,
            })
            .collect();
        if !mine.iter().any(|role| belongs_to(role.role, compartment, write)) {
            return false;
        }
        if compartment == Compartment::Directory {
            return self.may_directory(who, at, document, write, now);
        }
        let glass_is_broken = self.openings.iter().any(|opening| {
            self.same_chart(document, opening.organization.as_str(), opening.patient.as_str())
                && opening.subject.practitioner.as_str() == who
                && opening.subject.organization.as_str() == at
                && now >= opening.opened_at
                && now < opening.until
        });
        let said = self.said(who, at, document, now);
        if said.denied && !glass_is_broken {
            return false;
        }
        if document.organization.as_str() == at {
            if compartment != Compartment::Sensitive {
                return true;
            }
            let by_name = |role: &&PractitionerRole| treats(role.role) && role.sensitive.contains(&document.part);
            if mine.iter().any(by_name) {
                return true;
            }
        }
        self.by_affiliation(at, document, write)
            || self.by_grant(who, at, document, write, now)
            || compartment != Compartment::Sensitive && self.in_care_team(who, at, document, now)
            || said.permitted[usize::from(write)]
            || compartment == Compartment::PatientIndex && said.permitted_something[usize::from(write)]
            || glass_is_broken
                && !write
                && compartment != Compartment::Sensitive
                && compartment != Compartment::Administrative
    }

    /// Whether a document may lie sealed on somebody's device: index or core of a patient whom their organization treats too.
    pub fn may_have_sealed(&self, who: &str, at: &str, document: &DocumentDescriptor, now: UnixMillis) -> bool {
        let treating = self.roles.iter().any(|role| {
            role.practitioner.as_str() == who
                && role.organization.as_str() == at
                && role.until.is_none_or(|until| now < until)
                && treats(role.role)
        });
        let related = self.relationships.iter().any(|relationship| {
            relationship.partner.as_str() == at
                && self.same_chart(document, relationship.organization.as_str(), relationship.patient.as_str())
        });
        let kind = matches!(document.compartment, Compartment::PatientIndex | Compartment::Core);
        treating && related && kind && !self.said(who, at, document, now).denied
    }

    fn same_chart(&self, document: &DocumentDescriptor, organization: &str, patient: &str) -> bool {
        document.organization.as_str() == organization
            && document.patient.as_ref().is_some_and(|of_document| of_document.as_str() == patient)
    }

    /// The directory: at home, of who is affiliated, and of whoever shares a chart.
    fn may_directory(&self, who: &str, at: &str, document: &DocumentDescriptor, write: bool, now: UnixMillis) -> bool {
        let owner = document.organization.as_str();
        if owner == at {
            return true;
        }
        if write {
            return false;
        }
        let affiliated = self.affiliations.iter().any(|a| a.organization.as_str() == owner && a.partner.as_str() == at);
        let granted = self
            .grants
            .iter()
            .any(|g| g.organization.as_str() == owner && is(&g.grantee, who, at) && now < g.expires_at);
        let teamed = self.care_teams.iter().any(|team| {
            team.organization.as_str() == owner
                && team.members.iter().any(|m| is(&m.member, who, at) && during(&m.period, now))
        });
        let broken = self.openings.iter().any(|opening| {
            opening.organization.as_str() == owner
                && opening.subject.practitioner.as_str() == who
                && opening.subject.organization.as_str() == at
                && now >= opening.opened_at
                && now < opening.until
        });
        let consented = self
            .consents
            .iter()
            .filter(|consent| consent.organization.as_str() == owner)
            .any(|consent| something_permitted(consent, who, at, now)[0]);
        affiliated || granted || teamed || broken || consented
    }

    fn by_affiliation(&self, at: &str, document: &DocumentDescriptor, write: bool) -> bool {
        for affiliation in &self.affiliations {
            if affiliation.organization != document.organization || affiliation.partner.as_str() != at {
                continue;
            }
            let related = self.relationships.iter().any(|relationship| {
                relationship.partner.as_str() == at
                    && self.same_chart(document, relationship.organization.as_str(), relationship.patient.as_str())
            });
            let this_patient = affiliation.patients == AffiliatedPatients::All || related;
            let this_content = match document.compartment {
                Compartment::Sensitive => false,
                Compartment::PatientIndex => true,
                other => affiliation.compartments.contains(&other),
            };
            if this_patient && this_content && (!write || affiliation.may_write) {
                return true;
            }
        }
        false
    }

    fn by_grant(&self, who: &str, at: &str, document: &DocumentDescriptor, write: bool, now: UnixMillis) -> bool {
        for grant in &self.grants {
            let this_chart = self.same_chart(document, grant.organization.as_str(), grant.patient.as_str());
            let this_content =
                document.compartment == Compartment::PatientIndex || grant.compartments.contains(&document.compartment);
            let in_time = now < grant.expires_at;
            if this_chart && this_content && in_time && is(&grant.grantee, who, at) && (!write || grant.may_write) {
                return true;
            }
        }
        false
    }

    fn in_care_team(&self, who: &str, at: &str, document: &DocumentDescriptor, now: UnixMillis) -> bool {
        for team in &self.care_teams {
            if !self.same_chart(document, team.organization.as_str(), team.patient.as_str()) {
                continue;
            }
            for member in &team.members {
                if is(&member.member, who, at) && during(&member.period, now) {
                    return true;
                }
            }
        }
        false
    }

    /// Goes through the patient's consents, each with its exceptions first.
    fn said(&self, who: &str, at: &str, document: &DocumentDescriptor, now: UnixMillis) -> Said {
        let mut said = Said::default();
        for consent in &self.consents {
            if !self.same_chart(document, consent.organization.as_str(), consent.patient.as_str()) {
                continue;
            }
            let something = something_permitted(consent, who, at, now);
            said.permitted_something[0] |= something[0];
            said.permitted_something[1] |= something[1];
            if consent.status != ConsentStatus::Active || !during(&consent.provision.period, now) {
                continue;
            }
            let mut excepted = false;
            for exception in &consent.provision.exceptions {
                if speaks_to(exception, who, at, now) && speaks_of(exception, document) {
                    excepted = true;
                    say(&mut said, exception);
                }
            }
            if !excepted && speaks_to(&consent.provision, who, at, now) && speaks_of(&consent.provision, document) {
                say(&mut said, &consent.provision);
            }
        }
        said
    }
}

fn say(said: &mut Said, provision: &Provision) {
    match provision.effect {
        Effect::Deny => said.denied = true,
        Effect::Permit => {
            said.permitted[0] = true;
            said.permitted[1] |= provision.may_write;
        }
    }
}

/// Whether a consent opens anything of its chart to somebody, and anything to be written.
fn something_permitted(consent: &Consent, who: &str, at: &str, now: UnixMillis) -> [bool; 2] {
    let mut found = [false; 2];
    if consent.status != ConsentStatus::Active || !during(&consent.provision.period, now) {
        return found;
    }
    let mut all = vec![&consent.provision];
    all.extend(&consent.provision.exceptions);
    for provision in all {
        if provision.effect == Effect::Permit && speaks_to(provision, who, at, now) {
            found[0] = true;
            found[1] |= provision.may_write;
        }
    }
    found
}
