//! Every event is an AuditEvent as FHIR R4 has it: elements, cardinalities and codes of the required bindings.

use serde_json::{Map, Value, json};
use sync_protocol::{Compartment, PatientId, UnixMillis};

use super::*;

const RELAY: RelayId = RelayId([7; 16]);

fn row(action: &str, detail: &Value) -> AuditRow {
    AuditRow {
        seq: 12,
        at: UnixMillis(1_772_357_400_125),
        action: action.into(),
        device: Some(DeviceId([3; 16])),
        practitioner: Some("dr-a".into()),
        organization: Some("south".into()),
        detail: detail.to_string(),
        previous_hash: [1; 32],
        hash: [2; 32],
    }
}

fn document(of: &str, upto: Option<u64>) -> EventDocument {
    let descriptor = DocumentDescriptor {
        organization: OrganizationId::new("north").unwrap(),
        patient: (!of.is_empty()).then(|| PatientId::new(of).unwrap()),
        compartment: if of.is_empty() { Compartment::Directory } else { Compartment::Core },
        part: String::new(),
    };
    EventDocument { descriptor, upto }
}

fn entry(action: &str) -> EventEntry {
    let entry = TrailEntry {
        at: UnixMillis(-1),
        action: action.into(),
        organization: Some(OrganizationId::new("north").unwrap()),
        patient: Some(PatientId::new("p1").unwrap()),
        documents: vec![document("p1", None).descriptor.id()],
        reason: "as given by a person".into(),
        purpose: "ETREAT".into(),
        break_glass: true,
    };
    EventEntry { seq: 5, entry }
}

fn told(action: &str, documents: Vec<EventDocument>, detail: &Value) -> Vec<Value> {
    events(&RELAY, &EventRow { row: row(action, detail), documents, entries: Vec::new() })
}

/// Elements of an object: name, least and most, and whether each is as it should be.
type Rule = (&'static str, usize, usize, fn(&Value) -> bool);

fn keeps(of: &Value, rules: &[Rule]) {
    let object = of.as_object().unwrap_or_else(|| panic!("no object: {of}"));
    let unknown: Vec<_> = object.keys().filter(|name| !rules.iter().any(|rule| rule.0 == *name)).collect();
    assert!(unknown.is_empty(), "no element of this type: {unknown:?}");
    for (name, least, most, fits) in rules {
        let found: Vec<&Value> = match object.get(*name) {
            None => Vec::new(),
            Some(Value::Array(list)) => {
                assert!(*most > 1 && !list.is_empty(), "{name} is no list, or an empty one");
                list.iter().collect()
            }
            Some(one) => {
                assert_eq!(*most, 1, "{name} is a list");
                vec![one]
            }
        };
        assert!((*least..=*most).contains(&found.len()), "{name}: {} times", found.len());
        assert!(found.iter().all(|value| fits(value)), "{name}: {found:?}");
    }
}

fn text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn flag(value: &Value) -> bool {
    value.is_boolean()
}

fn coding(value: &Value) -> bool {
    keeps(value, &[("system", 1, 1, text), ("code", 1, 1, text), ("display", 0, 1, text)]);
    true
}

fn concept(value: &Value) -> bool {
    keeps(value, &[("coding", 1, 9, coding), ("text", 0, 1, text)]);
    true
}

fn reference(value: &Value) -> bool {
    let identifier = |value: &Value| {
        keeps(value, &[("system", 1, 1, text), ("value", 1, 1, text)]);
        true
    };
    keeps(value, &[("reference", 0, 1, text), ("identifier", 0, 1, identifier), ("display", 0, 1, text)]);
    !value.as_object().is_none_or(Map::is_empty)
}

fn instant(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

fn agent(value: &Value) -> bool {
    let network = |value: &Value| {
        keeps(
            value,
            &[("address", 1, 1, text), ("type", 1, 1, |kind| ["1", "2", "3", "4", "5"].iter().any(|k| kind == k))],
        );
        true
    };
    keeps(
        value,
        &[("type", 0, 1, concept), ("who", 0, 1, reference), ("requestor", 1, 1, flag), ("network", 0, 1, network)],
    );
    true
}

fn source(value: &Value) -> bool {
    keeps(value, &[("site", 0, 1, text), ("observer", 1, 1, reference), ("type", 0, 9, coding)]);
    true
}

fn entity(value: &Value) -> bool {
    let detail = |value: &Value| {
        keeps(value, &[("type", 1, 1, text), ("valueString", 1, 1, text)]);
        true
    };
    let rules: [Rule; 5] = [
        ("what", 0, 1, reference),
        ("type", 0, 1, coding),
        ("role", 0, 1, coding),
        ("name", 0, 1, text),
        ("detail", 0, 9, detail),
    ];
    keeps(value, &rules);
    true
}

fn is_audit_event(event: &Value) {
    let meta = |value: &Value| {
        keeps(value, &[("profile", 1, 9, text)]);
        true
    };
    keeps(
        event,
        &[
            ("resourceType", 1, 1, |kind| kind == "AuditEvent"),
            ("id", 1, 1, |id| sync_protocol::is_fhir_id(id.as_str().unwrap_or_default())),
            ("meta", 0, 1, meta),
            ("type", 1, 1, coding),
            ("subtype", 0, 9, coding),
            ("action", 0, 1, |action| ["C", "R", "U", "D", "E"].iter().any(|code| action == code)),
            ("recorded", 1, 1, instant),
            ("outcome", 0, 1, |outcome| ["0", "4", "8", "12"].iter().any(|code| outcome == code)),
            ("outcomeDesc", 0, 1, text),
            ("purposeOfEvent", 0, 9, concept),
            ("agent", 1, 9, agent),
            ("source", 1, 1, source),
            ("entity", 0, 5_000, entity),
        ],
    );
}

#[test]
fn every_action_becomes_a_well_formed_event() {
    let details = [json!({}), json!({ "reason": "x", "purpose": "ETREAT", "by": "operator" }), json!("no object")];
    for action in [
        "disclose",
        "write",
        "connect",
        "connect-to-wipe",
        "refuse-connection",
        "enroll-device",
        "withdraw",
        "receipt",
        "wiped",
        "trail",
        "trail-fork",
        "break-glass",
        "refuse-break-glass",
        "custody-show",
        "custody-accept",
        "custody-return",
        "put-role",
        "add-grant",
        "put-consent",
        "revoke-device",
        "order-wipe",
        "sign-in",
        "sign-out",
        "refuse-sign-in",
        "audit-list",
        "audit-export",
        "alerts-list",
        "disclosures",
        "reload-policies",
        "something-new",
    ] {
        for detail in &details {
            for documents in [vec![], vec![document("p1", Some(4)), document("", None), document("p2", None)]] {
                told(action, documents, detail).iter().for_each(is_audit_event);
            }
        }
    }
    for action in ["read", "search", "edit", "export", "unlock", "break-glass", "purge", "something-new"] {
        let of = EventRow { row: row("trail", &json!({})), documents: Vec::new(), entries: vec![entry(action)] };
        events(&RELAY, &of).iter().for_each(is_audit_event);
    }
}

#[test]
fn a_disclosure_is_one_event_for_each_patient_and_keeps_to_the_pattern() {
    let told =
        told("disclose", vec![document("p1", Some(4)), document("p2", Some(5)), document("p1", Some(6))], &json!({}));
    assert_eq!(told.len(), 2);
    let event = &told[0];
    let profile = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PrivacyDisclosure.Source";
    assert_eq!(event["meta"]["profile"], json!([profile]));
    assert_eq!((&event["type"]["code"], &event["subtype"][0]["code"]), (&json!("110106"), &json!("disclose")));
    assert_eq!(
        (&event["action"], &event["outcome"], &event["recorded"]),
        (&json!("R"), &json!("0"), &json!("2026-03-01T09:30:00.125Z"))
    );
    let agents = event["agent"].as_array().unwrap();
    let of = |code: &str| agents.iter().filter(|a| a["type"]["coding"][0]["code"] == code).collect::<Vec<_>>();
    assert_eq!(of("110153").len(), 1);
    assert_eq!(of("110153")[0]["who"], event["source"]["observer"], "the source tells");
    assert_eq!(of("110152")[0]["network"]["address"], json!(format!("urn:satchel:device:{}", DeviceId([3; 16]))));
    assert_eq!(of("IRCP")[0]["who"]["reference"], "Practitioner/dr-a");
    assert_eq!(of("159541003")[0]["who"]["reference"], "Organization/north");
    let entities = event["entity"].as_array().unwrap();
    assert_eq!(entities[0]["what"]["reference"], "Patient/p1");
    assert_eq!(entities.iter().filter(|e| e["role"]["code"] == "1").count(), 1, "one patient in each");
    let versions: Vec<_> = entities[1..].iter().map(|e| e["detail"][0]["valueString"].clone()).collect();
    assert_eq!(versions, ["4", "6"]);
}

#[test]
fn what_was_not_accepted_shows_in_the_outcome() {
    let of = document("p1", None);
    let counts = json!({ "documents-accepted-custody-refused": [[of.descriptor.id(), 1, 2, 3]] });
    let event = &told("write", vec![of], &counts)[0];
    assert_eq!(event["outcome"], "4");
    assert_eq!(event["outcomeDesc"], "2 changes went to custody, 3 were refused");
}

#[test]
fn what_a_device_recorded_is_told_in_its_own_name_and_time() {
    let of = EventRow { row: row("trail", &json!({})), documents: Vec::new(), entries: vec![entry("read")] };
    let told = events(&RELAY, &of);
    assert_eq!(told.len(), 2);
    let read = &told[1];
    assert_eq!(read["recorded"], "1969-12-31T23:59:59.999Z");
    assert_eq!(read["source"]["observer"]["identifier"]["value"], json!(DeviceId([3; 16]).to_string()));
    assert_eq!(read["purposeOfEvent"][0]["coding"][0]["code"], "ETREAT");
    assert_eq!(read["entity"][0]["detail"][1]["type"], "break-glass");
    assert!(!read.to_string().contains("as given by a person"), "reasons stay in the trail");
}

#[test]
fn a_bundle_names_each_event_once() {
    let rows = [row("disclose", &json!({})), AuditRow { hash: [9; 32], ..row("connect", &json!({})) }];
    let rows =
        rows.map(|row| EventRow { row, documents: vec![document("p1", None), document("p2", None)], entries: vec![] });
    let bundle = bundle(&rows, &RELAY);
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("collection")));
    let names: Vec<_> = bundle["entry"].as_array().unwrap().iter().map(|e| e["fullUrl"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 4);
    assert!(names.iter().all(|name| name.len() == 45 && name.starts_with("urn:uuid:")));
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
}
