//! Consents and care teams from FHIR and back.

use serde_json::{Value, json};
use sync_protocol::{Compartment, UnixMillis};

use super::*;
use crate::access::facts::{CareTeam, CareTeamMember, Consent, ConsentStatus, Effect, Provision};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

fn consent() -> Value {
    json!({
        "resourceType": "Consent",
        "id": "c1",
        "meta": { "versionId": "3" },
        "extension": [{ "url": "https://clinic.example/form", "valueString": "F-17" }],
        "status": "active",
        "scope": { "coding": [{ "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
        "patient": { "reference": "Patient/p1" },
        "dateTime": "2026-01-01",
        "organization": [{ "reference": "https://north.example/fhir/Organization/north" }],
        "provision": {
            "type": "deny",
            "period": { "start": "2026-01-01", "end": "2026-12-31" },
            "securityLabel": [{ "system": ACT_CODE, "code": "PSY" }],
            "provision": [{
                "type": "permit",
                "actor": [
                    { "role": { "text": "doctor" }, "reference": { "reference": "Practitioner/dr-a" } },
                    { "role": { "text": "clinic" }, "reference": { "reference": "Organization/south" } },
                ],
                "action": [{ "coding": [
                    { "system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": "access" },
                    { "system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": "correct" },
                ] }],
                "class": [{ "system": "https://satchel.example/CodeSystem/compartment", "code": "core" }],
            }],
        },
    })
}

fn change(resource: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = resource.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    changed.pointer_mut(parent).unwrap()[name] = value;
    changed
}

#[test]
fn a_consent_is_read_to_what_it_says_and_given_back_as_it_was() {
    let read = Consent::from_fhir(consent()).unwrap();
    assert_eq!((read.id.as_str(), read.organization.as_str(), read.patient.as_str()), ("c1", "north", "p1"));
    assert_eq!(read.status, ConsentStatus::Active);
    let root = &read.provision;
    assert_eq!((root.effect, root.actors.len(), root.may_write), (Effect::Deny, 0, false));
    assert_eq!((root.categories.as_slice(), root.compartments.len()), (&["PSY".to_owned()][..], 0));
    let bounds = Period { start: Some(UnixMillis(1_767_225_600_000)), end: Some(UnixMillis(1_798_761_600_000)) };
    assert_eq!(root.period, bounds);
    let [exception] = root.exceptions.as_slice() else { panic!("{:?}", root.exceptions) };
    assert_eq!((exception.effect, exception.may_write), (Effect::Permit, true));
    assert_eq!(exception.compartments, [Compartment::Core]);
    let actors = [Grantee::Practitioner("dr-a".parse().unwrap()), Grantee::Organization("south".parse().unwrap())];
    assert_eq!(exception.actors, actors);
    assert_eq!(read.to_fhir(), consent(), "extensions and all");
}

#[test]
fn a_consent_that_was_changed_or_made_here_reads_back_from_what_is_written() {
    let mut consent = Consent::from_fhir(consent()).unwrap();
    consent.status = ConsentStatus::EnteredInError;
    consent.provision.exceptions[0].period.end = Some(UnixMillis(1_234_567));
    let written = consent.to_fhir();
    let read = Consent::from_fhir(written.clone()).unwrap();
    assert_eq!(Consent { source: None, ..read }, Consent { source: None, ..consent.clone() });
    let made = Consent { source: None, ..consent };
    assert_eq!(made.to_fhir(), written);
    let plain = Provision {
        effect: Effect::Permit,
        actors: Vec::new(),
        compartments: Vec::new(),
        categories: Vec::new(),
        may_write: false,
        period: Period::default(),
        exceptions: Vec::new(),
    };
    let plain = Consent { provision: plain, ..made };
    assert_eq!(Consent { source: None, ..Consent::from_fhir(plain.to_fhir()).unwrap() }, plain);
}

#[test]
fn what_a_consent_says_and_is_not_understood_is_refused_by_name() {
    let cases = [
        ("/resourceType", json!("Patient"), "Consent"),
        ("/id", json!("a b"), "Consent.id"),
        ("/status", json!("maybe"), "Consent.status"),
        ("/patient", json!({ "display": "somebody" }), "Consent.patient.reference"),
        ("/patient", json!({ "reference": "Group/g1" }), "Consent.patient"),
        ("/organization", json!([]), "Consent.organization"),
        ("/modifierExtension", json!([{ "url": "x" }]), "Consent.modifierExtension"),
        ("/provision/type", json!("forbid"), "Consent.provision.type"),
        ("/provision/purpose", json!([{ "code": "TREAT" }]), "Consent.provision.purpose"),
        ("/provision/data", json!([]), "Consent.provision.data"),
        ("/provision/modifierExtension", json!([]), "Consent.provision.modifierExtension"),
        ("/provision/period/start", json!("yesterday"), "Consent.provision.period.start"),
        ("/provision/securityLabel/0/system", json!("urn:x"), "Consent.provision.securityLabel[0].system"),
        ("/provision/class", json!([{ "system": "urn:x", "code": "core" }]), "Consent.provision.class[0].system"),
        ("/provision/provision/0/type", json!("deny"), "Consent.provision.provision[0].type"),
        ("/provision/provision/0/class/0/code", json!("hart"), "Consent.provision.provision[0].class[0]"),
        ("/provision/provision/0/class/0/code", json!("directory"), "Consent.provision.provision[0].class[0]"),
        (
            "/provision/provision/0/actor/1/reference/reference",
            json!("Device/d1"),
            "Consent.provision.provision[0].actor[1].reference",
        ),
        (
            "/provision/provision/0/action/0/coding/0/code",
            json!("disclose"),
            "Consent.provision.provision[0].action[0].coding[0]",
        ),
        (
            "/provision/provision/0/provision",
            json!([{ "type": "deny" }]),
            "Consent.provision.provision[0].provision[0]",
        ),
    ];
    for (pointer, value, element) in cases {
        let error = Consent::from_fhir(change(&consent(), pointer, value)).unwrap_err();
        assert_eq!(error.element, element, "{error}");
    }
    let mut no_provision = consent();
    no_provision.as_object_mut().unwrap().remove("provision");
    assert_eq!(Consent::from_fhir(no_provision).unwrap_err().to_string(), "Consent.provision: is missing");
}

#[test]
fn errors_show_nothing_of_what_a_resource_holds() {
    let strange = change(&consent(), "/provision/John Smith has HIV", json!(1));
    assert!(!Consent::from_fhir(strange).unwrap_err().to_string().contains("Smith"));
    let strange = change(&consent(), "/patient", json!({ "reference": "John Smith" }));
    assert!(!Consent::from_fhir(strange).unwrap_err().to_string().contains("Smith"));
}

#[test]
fn a_care_team_is_read_and_given_back() {
    let resource = json!({
        "resourceType": "CareTeam",
        "id": "t1",
        "status": "active",
        "name": "Diabetes team",
        "subject": { "reference": "Patient/p1" },
        "period": { "start": "1970-01-02" },
        "managingOrganization": [{ "reference": "Organization/north" }],
        "participant": [
            { "member": { "reference": "Practitioner/dr-a" }, "period": { "start": "1970-01-01", "end": "1970-01-03" } },
            { "member": { "reference": "Organization/south" } },
            { "member": { "reference": "RelatedPerson/r1" } },
        ],
    });
    let team = CareTeam::from_fhir(resource.clone()).unwrap();
    let start = Some(UnixMillis(86_400_000));
    let expected = [
        CareTeamMember {
            member: Grantee::Practitioner("dr-a".parse().unwrap()),
            period: Period { start, end: Some(UnixMillis(3 * 86_400_000)) },
        },
        CareTeamMember { member: Grantee::Organization("south".parse().unwrap()), period: Period { start, end: None } },
    ];
    assert_eq!(team.members, expected);
    assert_eq!(team.to_fhir(), resource);
    let made = CareTeam { source: None, ..team };
    assert_eq!(CareTeam { source: None, ..CareTeam::from_fhir(made.to_fhir()).unwrap() }, made);
    let over = CareTeam::from_fhir(change(&resource, "/status", json!("inactive"))).unwrap();
    assert_eq!(over.members, []);
    let error = CareTeam::from_fhir(change(&resource, "/participant/0/member/reference", json!("PractitionerRole/x")));
    assert_eq!(error.unwrap_err().element, "CareTeam.participant[0].member");
}
