//! Access: who may receive and write which document. The gate is the only way to the change log.

mod authority;
mod charts;
mod decision;
mod documents;
mod explanation;
mod facts;
mod fhir;
mod gate;
mod index;
mod permit;
mod policy;
mod question;
mod reach;
mod shared;
mod staleness;
mod view;

#[cfg(test)]
mod tests;

pub use authority::AdministrativeAction;
pub use explanation::{DecidingFact, DecidingPolicy, Explanation, PolicyEffect};
pub use facts::{
    AffiliatedPatients, Affiliation, BreakGlassOpening, CareTeam, CareTeamMember, Consent, ConsentStatus, Effect,
    Facts, Grant, Grantee, Period, PractitionerRole, Provision, PurposeOfUse, Relationship, Role, Subject,
};
pub use fhir::{FhirError, format_date_time, parse_date_time};
pub use gate::Gate;
pub use index::FactChange;
pub use permit::{AppendPermit, IndexPermit, ReadPermit};
pub use policy::{Policies, PolicyError, PolicyFile};
pub use question::Action;
pub use reach::{Reach, Staged};
