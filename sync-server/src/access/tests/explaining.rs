//! Why: the policies and facts behind a decision.

use super::*;
use crate::access::{DecidingFact, Explanation, PolicyEffect};

fn why(gate: &Gate, who: (&str, &str), document: &DocumentDescriptor, action: Action) -> Explanation {
    gate.explain(&subject(who.0, who.1), document, action, NOW)
}

fn ids(explanation: &Explanation) -> Vec<&str> {
    explanation.policies.iter().map(|policy| policy.id.as_str()).collect()
}

#[test]
fn a_permit_names_its_policies_and_the_facts_it_rests_on() {
    let grant = Grant {
        id: "g1".into(),
        organization: organization("north"),
        patient: p1(),
        grantee: Grantee::Organization(organization("south")),
        compartments: vec![Compartment::Core],
        may_write: false,
        expires_at: UnixMillis(9_000),
    };
    let gate = gate(Facts { grants: vec![grant], ..two_clinics() });
    let core = document("north", Compartment::Core, "");
    let read = why(&gate, ("dr-s", "south"), &core, Action::Read);
    assert!(read.permitted && read.policies[0].effect == PolicyEffect::Permit);
    assert_eq!(ids(&read), ["grant-to-read"]);
    let expected = [
        DecidingFact::Role { role: Role::Physician, opens_category: false, until: None },
        DecidingFact::Grant {
            id: "g1".into(),
            names_compartment: true,
            may_write: false,
            expires_at: UnixMillis(9_000),
        },
    ];
    assert_eq!(read.facts, expected);
    let write = why(&gate, ("dr-s", "south"), &core, Action::Write);
    assert_eq!((write.permitted, ids(&write)), (false, vec![]), "nothing permits it");
    let directory = why(&gate, ("dr-s", "south"), &document("north", Compartment::Directory, ""), Action::Read);
    assert_eq!((directory.permitted, ids(&directory)), (true, vec!["directory-with-a-chart"]));
    assert_eq!(directory.facts.len(), 2);
}

#[test]
fn a_denial_names_what_forbids() {
    let mut facts = two_clinics();
    facts.roles.push(role("clerk", "north", Role::Clerk, &[]));
    facts.consents.push(consent("c1", provision(Effect::Deny)));
    let gate = gate(facts);
    let core = document("north", Compartment::Core, "");
    let clerk = why(&gate, ("clerk", "north"), &core, Action::Write);
    assert_eq!((clerk.permitted, ids(&clerk)), (false, vec!["beyond-the-role-to-write", "consent-denies"]));
    let doctor = why(&gate, ("dr-n", "north"), &core, Action::Read);
    assert_eq!((doctor.permitted, ids(&doctor)), (false, vec!["consent-denies"]));
    assert!(doctor.facts.contains(&DecidingFact::AtHome));
    assert!(doctor.facts.contains(&DecidingFact::Consent { id: "c1".into(), effect: Some(Effect::Deny) }));
}

#[test]
fn it_agrees_with_the_decision() {
    let gate = gate(two_clinics());
    for compartment in Compartment::ALL {
        let part = if compartment == Compartment::Sensitive { "PSY" } else { "" };
        for (who, action) in
            [("dr-n", Action::Read), ("dr-n", Action::Write), ("dr-s", Action::Read), ("x", Action::Stage)]
        {
            let (who, document) = (subject(who, "north"), document("north", compartment, part));
            assert_eq!(gate.explain(&who, &document, action, NOW).permitted, gate.decide(&who, &document, action, NOW));
        }
    }
}
