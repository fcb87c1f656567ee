//! Hostile text in every field of every operation: refused or kept as the text it is; nothing else changes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::api::{Call, Description, Operation, contents};
use crate::clinics::{North, fhir_care_team, fhir_consent, north, ok};
use crate::running::{Running, config, start};

fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "../../../etc/passwd",
        "..",
        "..\\..\\windows",
        "/etc/passwd",
        "%2e%2e%2f",
        "x'; DROP TABLE practitioner; --",
        "\" OR 1=1 --",
        "x') UNION SELECT secret_key FROM organization --",
        "$.o'] | '",
        "line\r\nset-cookie: a=b\r\n\r\nbody",
        "nul\0byte",
        "\u{202e}right-to-left \u{feff}",
        "<script>alert(1)</script>",
        "{{7*7}}${7*7}",
        "%s%n%x",
        "",
        " ",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("x".repeat(20_000));
    texts
}

/// Percent-encoded, every byte of it.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// The places of a JSON value that hold text.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, value)| places(value, &format!("{at}/{n}"), found));
        }
        _ => {}
    }
}

/// Every request that puts `text` into one field of an operation.
fn variants(description: &Description, operation: &Operation, known: &Map<String, Value>, text: &str) -> Vec<Call> {
    let good = description.call(operation, known);
    let mut calls = Vec::new();
    for (name, place, _) in &operation.parameters {
        let mut path = operation.path.clone();
        if place == "path" {
            path = path.replace(&format!("{{{name}}}"), &encoded(text));
            for (other, _, schema) in operation.parameters.iter().filter(|(_, place, _)| place == "path") {
                let value = description.value(other, schema, known);
                path = path.replace(&format!("{{{other}}}"), value.as_str().unwrap());
            }
        } else {
            path = format!("{}?{name}={}", good.path, encoded(text));
        }
        // A path may not end up as another route's.
        let path = if text.is_empty() && place == "path" { continue } else { path };
        calls.push(Call { path, ..good.clone() });
    }
    let Some(body) = &good.body else { return calls };
    let mut found = Vec::new();
    places(body, "", &mut found);
    for place in found {
        let mut body = body.clone();
        *body.pointer_mut(&place).unwrap() = json!(text);
        calls.push(Call { body: Some(body), ..good.clone() });
    }
    calls
}

fn known(operation: &Operation, north: &North) -> Map<String, Value> {
    let id = match operation.path.as_str() {
        "/admin/v1/devices/{id}" | "/admin/v1/devices/{id}/lost" => north.device.as_str(),
        path if path.starts_with("/admin/v1/consents/") => "consent-1",
        path if path.starts_with("/admin/v1/care-teams/") => "team-1",
        path if path.starts_with("/admin/v1/custody/") || path.starts_with("/admin/v1/alerts/") => "1",
        "/admin/v1/grants/{id}" => north.grant.as_str(),
        _ => "new-one",
    };
    let mut known = json!({
        "id": id, "organization": "north", "partner": "east", "practitioner": "dr-a", "patient": "p1",
        "role": "physician", "login": "adm-n", "password": "not it", "current": "not it", "key": "not it",
        "exceptions": [{ "effect": "deny", "actors": [{ "practitioner": "dr-a" }], "categories": ["PSY"] }],
    });
    match operation.name().as_str() {
        "PUT /admin/v1/consents/{id}/fhir" => known[""] = fhir_consent("consent-1", "north", "east"),
        "PUT /admin/v1/care-teams/{id}/fhir" => known[""] = fhir_care_team("team-1", "north", "dr-a"),
        _ => {}
    }
    known.as_object().unwrap().clone()
}

/// One row was added, or one put in the place of another.
fn assert_one_row(before: &BTreeMap<String, Vec<String>>, after: &BTreeMap<String, Vec<String>>, call: &Call) {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{call:?}: tables");
    let gone = |from: &BTreeMap<String, Vec<String>>, to: &BTreeMap<String, Vec<String>>| {
        let rows = from.iter().flat_map(|(table, rows)| rows.iter().map(move |row| (table.clone(), row.clone())));
        rows.filter(|(table, row)| !to[table].contains(row)).collect::<Vec<_>>()
    };
    let (removed, added) = (gone(before, after), gone(after, before));
    assert!(added.len() <= 1 && removed.len() <= usize::from(call.method == "PUT"), "{call:?}: {removed:?}, {added:?}");
    let tables = |rows: &[(String, String)]| rows.iter().map(|(table, _)| table.clone()).collect::<Vec<_>>();
    assert!(removed.is_empty() || tables(&removed) == tables(&added), "{call:?}: {removed:?}, {added:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_in_any_field_is_refused_or_kept_as_text_and_changes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let north = north(&relay).await;
    let description = Description::of(&relay).await;
    let (mut tried, mut taken) = (0, 0);
    for operation in description.operations() {
        // These would end the sign-in that the others are made with.
        if operation.path == "/admin/sign-out" {
            continue;
        }
        for text in hostile() {
            for call in variants(&description, &operation, &known(&operation, &north), &text) {
                let before = contents(folder.path());
                let (status, body) = call.send(&relay, Some(&relay.token)).await;
                let what = format!("{} {} {:?}: {status} {body}", call.method, call.path, call.body);
                let what: String = what.chars().take(600).collect();
                assert!(status < 500, "{what}");
                let after = contents(folder.path());
                if status == 200 && operation.method != "GET" {
                    assert_one_row(&before, &after, &call);
                    taken += 1;
                } else {
                    assert_eq!(before, after, "{what}");
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 500 && taken > 0 && taken < tried / 4, "{tried} tried, {taken} taken");
    let verified = ok(relay.admin("POST", "/audit/verify", Some(json!({ "checkpoints": [] }))).await);
    assert_eq!(verified["faults"], json!([]));
    relay.stop().await.unwrap();
}

/// Sends bytes as they are; gives the status.
async fn raw(relay: &Running, request: &[u8]) -> u16 {
    let mut tcp = tokio::net::TcpStream::connect(relay.admin).await.unwrap();
    tcp.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {text:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_text_at_all_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let before = contents(folder.path());
    let bearer = format!("host: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n", relay.token);
    let body = b"{\"id\":\"x\",\"name\":\"\xff\xfe\"}";
    let head = format!(
        "POST /admin/v1/organizations HTTP/1.1\r\n{bearer}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let not_utf8 = [head.as_bytes(), body].concat();
    assert_eq!(raw(&relay, &not_utf8).await, 400);
    for path in ["/admin/v1/devices/%ff%fe", "/admin/v1/roles/%ff/x/physician", "/admin/v1/accounts/%c3%28"] {
        let request = format!("DELETE {path} HTTP/1.1\r\n{bearer}\r\n");
        assert_eq!(raw(&relay, request.as_bytes()).await, 400, "{path}");
    }
    let request = format!("GET /admin/v1/devices?after=%ff HTTP/1.1\r\n{bearer}\r\n");
    assert_eq!(raw(&relay, request.as_bytes()).await, 400);
    let header =
        b"GET /admin/v1/devices HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer \xff\xfe\r\n\r\n";
    assert_eq!(raw(&relay, header).await, 401);
    let folded = format!(
        "GET /admin/v1/devices HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n x\r\n\r\n",
        relay.token
    );
    assert!(matches!(raw(&relay, folded.as_bytes()).await, 400 | 401));
    assert_eq!(contents(folder.path()), before);
    relay.stop().await.unwrap();
}
