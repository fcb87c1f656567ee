//! Policies that are changed, facts that begin and end, and why somebody may have something, on connected devices.

use serde_json::Value;
use sync_protocol::DeviceId;

use super::*;
use crate::access::{
    CareTeam, CareTeamMember, Consent, ConsentStatus, DecidingFact, Effect, Period, PolicyFile, Provision,
    PurposeOfUse, Subject,
};
use crate::relay::EmergencyRequest;
use crate::store::StoreError;

const NO_RESULTS: &str = r#"@id("no-results") forbid (principal, action == Action::"read", resource)
    when { resource.compartment == Compartment::"results" };"#;

fn files(text: &str) -> Vec<PolicyFile> {
    vec![PolicyFile { name: "north.cedar".into(), text: text.into() }]
}

fn reload(clinic: &mut Clinic, text: &str) -> Result<(), StoreError> {
    let files = files(text);
    clinic.admin(|relay, now| relay.reload_policies(&files, now)).map(|_| ())
}

fn audited(clinic: &Clinic, action: &str) -> Vec<Value> {
    let rows = clinic.relay.audit_after(0, 10_000).unwrap().into_iter().filter(|row| row.action == action);
    rows.map(|row| serde_json::from_str(&row.detail).unwrap()).collect()
}

/// `north` with one chart, which device 1 (dr-b) holds as well; device 2 is of `south`.
fn clinic() -> Clinic {
    let mut clinic = Clinic::of_two();
    for compartment in [Compartment::Core, Compartment::Results] {
        clinic.write(0, &document("north", "p1", compartment, ""), "x");
    }
    clinic
}

#[test]
fn a_changed_policy_reaches_connected_devices_at_once_and_is_audited_once() {
    let mut clinic = clinic();
    let results = document("north", "p1", Compartment::Results, "");
    assert!(clinic.devices[1].holds(&results));
    reload(&mut clinic, NO_RESULTS).unwrap();
    assert!(!clinic.devices[1].holds(&results) && clinic.devices[1].holds(&core("north", "p1")));
    reload(&mut clinic, NO_RESULTS).unwrap();
    let changes = audited(&clinic, "change-policies");
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["files"], serde_json::json!(["default.cedar", "north.cedar"]));
    assert_eq!(changes[0]["hash"].as_str().unwrap(), clinic.relay.policies_in_force().hash);
    clinic.admin(|relay, now| relay.reload_policies(&[], now)).unwrap();
    assert!(clinic.devices[1].holds(&results) && clinic.devices[1].agrees());
    assert_eq!(audited(&clinic, "change-policies").len(), 2);
}

#[test]
fn a_policy_with_a_mistake_is_refused_with_its_line_and_what_was_in_force_stays() {
    let mut clinic = clinic();
    reload(&mut clinic, NO_RESULTS).unwrap();
    let before = clinic.relay.policies_in_force();
    let wrong = format!("{NO_RESULTS}\n@id(\"b\")\nforbid (principal, action == Action::\"raed\", resource);");
    let error = reload(&mut clinic, &wrong).unwrap_err().to_string();
    assert!(error.starts_with("north.cedar:4:"), "{error}");
    assert_eq!(clinic.relay.policies_in_force(), before);
    assert!(!clinic.devices[1].holds(&document("north", "p1", Compartment::Results, "")));
    assert_eq!(audited(&clinic, "change-policies").len(), 1);
}

#[test]
fn policies_whose_change_could_not_be_recorded_are_not_in_force() {
    let mut clinic = clinic();
    let before = clinic.relay.policies_in_force();
    clinic.sql("CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END");
    reload(&mut clinic, NO_RESULTS).unwrap_err();
    assert_eq!(clinic.relay.policies_in_force(), before);
    clinic.sql("DROP TRIGGER no_audit");
    clinic.sync(1);
    assert!(clinic.devices[1].holds(&document("north", "p1", Compartment::Results, "")));
}

#[test]
fn a_care_team_opens_and_closes_its_patients_chart_when_its_time_comes() {
    let mut clinic = clinic();
    let member = Grantee::Practitioner(practitioner("dr-s"));
    let period = Period { start: Some(clinic.now.plus(HOUR)), end: Some(clinic.now.plus(2 * HOUR)) };
    let members = vec![CareTeamMember { member, period }];
    let team = CareTeam {
        id: "t1".into(),
        organization: organization("north"),
        patient: patient("p1"),
        members,
        source: None,
    };
    clinic.admin(|relay, now| relay.put_care_team(&team, now)).unwrap();
    let held = |clinic: &Clinic| clinic.devices[2].holds(&core("north", "p1"));
    assert!(!held(&clinic));
    clinic.wait(HOUR);
    assert!(held(&clinic));
    clinic.wait(HOUR);
    assert!(!held(&clinic) && clinic.devices[2].agrees());
    assert_eq!(audited(&clinic, "put-care-team").len(), 1);
}

#[test]
fn a_consent_that_denies_takes_the_chart_away_at_once_and_its_end_gives_it_back() {
    let mut clinic = clinic();
    let provision = Provision {
        effect: Effect::Deny,
        actors: vec![Grantee::Practitioner(practitioner("dr-b"))],
        compartments: Vec::new(),
        categories: Vec::new(),
        may_write: false,
        period: Period::default(),
        exceptions: Vec::new(),
    };
    let (organization, patient, status) = (organization("north"), patient("p1"), ConsentStatus::Active);
    let consent = Consent { id: "c1".into(), organization, patient, status, provision, source: None };
    clinic.admin(|relay, now| relay.put_consent(&consent, now)).unwrap();
    assert!(!clinic.devices[1].holds(&core("north", "p1")) && clinic.devices[0].holds(&core("north", "p1")));
    let over = Consent { status: ConsentStatus::Inactive, ..consent };
    clinic.restart();
    clinic.sync(1);
    assert!(!clinic.devices[1].holds(&core("north", "p1")), "it is kept");
    clinic.admin(|relay, now| relay.put_consent(&over, now)).unwrap();
    assert!(clinic.devices[1].holds(&core("north", "p1")) && clinic.devices[1].agrees());
    clinic.admin(|relay, now| relay.remove_consent("c1", now)).unwrap();
    assert_eq!((audited(&clinic, "put-consent").len(), audited(&clinic, "remove-consent").len()), (2, 1));
}

fn emergency(clinic: &Clinic, of: &str, reason: &str) -> EmergencyRequest {
    EmergencyRequest {
        id: None,
        device: DeviceId::of_key(&clinic.devices[2].secret.public()),
        subject: Subject { practitioner: practitioner("dr-s"), organization: organization("south") },
        organization: organization("north"),
        patient: patient(of),
        purpose: PurposeOfUse::EmergencyTreatment,
        reason: reason.into(),
        since: clinic.now,
    }
}

#[test]
fn breaking_the_glass_delivers_the_chart_and_ends_by_itself() {
    let mut clinic = clinic();
    let request = emergency(&clinic, "p1", "CANARY of a reason");
    let opening = clinic.admin(|relay, now| relay.break_glass(request, now)).unwrap().unwrap();
    assert_eq!(opening.until, clinic.now.plus(4 * HOUR));
    assert!(clinic.devices[2].holds(&core("north", "p1")));
    assert_eq!(
        clinic.write(2, &core("north", "p1"), "y"),
        [Answer::Custody(sync_protocol::frame::CustodyReason::NotPermitted)]
    );
    assert_eq!(clinic.relay.openings_after(clinic.now).unwrap(), std::slice::from_ref(&opening));
    clinic.restart();
    clinic.sync(2);
    assert!(clinic.devices[2].holds(&core("north", "p1")));
    clinic.wait(4 * HOUR);
    assert!(!clinic.devices[2].holds(&core("north", "p1")));
    let rows = clinic.relay.audit_after(0, 10_000).unwrap();
    assert!(!rows.iter().any(|row| row.detail.contains("CANARY")), "the reason is in a person's words");
    assert_eq!(audited(&clinic, "break-glass").len(), 1);
    assert_eq!(clinic.relay.openings_after(UnixMillis(i64::MIN)).unwrap()[0].reason, "CANARY of a reason");
}

#[test]
fn an_opening_can_be_ended_early_and_a_request_without_reason_or_right_is_refused_and_audited() {
    let mut clinic = clinic();
    let unknown = emergency(&clinic, "nobody", "x");
    assert!(clinic.admin(|relay, now| relay.break_glass(unknown, now)).unwrap().is_some(), "whether it exists or not");
    let request = emergency(&clinic, "p1", "unconscious");
    let opening = clinic.admin(|relay, now| relay.break_glass(request, now)).unwrap().unwrap();
    clinic.admin(|relay, now| relay.end_opening(&opening.id, now)).unwrap();
    assert!(!clinic.devices[2].holds(&core("north", "p1")));
    let blank = emergency(&clinic, "p1", "  ");
    assert_eq!(clinic.admin(|relay, now| relay.break_glass(blank, now)).unwrap(), None);
    clinic.no_role("dr-s", "south", Role::Physician);
    let request = emergency(&clinic, "p1", "x");
    assert_eq!(clinic.admin(|relay, now| relay.break_glass(request, now)).unwrap(), None);
    assert_eq!(audited(&clinic, "refuse-break-glass").len(), 2);
}

#[test]
fn why_names_the_organization_the_policies_and_the_facts() {
    let mut clinic = clinic();
    let grant = clinic.grant("north", "p1", Grantee::Organization(organization("south")), &[Compartment::Core], HOUR);
    let (who, id) = (practitioner("dr-s"), core("north", "p1").id());
    let [read, write] = clinic.relay.why(&who, None, &id, clinic.now).unwrap().try_into().unwrap();
    assert!(read.explanation.permitted && write.explanation.permitted && read.organization == organization("south"));
    assert_eq!(read.explanation.policies[0].id, "grant-to-read");
    let by_grant = |fact: &DecidingFact| matches!(fact, DecidingFact::Grant { id, .. } if *id == grant.id);
    assert!(read.explanation.facts.iter().any(by_grant));
    let elsewhere = clinic.relay.why(&who, Some(&organization("north")), &id, clinic.now).unwrap();
    assert!(!elsewhere[0].explanation.permitted);
    let unknown = clinic.relay.why(&who, None, &core("north", "p9").id(), clinic.now);
    assert!(matches!(unknown, Err(StoreError::NotFound("document"))));
    assert!(clinic.relay.why(&practitioner("nobody"), None, &id, clinic.now).is_err());
}
