//! Which decisions are out of date: a change makes stale what it concerns, and nothing else.

use std::collections::HashMap;

use sync_protocol::{OrganizationId, PractitionerId};

use crate::access::facts::Grantee;

/// Whom a change concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concerned {
    /// Everyone.
    Everyone,
    /// These practitioners, and everyone who acts for these organizations.
    Parties(Vec<Grantee>),
}

/// Counts changes, and remembers the last one that concerned somebody.
#[derive(Debug, Default)]
pub(in crate::access) struct Staleness {
    changes: u64,
    everyone: u64,
    organizations: HashMap<OrganizationId, u64>,
    practitioners: HashMap<PractitionerId, u64>,
}

impl Staleness {
    /// Changes so far.
    pub fn now(&self) -> u64 {
        self.changes
    }

    /// Takes note of a change.
    pub fn note(&mut self, concerned: &Concerned) {
        self.changes += 1;
        let Concerned::Parties(parties) = concerned else {
            self.everyone = self.changes;
            return;
        };
        for party in parties {
            match party {
                Grantee::Organization(id) => self.organizations.insert(id.clone(), self.changes),
                Grantee::Practitioner(id) => self.practitioners.insert(id.clone(), self.changes),
            };
        }
    }

    /// Whether what was worked out after `version` changes still holds for whoever acts for an organization, or for one of
    /// them.
    pub fn is_fresh(&self, organization: &OrganizationId, practitioner: Option<&PractitionerId>, version: u64) -> bool {
        let organization = self.organizations.get(organization).copied().unwrap_or(0);
        let practitioner = practitioner.and_then(|id| self.practitioners.get(id)).copied().unwrap_or(0);
        version >= self.everyone.max(organization).max(practitioner)
    }
}
