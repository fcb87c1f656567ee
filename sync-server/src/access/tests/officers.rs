//! Administration, custody and emergencies: what the gate decides besides documents.

use super::*;
use crate::access::AdministrativeAction::{self, *};

const HOUR: i64 = 3_600_000;

fn officers() -> Gate {
    gate(Facts {
        roles: vec![
            role("po", "north", Role::PrivacyOfficer, &[]),
            role("admin", "north", Role::Administrator, &[]),
            role("dr-n", "north", Role::Physician, &[]),
            role("clerk", "north", Role::Clerk, &[]),
        ],
        ..Facts::default()
    })
}

fn may(gate: &Gate, who: &str, at: &str) -> Vec<AdministrativeAction> {
    let allowed =
        |action: &AdministrativeAction| gate.may_administer(&subject(who, "north"), *action, &organization(at), NOW);
    AdministrativeAction::ALL.into_iter().filter(allowed).collect()
}

#[test]
fn each_administers_their_own_organization_and_nothing_beyond_their_office() {
    let gate = officers();
    assert_eq!(may(&gate, "admin", "north"), [AdministerPeople, AdministerDevices]);
    let of_privacy = [AdministerDevices, AdministerAccess, ReadAudit, DecideCustody, AdministerPolicy];
    assert_eq!(may(&gate, "po", "north"), of_privacy);
    for who in ["admin", "po", "dr-n", "clerk"] {
        assert_eq!(may(&gate, who, "south"), []);
    }
    assert!(may(&gate, "dr-n", "north").is_empty() && may(&gate, "clerk", "north").is_empty());
}

#[test]
fn only_who_decides_custody_gets_a_permit_out_of_it_and_only_at_the_managing_organization() {
    let gate = officers();
    let (here, there) = (document("north", Compartment::Core, ""), document("south", Compartment::Core, ""));
    let permit = gate.custody_append_permit(&subject("po", "north"), &here, NOW).unwrap();
    assert_eq!(permit.descriptor(), &here);
    assert!(gate.custody_append_permit(&subject("po", "north"), &there, NOW).is_none());
    assert!(gate.append_permit(&subject("po", "north"), &here, NOW).is_none());
    for who in ["admin", "dr-n", "clerk"] {
        assert!(gate.custody_append_permit(&subject(who, "north"), &here, NOW).is_none(), "{who}");
    }
}

#[test]
fn who_treats_may_break_the_glass_for_the_hours_that_the_policy_says() {
    let gate = officers();
    let (north, p1) = (organization("elsewhere"), p1());
    let ask = |gate: &Gate, who: &str, purpose| gate.break_glass(&subject(who, "north"), (&north, &p1), purpose, NOW);
    assert_eq!(ask(&gate, "dr-n", PurposeOfUse::EmergencyTreatment), Some(NOW.plus(4 * HOUR)));
    assert_eq!(ask(&gate, "dr-n", PurposeOfUse::BreakTheGlass), Some(NOW.plus(4 * HOUR)));
    assert_eq!(ask(&gate, "dr-n", PurposeOfUse::Treatment), None);
    for who in ["po", "admin", "clerk", "stranger"] {
        assert_eq!(ask(&gate, who, PurposeOfUse::EmergencyTreatment), None, "{who}");
    }
    // The shortest of those that permit.
    let shorter = r#"@id("short") @hours("2")
        permit (principal, action == Action::"break-glass", resource) when { principal.roles.contains(Role::"clerk") };
        @id("shorter") @hours("1") permit (principal, action == Action::"break-glass", resource);"#;
    let gate = with_policy(gate, shorter);
    assert_eq!(ask(&gate, "dr-n", PurposeOfUse::EmergencyTreatment), Some(NOW.plus(HOUR)));
    assert_eq!(ask(&gate, "clerk", PurposeOfUse::EmergencyTreatment), Some(NOW.plus(HOUR)));
    let never = r#"@id("never") forbid (principal, action == Action::"break-glass", resource)
        when { resource.organization == Organization::"elsewhere" };"#;
    assert_eq!(ask(&with_policy(gate, never), "dr-n", PurposeOfUse::EmergencyTreatment), None);
}
