//! Relationships, care teams and break-glass under the default policy.

use super::*;

fn north(compartment: Compartment) -> DocumentDescriptor {
    let part = match compartment {
        Compartment::Encounter => "e1",
        Compartment::Sensitive => "PSY",
        _ => "",
    };
    document("north", compartment, part)
}

#[test]
fn an_affiliation_with_relationship_opens_only_the_patients_that_both_treat() {
    let affiliation = Affiliation {
        organization: organization("north"),
        partner: organization("south"),
        compartments: vec![Compartment::Core],
        may_write: true,
        patients: AffiliatedPatients::WithRelationship,
    };
    let mut gate = gate(Facts { affiliations: vec![affiliation], ..two_clinics() });
    let (dr, core) = (("dr-s", "south"), north(Compartment::Core));
    assert!(!reads(&gate, dr, &core, NOW) && !writes(&gate, dr, &core, NOW));
    assert!(reads(&gate, dr, &north(Compartment::Directory), NOW));
    let relationship =
        Relationship { organization: organization("north"), patient: p1(), partner: organization("south") };
    gate.change(FactChange::Relationship(relationship.clone()));
    assert!(reads(&gate, dr, &core, NOW) && writes(&gate, dr, &core, NOW));
    assert!(reads(&gate, dr, &north(Compartment::PatientIndex), NOW));
    assert!(
        !reads(&gate, dr, &north(Compartment::Encounter), NOW)
            && !reads(&gate, dr, &north(Compartment::Sensitive), NOW)
    );
    let other = DocumentDescriptor { patient: Some(PatientId::new("p2").unwrap()), ..core.clone() };
    assert!(!reads(&gate, dr, &other, NOW));
    gate.change(FactChange::NoRelationship(relationship));
    assert!(!reads(&gate, dr, &core, NOW));
}

#[test]
fn a_relationship_alone_opens_nothing() {
    let relationship =
        Relationship { organization: organization("north"), patient: p1(), partner: organization("south") };
    let gate = gate(Facts { relationships: vec![relationship], ..two_clinics() });
    for compartment in Compartment::ALL {
        assert!(!reads(&gate, ("dr-s", "south"), &north(compartment), NOW), "{compartment}");
    }
}

#[test]
fn a_care_team_opens_its_patients_chart_within_its_members_roles_and_periods() {
    let member = |who, period| CareTeamMember { member: who, period };
    let team = CareTeam {
        id: "t1".into(),
        organization: organization("north"),
        patient: p1(),
        members: vec![
            member(Grantee::Practitioner(PractitionerId::new("dr-s").unwrap()), period(1_000, 2_000)),
            member(Grantee::Organization(organization("east")), Period::default()),
        ],
        source: None,
    };
    let mut facts = Facts { care_teams: vec![team], ..two_clinics() };
    facts.roles.push(role("clerk-e", "east", Role::Clerk, &[]));
    let mut gate = gate(facts);
    let (dr, core) = (("dr-s", "south"), north(Compartment::Core));
    assert!(!reads(&gate, dr, &core, UnixMillis(999)) && !reads(&gate, dr, &core, UnixMillis(2_000)));
    assert!(reads(&gate, dr, &core, NOW) && writes(&gate, dr, &core, UnixMillis(1_999)));
    assert!(
        reads(&gate, dr, &north(Compartment::Directory), NOW)
            && !writes(&gate, dr, &north(Compartment::Directory), NOW)
    );
    assert!(!reads(&gate, dr, &north(Compartment::Sensitive), NOW));
    let clerk = ("clerk-e", "east");
    assert!(reads(&gate, clerk, &north(Compartment::PatientIndex), NOW) && !reads(&gate, clerk, &core, NOW));
    gate.change(FactChange::NoCareTeam("t1".into()));
    assert!(!reads(&gate, dr, &core, NOW) && !reads(&gate, clerk, &north(Compartment::Directory), NOW));
}

#[test]
fn breaking_the_glass_opens_one_chart_for_reading_until_its_end_and_nothing_sensitive() {
    let gate = gate(Facts { openings: vec![opening("dr-s", "south", 5_000)], ..two_clinics() });
    let dr = ("dr-s", "south");
    for compartment in Compartment::ALL {
        let opened = !matches!(compartment, Compartment::Sensitive | Compartment::Administrative);
        assert_eq!(reads(&gate, dr, &north(compartment), NOW), opened, "{compartment}");
        assert!(!writes(&gate, dr, &north(compartment), NOW), "{compartment}");
        assert!(!reads(&gate, dr, &north(compartment), UnixMillis(5_000)), "{compartment}");
        assert!(!reads(&gate, ("dr-s", "east"), &north(compartment), NOW), "for another organization");
    }
}

#[test]
fn a_clinics_policy_may_open_a_category_in_emergencies() {
    let facts = Facts { openings: vec![opening("dr-s", "south", 5_000)], ..two_clinics() };
    let policy = r#"@id("psy-in-emergencies")
        permit (principal, action == Action::"read", resource) when { context.breakGlass && resource.category == "PSY" };"#;
    let gate = with_policy(gate(facts), policy);
    assert!(reads(&gate, ("dr-s", "south"), &north(Compartment::Sensitive), NOW));
    assert!(!reads(&gate, ("dr-s", "south"), &document("north", Compartment::Sensitive, "HIV"), NOW));
}

#[test]
fn a_clinics_forbid_beats_every_permit_for_those_it_names() {
    let policy = r#"
        @id("vip") forbid (principal, action == Action::"read", resource)
            when { resource has patient && resource.patient == Patient::"p1" } unless { principal == Practitioner::"dr-n" };
        @id("no-south") forbid (principal, action, resource is Document)
            when { principal.organization == Organization::"south" && resource.organization == Organization::"north" };"#;
    let mut facts = two_clinics();
    facts.roles.push(role("dr-m", "north", Role::Physician, &[]));
    facts.grants.push(Grant {
        id: "g1".into(),
        organization: organization("north"),
        patient: PatientId::new("p2").unwrap(),
        grantee: Grantee::Organization(organization("south")),
        compartments: vec![Compartment::Core],
        may_write: true,
        expires_at: UnixMillis(9_000),
    });
    let core = north(Compartment::Core);
    let other = DocumentDescriptor { patient: Some(PatientId::new("p2").unwrap()), ..core.clone() };
    let gate = with_policy(gate(facts), policy);
    assert!(reads(&gate, ("dr-n", "north"), &core, NOW));
    assert!(!reads(&gate, ("dr-m", "north"), &core, NOW) && writes(&gate, ("dr-m", "north"), &core, NOW));
    assert!(reads(&gate, ("dr-m", "north"), &other, NOW));
    assert!(!reads(&gate, ("dr-s", "south"), &other, NOW) && !writes(&gate, ("dr-s", "south"), &other, NOW));
    assert!(!reads(&gate, ("dr-s", "south"), &document("south", Compartment::Core, ""), NOW), "p1 there too");
}

#[test]
fn a_role_ends_by_itself() {
    let mut facts = two_clinics();
    facts.roles[0].until = Some(UnixMillis(2_000));
    let gate = gate(facts);
    assert!(reads(&gate, ("dr-n", "north"), &north(Compartment::Core), UnixMillis(1_999)));
    assert!(!reads(&gate, ("dr-n", "north"), &north(Compartment::Core), UnixMillis(2_000)));
}
