//! The policies in force: shown, read again, and kept as they were when a file has a mistake.

use serde_json::{Value, json};

use crate::clinics::{north, ok};
use crate::running::{Running, config, start};

async fn permitted(relay: &Running) -> (Value, Value) {
    let path = "/why/dr-a/charts/north/p1/core?acting_for=north";
    let read = ok(relay.admin("GET", path, None).await)[0]["explanation"].clone();
    (read["permitted"].clone(), read["policies"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_clinics_own_counts_once_it_is_read_and_one_with_a_mistake_never_does() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let north = north(&relay).await;
    let own = folder.path().join("policies");
    std::fs::create_dir(&own).unwrap();
    let built_in = ok(relay.admin("GET", "/policies", None).await);
    assert_eq!(built_in["files"], json!(["default.cedar"]));
    assert_eq!(permitted(&relay).await.0, json!(true));

    let forbids = "@id(\"no-cores\")\nforbid (principal, action == Action::\"read\", resource)\n\
                   when { resource.compartment == Compartment::\"core\" };\n";
    std::fs::write(own.join("north.cedar"), forbids).unwrap();
    assert_eq!(permitted(&relay).await.0, json!(true), "a file alone changes nothing");
    let loaded = ok(relay.admin("POST", "/policies/reload", None).await);
    assert_eq!(loaded["files"], json!(["default.cedar", "north.cedar"]));
    assert_eq!(loaded["policies"].as_u64(), built_in["policies"].as_u64().map(|count| count + 1));
    let forbidden = (json!(false), json!([{ "id": "no-cores", "effect": "forbid" }]));
    assert_eq!(permitted(&relay).await, forbidden);

    std::fs::write(
        own.join("north.cedar"),
        "// A comment\n\npermit (principal, action, resource)\nwhen { nonsense };\n",
    )
    .unwrap();
    let (status, refused) = relay.admin("POST", "/policies/reload", None).await;
    let message = refused["message"].as_str().unwrap();
    assert!(status == 400 && message.starts_with("north.cedar:4:"), "{status} {message}");
    assert_eq!(ok(relay.admin("GET", "/policies", None).await), loaded, "what was in force stays");
    assert_eq!(permitted(&relay).await, forbidden);

    let (status, refused) = relay.admin_as(&north.token, "POST", "/policies/reload", None).await;
    assert_eq!((status, &refused["code"]), (403, &json!("not-permitted")), "the operator's alone");
    assert_eq!(ok(relay.admin_as(&north.token, "GET", "/policies", None).await), loaded);
    let rows = ok(relay.admin("GET", "/audit", None).await);
    let changes = rows["items"].as_array().unwrap().iter().filter(|row| row["action"] == "change-policies").count();
    assert_eq!(changes, 2, "those of the start, and those that were put in force");
    relay.stop().await.unwrap();
}
