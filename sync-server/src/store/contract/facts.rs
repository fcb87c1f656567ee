//! Relationships, care teams, consents and openings.

use serde_json::json;

use super::people::{exists, not_found};
use super::*;
use crate::access::{
    AffiliatedPatients, Affiliation, BreakGlassOpening, CareTeam, CareTeamMember, Consent, ConsentStatus, Effect,
    Grantee, Period, Provision, PurposeOfUse, Relationship,
};
use crate::store::Scope;

fn p1() -> PatientId {
    PatientId::new("p1").unwrap()
}

fn relationship(partner: &str) -> Relationship {
    Relationship { organization: organization("north"), patient: p1(), partner: organization(partner) }
}

fn care_team(id: &str, at: &str) -> CareTeam {
    let period = Period { start: Some(NOW), end: None };
    let members = vec![CareTeamMember { member: Grantee::Practitioner(practitioner("dr-a")), period }];
    let source = Some(json!({ "resourceType": "CareTeam", "amount": 1.50 }));
    CareTeam { id: id.into(), organization: organization(at), patient: p1(), members, source }
}

fn consent(id: &str, at: &str) -> Consent {
    let permit = Provision {
        effect: Effect::Permit,
        actors: vec![Grantee::Organization(organization("south"))],
        compartments: vec![Compartment::Core],
        categories: vec!["PSY".into()],
        may_write: true,
        period: Period { start: None, end: Some(NOW) },
        exceptions: Vec::new(),
    };
    let provision = Provision { effect: Effect::Deny, exceptions: vec![permit.clone()], may_write: false, ..permit };
    let (organization, patient, status) = (organization(at), p1(), ConsentStatus::Active);
    Consent { id: id.into(), organization, patient, status, provision, source: None }
}

fn opening(number: u8, until: i64) -> BreakGlassOpening {
    BreakGlassOpening {
        id: OpeningId([number; 16]),
        organization: organization("nowhere"),
        patient: p1(),
        subject: subject(),
        device: DeviceId([7; 16]),
        purpose: PurposeOfUse::EmergencyTreatment,
        reason: "unconscious, alone".into(),
        opened_at: NOW,
        until: UnixMillis(until),
    }
}

pub(super) fn shared_facts(reopen: Reopen<'_>) {
    let mut store = reopen();
    not_found(&store.put_relationship(&relationship("south")));
    not_found(&store.put_care_team(&care_team("t1", "north")));
    not_found(&store.put_consent(&consent("c1", "north")));
    populate(store.as_mut());
    not_found(&store.remove_relationship(&relationship("south")));
    not_found(&store.remove_care_team("t1"));
    not_found(&store.remove_consent("c1"));
    store.put_relationship(&relationship("south")).unwrap();
    store.put_relationship(&relationship("south")).unwrap();
    store.put_care_team(&care_team("t1", "south")).unwrap();
    store.put_care_team(&care_team("t1", "north")).unwrap();
    store.put_consent(&consent("c1", "north")).unwrap();
    store.put_consent(&Consent { status: ConsentStatus::Inactive, ..consent("c1", "north") }).unwrap();
    store.put_consent(&consent("c0", "south")).unwrap();
    drop(store);
    let mut store = reopen();
    let facts = store.facts().unwrap();
    assert_eq!(facts.relationships, [relationship("south")]);
    assert_eq!(facts.care_teams, [care_team("t1", "north")]);
    let ended = Consent { status: ConsentStatus::Inactive, ..consent("c1", "north") };
    assert_eq!(facts.consents, [consent("c0", "south"), ended]);
    store.remove_relationship(&relationship("south")).unwrap();
    store.remove_care_team("t1").unwrap();
    store.remove_consent("c0").unwrap();
    let counts = (store.relationships().unwrap().len(), store.care_teams().unwrap().len());
    assert_eq!((counts, store.consents().unwrap().len()), ((0, 0), 1));
}

pub(super) fn terms(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    let ending = PractitionerRole { until: Some(NOW), ..role(Role::Nurse) };
    store.put_role(&role(Role::Nurse)).unwrap();
    store.put_role(&ending).unwrap();
    let affiliation = Affiliation {
        organization: organization("north"),
        partner: organization("south"),
        compartments: vec![Compartment::Core],
        may_write: false,
        patients: AffiliatedPatients::WithRelationship,
    };
    store.put_affiliation(&affiliation).unwrap();
    drop(store);
    let store = reopen();
    assert_eq!((store.roles().unwrap(), store.affiliations().unwrap()), (vec![ending], vec![affiliation]));
}

pub(super) fn pages(reopen: Reopen<'_>) {
    let mut store = reopen();
    populate(store.as_mut());
    for (id, at) in [("a", "north"), ("b", "south"), ("c", "north")] {
        store.put_consent(&consent(id, at)).unwrap();
        store.put_care_team(&care_team(id, at)).unwrap();
    }
    let of = |ids: &[&str]| Scope::Of(ids.iter().map(|id| organization(id)).collect());
    for (scope, expected) in [(Scope::All, 3), (of(&["north", "south"]), 3), (of(&["north"]), 2), (of(&["x"]), 0)] {
        let (consents, teams) = (store.consents_page(&scope, "", 10), store.care_teams_page(&scope, "", 10));
        assert_eq!((consents.unwrap().len(), teams.unwrap().len()), (expected, expected), "{scope:?}");
    }
    assert_eq!(store.consents_page(&of(&["north"]), "a", 1).unwrap(), [consent("c", "north")]);
    assert_eq!(store.care_teams_page(&Scope::All, "a", 1).unwrap(), [care_team("b", "south")]);
    let found = (store.consent("b").unwrap(), store.care_team("b").unwrap());
    assert_eq!(found, (Some(consent("b", "south")), Some(care_team("b", "south"))));
    assert_eq!((store.consent("z").unwrap(), store.care_team("z").unwrap()), (None, None));
}

pub(super) fn openings(reopen: Reopen<'_>) {
    let mut store = reopen();
    not_found(&store.add_opening(&opening(1, 2_000)));
    populate(store.as_mut());
    not_found(&store.end_opening(&OpeningId([1; 16]), NOW));
    store.add_opening(&opening(1, 2_000)).unwrap();
    store.add_opening(&opening(2, 3_000)).unwrap();
    exists(&store.add_opening(&opening(1, 9_000)), "opening");
    assert_eq!(store.opening(&OpeningId([2; 16])).unwrap(), opening(2, 3_000));
    assert!(matches!(store.opening(&OpeningId([3; 16])), Err(StoreError::NotFound("opening"))));
    drop(store);
    let mut store = reopen();
    assert_eq!(store.openings_after(UnixMillis(1_999)).unwrap(), [opening(1, 2_000), opening(2, 3_000)]);
    assert_eq!(store.openings_after(UnixMillis(2_000)).unwrap(), [opening(2, 3_000)]);
    store.end_opening(&OpeningId([2; 16]), UnixMillis(2_500)).unwrap();
    store.end_opening(&OpeningId([1; 16]), UnixMillis(2_500)).unwrap();
    let all = store.openings_after(UnixMillis(i64::MIN)).unwrap();
    assert_eq!(all, [opening(1, 2_000), opening(2, 2_500)], "one that is over is not made longer");
    assert_eq!(store.facts().unwrap().openings, all);
}
