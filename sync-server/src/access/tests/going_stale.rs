//! What a change makes stale, and what ends by itself.

use super::*;

fn documents(gate: &mut Gate) {
    let all = ["north", "south"].into_iter().flat_map(|at| {
        Compartment::ALL.into_iter().filter(|c| *c != Compartment::Sensitive).map(move |c| document(at, c, ""))
    });
    all.zip(1..).for_each(|(descriptor, number)| gate.document_added(&descriptor, number));
}

fn grant(to: Grantee, expires_at: i64) -> Grant {
    Grant {
        id: "g1".into(),
        organization: organization("north"),
        patient: p1(),
        grantee: to,
        compartments: vec![Compartment::Core],
        may_write: true,
        expires_at: UnixMillis(expires_at),
    }
}

#[test]
fn a_change_makes_only_reaches_of_those_it_concerns_stale() {
    let mut facts = two_clinics();
    facts.roles.push(role("dr-t", "south", Role::Physician, &[]));
    let mut gate = gate(facts);
    documents(&mut gate);
    let who = [("dr-n", "north"), ("dr-s", "south"), ("dr-t", "south")].map(|(who, at)| subject(who, at));
    let mut stale_after = |change: FactChange| {
        let before = who.each_ref().map(|subject| gate.reach(subject, NOW));
        gate.change(change);
        before.each_ref().map(|reach| !gate.holds(reach, NOW))
    };
    let dr_s = Grantee::Practitioner(PractitionerId::new("dr-s").unwrap());
    assert_eq!(stale_after(FactChange::Grant(grant(dr_s, 9_000))), [false, true, false]);
    // In place of the one before: who had it is concerned as well as who has it now.
    let dr_n = Grantee::Practitioner(PractitionerId::new("dr-n").unwrap());
    assert_eq!(stale_after(FactChange::Grant(grant(dr_n, 9_000))), [true, true, false]);
    let to_south = Grantee::Organization(organization("south"));
    let named = Provision { actors: vec![to_south.clone()], ..provision(Effect::Deny) };
    assert_eq!(stale_after(FactChange::Consent(consent("c1", named))), [false, true, true]);
    assert_eq!(stale_after(FactChange::Consent(consent("c1", provision(Effect::Deny)))), [true, true, true]);
    assert_eq!(stale_after(FactChange::NoConsent("c1".into())), [true, true, true]);
    assert_eq!(stale_after(FactChange::Role(role("dr-t", "south", Role::Nurse, &[]))), [false, false, true]);
    let relationship =
        Relationship { organization: organization("north"), patient: p1(), partner: organization("south") };
    assert_eq!(stale_after(FactChange::Relationship(relationship)), [false, true, true]);
    assert_eq!(stale_after(FactChange::Opening(opening("dr-s", "south", 5_000))), [false, true, false]);
}

#[test]
fn what_ends_or_begins_ends_and_begins_by_itself() {
    let member = CareTeamMember {
        member: Grantee::Practitioner(PractitionerId::new("dr-s").unwrap()),
        period: period(2_000, 8_000),
    };
    let team = CareTeam {
        id: "t".into(),
        organization: organization("north"),
        patient: p1(),
        members: vec![member],
        source: None,
    };
    let denial = Provision { period: period(3_000, 7_000), ..provision(Effect::Deny) };
    let mut facts = Facts { care_teams: vec![team], consents: vec![consent("c1", denial)], ..two_clinics() };
    facts.grants.push(grant(Grantee::Organization(organization("south")), 2_500));
    facts.openings.push(opening("dr-s", "south", 4_000));
    facts.roles[1].until = Some(UnixMillis(7_500));
    let mut gate = gate(facts);
    documents(&mut gate);
    let dr = subject("dr-s", "south");
    let (mut now, mut turns) = (NOW, Vec::new());
    loop {
        let reach = gate.reach(&dr, now);
        assert!(gate.holds(&reach, now));
        let Some(until) = (1..10_000).map(|millis| now.plus(millis)).find(|later| !gate.holds(&reach, *later)) else {
            break;
        };
        turns.push(until.0);
        now = until;
    }
    assert_eq!(turns, [2_000, 2_500, 3_000, 4_000, 7_000, 7_500, 8_000]);
    assert!(gate.reach(&dr, now).documents().is_empty());
}

#[test]
fn the_reach_tells_what_is_in_it_only_because_the_glass_was_broken() {
    let mut facts = two_clinics();
    facts.grants.push(grant(Grantee::Organization(organization("south")), 9_000));
    facts.openings.push(opening("dr-s", "south", 5_000));
    let mut gate = gate(facts);
    documents(&mut gate);
    let reach = gate.reach(&subject("dr-s", "south"), NOW);
    // Directory, patient index and core come with the grant.
    let by_glass: Vec<_> =
        (1..=7).filter(|number| reach.break_glass_until(*number) == Some(UnixMillis(5_000))).collect();
    assert_eq!(by_glass, [4, 5, 6]);
    assert_eq!(reach.only_by_break_glass().iter().collect::<Vec<_>>(), by_glass);
    assert!((1..=3).all(|number| reach.documents().contains(number)) && reach.break_glass_until(8).is_none());
    // One more document of the chart, begun while the glass is broken.
    gate.document_added(&document("north", Compartment::Encounter, "e2"), 15);
    assert_eq!(gate.reach(&subject("dr-s", "south"), NOW).break_glass_until(15), Some(UnixMillis(5_000)));
}

#[test]
fn a_policy_change_makes_everything_stale() {
    let mut gate = gate(two_clinics());
    documents(&mut gate);
    let dr = subject("dr-n", "north");
    let reach = gate.reach(&dr, NOW);
    assert_eq!(reach.documents().len(), 7);
    let gate = with_policy(gate, r#"@id("closed") forbid (principal, action == Action::"read", resource);"#);
    assert!(!gate.holds(&reach, NOW) && gate.read_permit(&reach, DeviceId([1; 16]), NOW).is_none());
    assert!(gate.reach(&dr, NOW).documents().is_empty());
}

#[test]
fn a_role_change_of_a_thousand_people_asks_the_policies_nothing_new() {
    let mut facts = two_clinics();
    for n in 0..1_000 {
        facts.roles.push(role(&format!("nurse-{n}"), "north", Role::Nurse, &[]));
    }
    let mut gate = gate(facts);
    // Policies of its own: what others have asked does not count.
    gate.set_policies(Policies::load(&[]).unwrap().into());
    for number in 1..=10_000 {
        let patient = PatientId::new(format!("p{}", number % 2_000)).unwrap();
        let compartment = Compartment::ALL[1 + number as usize % 5];
        let part = if compartment == Compartment::Encounter { "e1" } else { "" };
        gate.document_added(
            &DocumentDescriptor { patient: Some(patient), ..document("north", compartment, part) },
            number,
        );
    }
    let nurse = subject("nurse-0", "north");
    gate.change(FactChange::Role(role("nurse-0", "north", Role::Physician, &[])));
    let _ = gate.reach(&nurse, NOW);
    gate.change(FactChange::NoRole(role("nurse-0", "north", Role::Physician, &[])));
    let _ = gate.reach(&nurse, NOW);
    let asked = gate.policies().answers_kept();
    assert!(asked < 20, "{asked} decisions for 10,000 documents");
    for n in 0..1_000 {
        let who = subject(&format!("nurse-{n}"), "north");
        gate.change(FactChange::Role(role(&format!("nurse-{n}"), "north", Role::Physician, &[])));
        assert_eq!(gate.reach(&who, NOW).documents().len(), 10_000);
    }
    assert_eq!(gate.policies().answers_kept(), asked);
}
