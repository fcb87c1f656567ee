//! Clinics with administrators of their own, to keep apart.

use serde_json::{Value, json};
use sync_protocol::identity::SecretKey;

use crate::running::Running;
use crate::sockets::enrolled;

/// A password that is long enough.
pub const PASSWORD: &str = "correct horse battery staple";

/// What stands at `north`, for requests about it.
pub struct North {
    /// A token of adm-n, administrator and privacy officer there.
    pub token: String,
    pub device: String,
    pub device_key: SecretKey,
    pub grant: String,
    /// The id of a client of the FHIR API.
    pub client: String,
}

/// `north` with dr-a, their device, a grant and somebody else's account; `south` and `east` stand apart.
pub async fn north(relay: &Running) -> North {
    // Adds north, dr-a and the device.
    let device_key = enrolled(relay).await;
    for id in ["south", "east"] {
        ok(relay.admin("POST", "/organizations", Some(json!({ "id": id, "name": id }))).await);
    }
    let token = administrator(relay, "adm-n", "north").await;
    ok(add_practitioner(relay, "nurse-n", "north").await);
    role(relay, "nurse-n", "north", "privacy-officer").await;
    ok(relay.admin("POST", "/accounts", Some(json!({ "practitioner": "nurse-n" }))).await);
    let affiliation = json!({ "organization": "north", "partner": "east", "compartments": ["core"] });
    ok(relay.admin("PUT", "/affiliations", Some(affiliation)).await);
    let grant = json!({
        "organization": "north", "patient": "p1", "grantee": { "organization": "east" }, "compartments": ["core"],
        "valid_ms": 1_000_000,
    });
    let grant = ok(relay.admin("POST", "/grants", Some(grant)).await)["id"].as_str().unwrap().to_owned();
    let relationship = json!({ "organization": "north", "patient": "p1", "partner": "east" });
    ok(relay.admin("PUT", "/relationships", Some(relationship)).await);
    ok(relay.admin("PUT", "/consents/consent-1/fhir", Some(fhir_consent("consent-1", "north", "east"))).await);
    ok(relay.admin("PUT", "/care-teams/team-1/fhir", Some(fhir_care_team("team-1", "north", "dr-a"))).await);
    let client = json!({ "name": "a laboratory", "practitioner": "dr-a", "organization": "north" });
    let client = ok(relay.admin("POST", "/fhir-clients", Some(client)).await)["id"].as_str().unwrap().to_owned();
    let devices = ok(relay.admin("GET", "/devices", None).await);
    let device = devices["items"][0]["id"].as_str().unwrap().to_owned();
    North { token, device, device_key, grant, client }
}

/// p1 denies an organization everything but to one practitioner.
pub fn fhir_consent(id: &str, at: &str, denied: &str) -> Value {
    let role = json!({ "coding": [{ "code": "IRCP" }] });
    json!({
        "resourceType": "Consent", "id": id, "status": "active",
        "scope": { "coding": [{ "code": "patient-privacy" }] },
        "patient": { "reference": "Patient/p1" },
        "organization": [{ "reference": format!("Organization/{at}") }],
        "provision": {
            "type": "deny", "actor": [{ "role": role, "reference": { "reference": format!("Organization/{denied}") } }],
            "provision": [{
                "type": "permit", "actor": [{ "role": role, "reference": { "reference": "Practitioner/dr-x" } }],
                "action": [{ "coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": "access",
                }] }],
                "period": { "end": "2090-01-01" },
            }],
        },
    })
}

/// p1 is cared for by a practitioner.
pub fn fhir_care_team(id: &str, at: &str, member: &str) -> Value {
    json!({
        "resourceType": "CareTeam", "id": id, "status": "active", "name": "Who cares for p1",
        "subject": { "reference": "Patient/p1" },
        "managingOrganization": [{ "reference": format!("Organization/{at}") }],
        "participant": [{ "member": { "reference": format!("Practitioner/{member}") } }],
    })
}

/// Somebody who is administrator and privacy officer of an organization and has a password; their token.
pub async fn administrator(relay: &Running, who: &str, at: &str) -> String {
    ok(add_practitioner(relay, who, at).await);
    role(relay, who, at, "administrator").await;
    role(relay, who, at, "privacy-officer").await;
    account(relay, who).await
}

/// An account with [`PASSWORD`]; a token of its own.
pub async fn account(relay: &Running, who: &str) -> String {
    let made = ok(relay.admin("POST", "/accounts", Some(json!({ "practitioner": who }))).await);
    let one_time = json!({ "login": who, "password": made["password"] });
    let admitted = ok(relay.sign_in(one_time).await);
    assert_eq!(admitted["must_change_password"], true);
    let change = json!({ "current": made["password"], "new": PASSWORD });
    let changed = ok(relay.call(admitted["token"].as_str(), "POST", "/admin/password", Some(change)).await);
    assert_eq!(changed["must_change_password"], false);
    changed["token"].as_str().unwrap().to_owned()
}

pub async fn role(relay: &Running, who: &str, at: &str, role: &str) {
    let role = json!({ "practitioner": who, "organization": at, "role": role });
    ok(relay.admin("PUT", "/roles", Some(role)).await);
}

async fn add_practitioner(relay: &Running, id: &str, at: &str) -> (u16, Value) {
    let new = json!({ "id": id, "name": format!("Person {id}"), "organization": at });
    relay.admin("POST", "/practitioners", Some(new)).await
}

/// The answer's body, if it is one of success.
pub fn ok((status, body): (u16, Value)) -> Value {
    assert_eq!(status, 200, "{body}");
    body
}
