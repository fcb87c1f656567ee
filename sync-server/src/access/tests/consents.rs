//! Consents under the default policy.

use super::*;

const DR_N: (&str, &str) = ("dr-n", "north");
const DR_S: (&str, &str) = ("dr-s", "south");

fn with(provision: Provision) -> Gate {
    gate(Facts { consents: vec![consent("c1", provision)], ..two_clinics() })
}

fn core() -> DocumentDescriptor {
    document("north", Compartment::Core, "")
}

fn psy() -> DocumentDescriptor {
    document("north", Compartment::Sensitive, "PSY")
}

fn south() -> Vec<Grantee> {
    vec![Grantee::Organization(organization("south"))]
}

#[test]
fn a_denial_closes_the_chart_at_home_too_and_leaves_others_charts() {
    let gate = with(provision(Effect::Deny));
    assert!(
        !reads(&gate, DR_N, &core(), NOW) && !writes(&gate, DR_N, &core(), NOW) && !reads(&gate, DR_N, &psy(), NOW)
    );
    let other = DocumentDescriptor { patient: Some(PatientId::new("p2").unwrap()), ..core() };
    assert!(reads(&gate, DR_N, &other, NOW));
    assert!(reads(&gate, DR_N, &document("north", Compartment::Directory, ""), NOW));
}

#[test]
fn a_denial_reaches_only_whom_and_what_it_names() {
    let named = Provision { actors: south(), ..provision(Effect::Deny) };
    assert!(reads(&with(named), DR_N, &core(), NOW));
    let category = Provision { categories: vec!["PSY".into()], ..provision(Effect::Deny) };
    let gate = with(category);
    assert!(reads(&gate, DR_N, &core(), NOW) && !reads(&gate, DR_N, &psy(), NOW));
    let compartment = Provision { compartments: vec![Compartment::Core], ..provision(Effect::Deny) };
    let gate = with(compartment);
    assert!(!reads(&gate, DR_N, &core(), NOW) && reads(&gate, DR_N, &psy(), NOW));
}

#[test]
fn a_denial_beats_every_way_to_share() {
    let grant = Grant {
        id: "g1".into(),
        organization: organization("north"),
        patient: p1(),
        grantee: Grantee::Organization(organization("south")),
        compartments: vec![Compartment::Core, Compartment::Sensitive],
        may_write: true,
        expires_at: UnixMillis(9_000),
    };
    let denial = consent("c1", Provision { actors: south(), ..provision(Effect::Deny) });
    let permit = consent("c2", Provision { may_write: true, ..provision(Effect::Permit) });
    let facts = Facts { grants: vec![grant], consents: vec![permit], ..two_clinics() };
    let mut gate = gate(facts);
    assert!(reads(&gate, DR_S, &core(), NOW) && reads(&gate, DR_S, &psy(), NOW));
    gate.change(FactChange::Consent(denial));
    assert!(
        !reads(&gate, DR_S, &core(), NOW) && !reads(&gate, DR_S, &psy(), NOW) && !writes(&gate, DR_S, &core(), NOW)
    );
}

#[test]
fn breaking_the_glass_passes_over_a_denial() {
    let consents = vec![consent("c1", provision(Effect::Deny))];
    let facts = Facts { consents, openings: vec![opening("dr-s", "south", 5_000)], ..two_clinics() };
    let gate = gate(facts);
    assert!(reads(&gate, DR_S, &core(), NOW) && !reads(&gate, DR_N, &core(), NOW));
    assert!(!reads(&gate, DR_S, &core(), UnixMillis(5_000)));
}

#[test]
fn a_permit_opens_the_chart_to_another_clinic_within_its_roles_but_sensitive_content_only_by_name() {
    let whole = with(Provision { actors: south(), ..provision(Effect::Permit) });
    assert!(
        reads(&whole, DR_S, &core(), NOW) && !writes(&whole, DR_S, &core(), NOW) && !reads(&whole, DR_S, &psy(), NOW)
    );
    assert!(reads(&whole, DR_S, &document("north", Compartment::Directory, ""), NOW));
    let named = Provision { actors: south(), categories: vec!["PSY".into()], ..provision(Effect::Permit) };
    let named = with(Provision { may_write: true, ..named });
    assert!(reads(&named, DR_S, &psy(), NOW) && writes(&named, DR_S, &psy(), NOW));
    assert!(
        !reads(&named, DR_S, &core(), NOW)
            && !reads(&named, DR_S, &document("north", Compartment::Sensitive, "HIV"), NOW)
    );
    assert!(reads(&named, DR_S, &document("north", Compartment::PatientIndex, ""), NOW));
}

#[test]
fn exceptions_go_before_what_they_except_from() {
    let only_dr_n = Provision {
        actors: vec![Grantee::Practitioner(PractitionerId::new("dr-n").unwrap())],
        ..provision(Effect::Permit)
    };
    let mut facts = two_clinics();
    facts.roles.push(role("dr-m", "north", Role::Physician, &[]));
    facts.consents.push(consent("c1", Provision { exceptions: vec![only_dr_n], ..provision(Effect::Deny) }));
    let everyone_but = gate(facts);
    assert!(reads(&everyone_but, DR_N, &core(), NOW) && !reads(&everyone_but, ("dr-m", "north"), &core(), NOW));
    // What the exception does not cover stays denied.
    assert!(!reads(&everyone_but, DR_N, &psy(), NOW));

    let but_encounters = Provision { compartments: vec![Compartment::Encounter], ..provision(Effect::Deny) };
    let gate = with(Provision { actors: south(), exceptions: vec![but_encounters], ..provision(Effect::Permit) });
    assert!(
        reads(&gate, DR_S, &core(), NOW) && !reads(&gate, DR_S, &document("north", Compartment::Encounter, "e1"), NOW)
    );
}

#[test]
fn only_active_consents_have_effect_and_only_in_their_period() {
    let denial = |status, period| Consent { status, ..consent("c1", Provision { period, ..provision(Effect::Deny) }) };
    let mut gate = gate(Facts { consents: vec![denial(ConsentStatus::Active, period(1_000, 2_000))], ..two_clinics() });
    let at = |gate: &Gate, now| reads(gate, DR_N, &core(), UnixMillis(now));
    assert_eq!([999, 1_000, 1_999, 2_000].map(|now| at(&gate, now)), [true, false, false, true]);
    for status in [ConsentStatus::Draft, ConsentStatus::Proposed, ConsentStatus::Rejected, ConsentStatus::Inactive] {
        gate.change(FactChange::Consent(denial(status, Period::default())));
        assert!(at(&gate, 1_500), "{status:?}");
    }
    gate.change(FactChange::Consent(denial(ConsentStatus::Active, Period::default())));
    assert!(!at(&gate, 1_500));
    gate.change(FactChange::NoConsent("c1".into()));
    assert!(at(&gate, 1_500));
}
