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
    let devices = ok(relay.admin("GET", "/devices", None).await);
    let device = devices["items"][0]["id"].as_str().unwrap().to_owned();
    North { token, device, device_key, grant }
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
