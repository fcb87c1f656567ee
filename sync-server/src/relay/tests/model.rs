//! Who may read and write what, written down a second time and as plainly as possible, to hold the relay against.

use sync_protocol::{Compartment, DocumentDescriptor, UnixMillis};

use super::*;

/// What the administrators have entered.
#[derive(Default)]
pub struct Model {
    pub roles: Vec<(String, String, Role, Vec<String>)>,
    pub affiliations: Vec<(String, String, Vec<Compartment>, bool)>,
    pub grants: Vec<Grant>,
}

fn by_role(role: Role, compartment: Compartment, write: bool) -> bool {
    use Compartment::*;
    match (role, write) {
        (Role::Physician, _) => compartment != Sensitive,
        (Role::Nurse, false) => !matches!(compartment, Sensitive | Administrative),
        (Role::Nurse, true) => !matches!(compartment, Sensitive | Administrative | Directory),
        (Role::CommunityHealthWorker, false) => {
            matches!(compartment, PatientIndex | Core | Encounter | Workflow | Directory)
        }
        (Role::CommunityHealthWorker, true) => matches!(compartment, PatientIndex | Core | Encounter | Workflow),
        (Role::Pharmacist, false) => matches!(compartment, PatientIndex | Core | Workflow | Directory),
        (Role::Pharmacist, true) => matches!(compartment, Core | Workflow),
        (Role::Clerk, false) => matches!(compartment, PatientIndex | Administrative | Directory),
        (Role::Clerk, true) => matches!(compartment, PatientIndex | Administrative),
        (Role::Administrator, _) => compartment == Directory,
        (Role::PrivacyOfficer, write) => compartment == Directory && !write,
    }
}

fn treats(role: Role) -> bool {
    [Role::Physician, Role::Nurse, Role::CommunityHealthWorker].contains(&role)
}

impl Model {
    pub fn may(&self, who: &str, at: &str, document: &DocumentDescriptor, write: bool, now: UnixMillis) -> bool {
        let mine = self.roles.iter().filter(|(p, o, _, _)| p == who && o == at);
        let (owner, compartment) = (document.organization.as_str(), document.compartment);
        let sensitive = compartment == Compartment::Sensitive;
        if owner == at {
            let by_name = |open: &[String]| open.contains(&document.part);
            let opens = |role, open: &[String]| {
                if sensitive { treats(role) && by_name(open) } else { by_role(role, compartment, write) }
            };
            if mine.clone().any(|(_, _, role, open)| opens(*role, open)) {
                return true;
            }
        }
        // Others' charts: somebody whose role would cover such content at home.
        let covered = mine.clone().any(|(_, _, role, _)| match compartment {
            Compartment::Sensitive => treats(*role),
            Compartment::Directory => true,
            _ => by_role(*role, compartment, write),
        });
        let always = matches!(compartment, Compartment::PatientIndex | Compartment::Directory);
        let directory = compartment == Compartment::Directory;
        let affiliated = self.affiliations.iter().any(|(o, partner, compartments, may_write)| {
            o == owner
                && partner == at
                && !sensitive
                && (always || compartments.contains(&compartment))
                && (!write || *may_write && !directory)
        });
        let granted = self.grants.iter().any(|grant| {
            let to_me = match &grant.grantee {
                Grantee::Organization(organization) => organization.as_str() == at,
                Grantee::Practitioner(practitioner) => practitioner.as_str() == who,
            };
            let chart = directory || document.patient.as_ref() == Some(&grant.patient);
            to_me
                && now < grant.expires_at
                && grant.organization.as_str() == owner
                && chart
                && (always || grant.compartments.contains(&compartment))
                && (!write || grant.may_write && !directory)
        });
        covered && (affiliated || granted)
    }
}
