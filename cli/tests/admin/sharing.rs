//! Consents, care teams, relationships, roles with an end, policies: entered, listed, and what `why` says of them.

use serde_json::{Value, json};

use crate::running::Relay;

/// north with dr-n, south with dr-s, both physicians.
pub fn two_clinics() -> Relay {
    let relay = Relay::start();
    for (at, who) in [("north", "dr-n"), ("south", "dr-s")] {
        relay.operator(&["organization", "add", at, at]);
        relay.operator(&["practitioner", "add", who, "A physician", "--organization", at]);
        relay.operator(&["role", "put", who, at, "physician"]);
    }
    relay
}

fn file(relay: &Relay, name: &str, content: &Value) -> String {
    std::fs::write(relay.folder().join(name), content.to_string()).unwrap();
    name.into()
}

fn refused(relay: &Relay, arguments: &[&str]) -> (i32, String) {
    relay.run(arguments, &["--token-file", "relay/admin.token"], "")
}

const WHY: [&str; 7] = ["why", "--practitioner", "dr-n", "--chart", "north/p1", "--compartment", "core"];

#[test]
fn a_consent_that_denies_is_put_from_a_file_shows_in_why_and_goes_out_as_fhir() {
    let relay = two_clinics();
    let told = relay.operator(&WHY);
    assert!(told.contains("dr-n acting for north, core of north/p1"), "{told}");
    assert!(told.contains("read: PERMITTED by policy role-at-home") && told.contains("role: physician"), "{told}");
    let consent = json!({
        "resourceType": "Consent", "id": "c-1", "status": "active", "patient": { "reference": "Patient/p1" },
        "organization": [{ "reference": "Organization/north" }],
        "provision": { "type": "deny", "actor": [{ "reference": { "reference": "Practitioner/dr-n" } }] },
    });
    relay.operator(&["consent", "put", &file(&relay, "consent.json", &consent)]);
    let told = relay.operator(&WHY);
    assert!(told.contains("read: DENIED, forbidden by policy consent-denies"), "{told}");
    assert!(told.contains("consent c-1: the patient denies them this"), "{told}");
    let listed = relay.operator(&["consent", "list"]);
    assert!(listed.contains("denies the whole chart to practitioner dr-n"), "{listed}");
    let exported: Value = serde_json::from_str(&relay.operator(&["consent", "export", "c-1"])).unwrap();
    assert_eq!(exported, consent);

    let mut wrong = consent;
    wrong["provision"]["actor"][0]["reference"]["reference"] = json!("Device/x");
    let (code, text) = refused(&relay, &["consent", "put", &file(&relay, "wrong.json", &wrong)]);
    assert!(
        code == 5 && text.contains("wrong.json") && text.contains("Consent.provision.actor[0].reference"),
        "{text}"
    );
    let (code, text) = refused(&relay, &["care-team", "put", "consent.json"]);
    assert!(code == 5 && text.contains("resourceType: must be CareTeam"), "{text}");
    let (code, text) = refused(&relay, &["consent", "remove", "../devices/x"]);
    assert!(code == 2 && text.contains("a FHIR id"), "{text}");
    relay.operator(&["consent", "remove", "c-1"]);
    assert!(relay.operator(&WHY).contains("PERMITTED"));
}

#[test]
fn why_says_that_nothing_permits_it_and_names_the_facts_that_open_a_chart() {
    let relay = two_clinics();
    let asked = ["why", "--practitioner", "dr-s", "--chart", "north/p1", "--compartment", "core"];
    let told = relay.operator(&asked);
    assert!(told.contains("DENIED, as nothing permits it") && told.contains("dr-s acting for south"), "{told}");
    let team = json!({
        "id": "t-1", "organization": "north", "patient": "p1", "members": [{ "member": { "practitioner": "dr-s" } }],
    });
    relay.operator(&["care-team", "put", &file(&relay, "team.json", &team)]);
    let told = relay.operator(&asked);
    assert!(told.contains("PERMITTED by policy care-team") && told.contains("care team t-1"), "{told}");
    assert!(relay.operator(&["care-team", "list"]).contains("practitioner dr-s"));
    relay.operator(&["care-team", "remove", "t-1"]);

    relay.operator(&[
        "affiliation",
        "put",
        "north",
        "south",
        "--compartments",
        "core",
        "--patients",
        "with-relationship",
    ]);
    assert!(relay.operator(&["affiliation", "list"]).contains("with-relationship"));
    assert!(relay.operator(&asked).contains("DENIED"));
    relay.operator(&["relationship", "put", "north", "p1", "south"]);
    assert!(relay.operator(&["relationship", "list"]).contains("north/p1"));
    let told = relay.operator(&asked);
    assert!(told.contains("PERMITTED by policy affiliation-to-read"), "{told}");
    assert!(told.contains("relationship: their organization treats the patient too"), "{told}");
    let json: Value = serde_json::from_str(&relay.operator(&[&asked[..], &["--json"]].concat())).unwrap();
    assert_eq!(json[0]["explanation"]["permitted"], true);
    relay.operator(&["relationship", "remove", "north", "p1", "south"]);
    assert!(relay.operator(&asked).contains("DENIED"));
    let (code, text) = refused(&relay, &["why", "--practitioner", "dr-s", "--document", &"0".repeat(32)]);
    assert!(code == 5 && text.contains("no such document"), "{text}");
}

#[test]
fn a_role_ends_when_its_last_day_is_over() {
    let relay = two_clinics();
    relay.operator(&["role", "put", "dr-n", "north", "physician", "--until", "2099-12-31"]);
    let listed = relay.operator(&["role", "list"]);
    assert!(listed.contains("2100-01-01 00:00:00Z"), "{listed}");
    assert!(relay.operator(&WHY).contains("role: physician, until 2100-01-01 00:00:00Z"));
    relay.operator(&["role", "put", "dr-n", "north", "physician", "--until", "2020-01-01T12:00:00Z"]);
    let told = relay.operator(&WHY);
    assert!(told.contains("DENIED") && !told.contains("role: physician"), "{told}");
    let (code, text) = refused(&relay, &["role", "put", "dr-n", "north", "physician", "--until", "soon"]);
    assert!(code == 2 && text.contains("2026-12-31"), "{text}");
}

#[test]
fn policies_are_shown_and_read_again_and_a_mistake_is_told_with_its_line() {
    let relay = two_clinics();
    let shown = relay.operator(&["policy", "show"]);
    assert!(shown.contains("policies in default.cedar"), "{shown}");
    let own = relay.folder().join("relay/policies");
    std::fs::create_dir(&own).unwrap();
    let text =
        "@id(\"closed\")\nforbid (principal, action, resource)\nwhen { resource.compartment == Compartment::\"cor\" };";
    std::fs::write(own.join("own.cedar"), text).unwrap();
    let (code, told) = refused(&relay, &["policy", "reload"]);
    assert!(code == 5 && told.contains("own.cedar:") && told.contains("in force stay"), "{told}");
    assert_eq!(relay.operator(&["policy", "show"]), shown);
    let mended =
        text.replace("action, resource", "action == Action::\"read\", resource").replace("\"cor\"", "\"core\"");
    std::fs::write(own.join("own.cedar"), mended).unwrap();
    assert!(relay.operator(&["policy", "reload"]).contains("own.cedar"));
    assert!(relay.operator(&WHY).contains("read: DENIED, forbidden by policy closed"));
}
