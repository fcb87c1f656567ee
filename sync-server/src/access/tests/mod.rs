//! What the gate decides under the default policy and others, case by case.

mod by_role;
mod by_sharing;
mod consents;
mod explaining;
mod going_stale;
mod officers;
mod sets;

use sync_protocol::{
    Compartment, DeviceId, DocumentDescriptor, OpeningId, OrganizationId, PatientId, PractitionerId, UnixMillis,
};

use crate::access::facts::*;
use crate::access::{Action, FactChange, Gate, Policies, PolicyFile};

const NOW: UnixMillis = UnixMillis(1_000);

fn organization(id: &str) -> OrganizationId {
    OrganizationId::new(id).unwrap()
}

fn subject(practitioner: &str, at: &str) -> Subject {
    Subject { practitioner: PractitionerId::new(practitioner).unwrap(), organization: organization(at) }
}

fn role(practitioner: &str, at: &str, role: Role, sensitive: &[&str]) -> PractitionerRole {
    let sensitive = sensitive.iter().map(ToString::to_string).collect();
    let Subject { practitioner, organization } = subject(practitioner, at);
    PractitionerRole { practitioner, organization, role, sensitive, until: None }
}

fn document(organization_id: &str, compartment: Compartment, part: &str) -> DocumentDescriptor {
    let patient = (compartment != Compartment::Directory).then(|| PatientId::new("p1").unwrap());
    DocumentDescriptor { organization: organization(organization_id), patient, compartment, part: part.into() }
}

fn gate(facts: Facts) -> Gate {
    let mut gate = Gate::default();
    gate.set_facts(facts);
    gate
}

/// The default policy and a clinic's own.
fn with_policy(mut gate: Gate, text: &str) -> Gate {
    let file = PolicyFile { name: "north.cedar".into(), text: text.into() };
    gate.set_policies(Policies::load(&[file]).unwrap().into());
    gate
}

fn reads(gate: &Gate, who: (&str, &str), document: &DocumentDescriptor, now: UnixMillis) -> bool {
    gate.decide(&subject(who.0, who.1), document, Action::Read, now)
}

fn writes(gate: &Gate, who: (&str, &str), document: &DocumentDescriptor, now: UnixMillis) -> bool {
    gate.decide(&subject(who.0, who.1), document, Action::Write, now)
}

fn p1() -> PatientId {
    PatientId::new("p1").unwrap()
}

fn period(start: i64, end: i64) -> Period {
    Period { start: Some(UnixMillis(start)), end: Some(UnixMillis(end)) }
}

/// Physicians at `north` and `south`, and nothing shared.
fn two_clinics() -> Facts {
    let roles =
        vec![role("dr-n", "north", Role::Physician, &["PSY"]), role("dr-s", "south", Role::Physician, &["PSY"])];
    Facts { roles, ..Facts::default() }
}

fn consent(id: &str, provision: Provision) -> Consent {
    let (organization, patient) = (organization("north"), p1());
    Consent { id: id.into(), organization, patient, status: ConsentStatus::Active, provision, source: None }
}

fn provision(effect: Effect) -> Provision {
    Provision {
        effect,
        actors: Vec::new(),
        compartments: Vec::new(),
        categories: Vec::new(),
        may_write: false,
        period: Period::default(),
        exceptions: Vec::new(),
    }
}

fn opening(who: &str, at: &str, until: i64) -> BreakGlassOpening {
    BreakGlassOpening {
        id: OpeningId([1; 16]),
        organization: organization("north"),
        patient: p1(),
        subject: subject(who, at),
        device: DeviceId([1; 16]),
        purpose: PurposeOfUse::EmergencyTreatment,
        reason: "unconscious".into(),
        opened_at: NOW,
        until: UnixMillis(until),
    }
}
