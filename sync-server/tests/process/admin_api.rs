//! Health, counters and the admin API.

use serde_json::json;

use crate::running::{config, start};

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_counters_are_open_and_hold_numbers_only() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    assert_eq!(relay.get("/healthz").await, (200, "ok\n".into()));
    assert_eq!(relay.get("/readyz").await, (200, "ready\n".into()));
    let (status, counters) = relay.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(counters.contains("\nsatchel_connections 0\n"), "{counters}");
    assert_eq!(relay.get("/nowhere").await.0, 404);
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_when_the_database_fails() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let beside = rusqlite::Connection::open(folder.path().join("relay.db")).unwrap();
    beside.execute_batch("ALTER TABLE organization RENAME TO away").unwrap();
    assert_eq!(relay.get("/readyz").await.0, 503);
    beside.execute_batch("ALTER TABLE away RENAME TO organization").unwrap();
    assert_eq!(relay.get("/readyz").await.0, 200);
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sets_a_clinic_up_and_is_told_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let north = json!({ "id": "north", "name": "North clinic" });
    assert_eq!(relay.admin("POST", "/organizations", Some(north.clone())).await.0, 200);
    let (status, error) = relay.admin("POST", "/organizations", Some(north)).await;
    assert_eq!((status, error), (409, json!({ "code": "exists", "message": "this organization exists already" })));
    let role = json!({ "practitioner": "dr-a", "organization": "north", "role": "physician" });
    assert_eq!(relay.admin("PUT", "/roles", Some(role.clone())).await.0, 404);
    relay.admin("POST", "/practitioners", Some(json!({ "id": "dr-a", "name": "Dr A" }))).await;
    assert_eq!(relay.admin("PUT", "/roles", Some(role.clone())).await.0, 200);
    assert_eq!(relay.admin("GET", "/roles", None).await.1["items"][0]["role"], "physician");
    let code = json!({ "organization": "north", "practitioner": "dr-a", "valid_ms": 1000 });
    let (status, made) = relay.admin("POST", "/enrolment-codes", Some(code)).await;
    assert!(status == 200 && made["code"].as_str().is_some_and(|code| code.len() == 19), "{made}");
    assert_eq!(relay.admin("DELETE", "/roles/north/dr-a/physician", None).await.0, 200);
    assert_eq!(relay.admin("DELETE", "/roles/north/dr-a/physician", None).await.0, 404);
    assert_eq!(relay.admin("DELETE", "/grants/none", None).await.0, 404);
    assert_eq!(relay.admin("DELETE", &format!("/devices/{}", "0".repeat(32)), None).await.0, 404);
    assert_eq!(relay.admin("DELETE", "/devices/zz", None).await.0, 400);
    assert_eq!(relay.admin("POST", "/organizations", Some(json!({ "id": "no/id", "name": "" }))).await.0, 422);
    let (_, shown) = relay.admin("GET", "/organizations", None).await;
    assert_eq!(shown["items"][0].as_object().unwrap().len(), 3, "no secret among them: {shown}");
    let (_, check) = relay.admin("POST", "/audit/verify", Some(json!({ "checkpoints": [] }))).await;
    // Six of these and the policies that were put in force at the start.
    assert_eq!(check, json!({ "rows": 7, "entries": 0, "faults": [] }));
    let (_, rows) = relay.admin("GET", "/audit?after=1&limit=2", None).await;
    let items = rows["items"].as_array().unwrap();
    assert_eq!((items[0]["seq"].as_u64(), items.len(), rows["next"].as_str()), (Some(2), 2, Some("3")));
    assert!(items[0]["detail"].as_str().unwrap().contains("operator"), "{rows}");
    relay.stop().await.unwrap();
}
