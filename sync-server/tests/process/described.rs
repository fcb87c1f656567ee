//! The admin API's description, and what holds for every operation in it.

use crate::api::Description;
use crate::clinics::north;
use crate::running::{config, start};

/// The description as it is kept for readers and generators of clients.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

#[test]
fn the_description_that_is_kept_is_that_of_the_code() {
    let described = sync_server::http::admin::openapi();
    if std::env::var_os("SATCHEL_WRITE_OPENAPI").is_some() {
        std::fs::write(KEPT, &described).unwrap();
    }
    let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
    let how =
        "write docs/openapi.json anew: SATCHEL_WRITE_OPENAPI=1 cargo test -p sync-server --test process described";
    assert!(kept == described, "docs/openapi.json is not what the code says; {how}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_wants_a_token_and_takes_nothing_else_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let other = tempfile::tempdir().unwrap();
    let other = start(config(other.path())).await;
    let north = north(&relay).await;
    let description = Description::of(&relay).await;
    let code = serde_json::json!({ "organization": "north", "practitioner": "dr-a", "valid_ms": 60_000 });
    let code = relay.admin("POST", "/enrolment-codes", Some(code)).await.1["code"].as_str().unwrap().to_owned();
    let wrong = [
        None,
        Some(String::new()),
        Some("Bearer".into()),
        Some("Bearer ".into()),
        Some(format!("Bearer {}x", relay.token)),
        Some(format!("Bearer {}", &relay.token[1..])),
        Some(relay.token.clone()),
        Some(format!("Basic {}", relay.token)),
        Some(format!("Bearer {}", relay.key)),
        Some(format!("Bearer {}", other.token)),
        Some(format!("Bearer {code}")),
        Some(format!("Bearer {}", north.device)),
        Some(format!("Bearer {}", north.device_key.public())),
        Some(format!("Bearer {}", hex::encode(north.device_key.seed()))),
    ];
    let open: Vec<_> = description.operations().into_iter().filter(|o| !o.needs_token).map(|o| o.name()).collect();
    assert_eq!(open, ["POST /admin/sign-in"]);
    for operation in description.operations().into_iter().filter(|operation| operation.needs_token) {
        let call = description.call(&operation, &Default::default());
        for authorization in &wrong {
            // Refused before anything else of the request is looked at.
            let (status, body) = relay.request(&call.method, &call.path, authorization.clone(), None).await;
            assert_eq!(status, 401, "{} with {authorization:?}", operation.name());
            assert!(body.contains(r#""code":"not-signed-in""#), "{body}");
        }
    }
    other.stop().await.unwrap();
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_the_same_shape() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let large = serde_json::json!({ "id": "x", "name": "x".repeat(300_000) });
    let refused = [
        ("GET", "/admin/v1/nowhere", None, 404, "not-found"),
        ("GET", "/admin/nowhere", None, 404, "not-found"),
        ("PATCH", "/admin/v1/organizations", None, 405, "method-not-allowed"),
        ("POST", "/admin/v1/organizations", None, 415, "bad-request"),
        ("POST", "/admin/v1/organizations", Some(serde_json::json!({ "id": 7 })), 422, "bad-request"),
        ("POST", "/admin/v1/organizations", Some(large), 413, "too-large"),
        ("DELETE", "/admin/v1/devices/zz", None, 400, "bad-request"),
        ("GET", "/admin/v1/devices?limit=many", None, 400, "bad-request"),
        ("GET", "/admin/v1/audit?after=-1", None, 400, "bad-request"),
        ("GET", "/admin/v1/audit?after=99999999999999999999", None, 400, "bad-request"),
    ];
    for (method, path, body, status, code) in refused {
        let (found, problem) = relay.call(Some(&relay.token), method, path, body).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{method} {path}: {problem}");
        assert!(problem["message"].as_str().is_some_and(|message| message.len() < 400), "{problem}");
    }
    relay.stop().await.unwrap();
}
