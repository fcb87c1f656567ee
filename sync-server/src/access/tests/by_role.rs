//! Roles, affiliations and grants under the default policy.

use super::*;

fn facts() -> Facts {
    let roles = vec![
        role("dr-n", "north", Role::Physician, &["PSY"]),
        role("clerk-n", "north", Role::Clerk, &["PSY"]),
        role("dr-s", "south", Role::Physician, &["PSY"]),
        role("clerk-s", "south", Role::Clerk, &[]),
        role("dr-e", "east", Role::Physician, &[]),
    ];
    let affiliation = Affiliation {
        organization: organization("north"),
        partner: organization("south"),
        compartments: vec![Compartment::Core],
        may_write: false,
        patients: AffiliatedPatients::All,
    };
    let grant = Grant {
        id: "g1".into(),
        organization: organization("north"),
        patient: PatientId::new("p1").unwrap(),
        grantee: Grantee::Organization(organization("east")),
        compartments: vec![Compartment::Encounter],
        may_write: true,
        expires_at: UnixMillis(2_000),
    };
    Facts { roles, affiliations: vec![affiliation], grants: vec![grant], ..Facts::default() }
}

fn may(who: (&str, &str), action: Action, document: &DocumentDescriptor) -> bool {
    gate(facts()).decide(&subject(who.0, who.1), document, action, NOW)
}

#[test]
fn a_physician_reads_and_writes_at_home_and_nothing_elsewhere() {
    let dr = ("dr-n", "north");
    assert!(may(dr, Action::Write, &document("north", Compartment::Core, "")));
    assert!(!may(dr, Action::Read, &document("south", Compartment::Core, "")));
    assert!(!may(dr, Action::Read, &document("south", Compartment::Directory, "")));
}

#[test]
fn a_role_counts_only_where_the_device_acts() {
    assert!(!may(("dr-n", "south"), Action::Read, &document("north", Compartment::Core, "")));
}

#[test]
fn a_clerk_registers_but_sees_no_medication() {
    let clerk = ("clerk-n", "north");
    assert!(may(clerk, Action::Write, &document("north", Compartment::PatientIndex, "")));
    assert!(!may(clerk, Action::Read, &document("north", Compartment::Core, "")));
}

#[test]
fn a_sensitive_category_is_closed_unless_opened_by_name_to_someone_who_treats() {
    assert!(may(("dr-n", "north"), Action::Read, &document("north", Compartment::Sensitive, "PSY")));
    assert!(!may(("dr-n", "north"), Action::Read, &document("north", Compartment::Sensitive, "HIV")));
    assert!(!may(("clerk-n", "north"), Action::Read, &document("north", Compartment::Sensitive, "PSY")));
}

#[test]
fn an_affiliation_opens_its_compartments_for_reading_within_the_readers_role() {
    let dr = ("dr-s", "south");
    assert!(may(dr, Action::Read, &document("north", Compartment::Core, "")));
    assert!(may(dr, Action::Read, &document("north", Compartment::PatientIndex, "")));
    assert!(may(dr, Action::Read, &document("north", Compartment::Directory, "")));
    assert!(!may(dr, Action::Read, &document("north", Compartment::Encounter, "e1")));
    assert!(!may(dr, Action::Read, &document("north", Compartment::Sensitive, "PSY")));
    assert!(!may(dr, Action::Write, &document("north", Compartment::Core, "")));
    assert!(!may(("clerk-s", "south"), Action::Read, &document("north", Compartment::Core, "")));
    assert!(!may(("dr-n", "north"), Action::Read, &document("south", Compartment::Core, "")));
}

#[test]
fn a_grant_opens_one_chart_until_it_expires() {
    let dr = ("dr-e", "east");
    let encounter = document("north", Compartment::Encounter, "e1");
    assert!(may(dr, Action::Write, &encounter));
    assert!(may(dr, Action::Read, &document("north", Compartment::Directory, "")));
    assert!(!may(dr, Action::Write, &document("north", Compartment::Directory, "")));
    assert!(!may(dr, Action::Read, &document("north", Compartment::Core, "")));
    let mut other_patient = encounter.clone();
    other_patient.patient = Some(PatientId::new("p2").unwrap());
    assert!(!may(dr, Action::Read, &other_patient));
    assert!(!gate(facts()).decide(&subject("dr-e", "east"), &encounter, Action::Read, UnixMillis(2_000)));
}

#[test]
fn somebody_without_a_role_gets_nothing_even_from_a_grant() {
    assert!(!may(("stranger", "east"), Action::Read, &document("north", Compartment::Encounter, "e1")));
    assert!(!may(("stranger", "east"), Action::Read, &document("north", Compartment::Directory, "")));
}

#[test]
fn an_affiliation_opens_nothing_sensitive_even_if_it_says_so() {
    let roles = vec![role("dr-s", "south", Role::Physician, &["PSY"])];
    let affiliation = Affiliation {
        organization: organization("north"),
        partner: organization("south"),
        compartments: vec![Compartment::Sensitive],
        may_write: true,
        patients: AffiliatedPatients::All,
    };
    let facts = Facts { roles, affiliations: vec![affiliation], ..Facts::default() };
    let psy = document("north", Compartment::Sensitive, "PSY");
    assert!(!gate(facts).decide(&subject("dr-s", "south"), &psy, Action::Read, NOW));
}
