//! Charts opened in an emergency, as privacy officers see and end them.

use serde_json::{Value, json};

use crate::clinics::{north, ok};
use crate::running::{config, start};

const OPEN: &str = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
/// The same chart and practitioner: asked for twice.
const AGAIN: &str = "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c";
const OVER: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";

fn put(folder: &std::path::Path, id: &str, until: i64) {
    let db = rusqlite::Connection::open(folder.join("relay.db")).unwrap();
    let sql = "INSERT INTO break_glass (id, organization, patient, practitioner, acting_for, device, purpose, reason,
               opened_at_ms, until_ms)
               VALUES (?1, 'north', 'p7', 'dr-a', 'north', zeroblob(16), 'ETREAT', 'found unconscious', 1000, ?2)";
    db.execute(sql, rusqlite::params![hex::decode(id).unwrap(), until]).unwrap();
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_reads_why_a_chart_was_opened_and_ends_it_before_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let officer = north(&relay).await.token;
    relay.stop().await.unwrap();
    put(folder.path(), OPEN, 9_000_000_000_000);
    put(folder.path(), AGAIN, 9_000_000_000_000);
    put(folder.path(), OVER, 2_000);
    let relay = start(config(folder.path())).await;
    let ask = async |method: &str, path: &str| relay.admin_as(&officer, method, path, None).await;

    let open = ok(ask("GET", "/emergency").await);
    assert_eq!(ids(&open), [OPEN, AGAIN]);
    let shown = &open["items"][0];
    assert_eq!((&shown["reason"], &shown["purpose"]), (&json!("found unconscious"), &json!("ETREAT")));
    assert_eq!(shown["subject"]["practitioner"], "dr-a");
    assert_eq!(ids(&ok(ask("GET", "/emergency?over=true").await)), [OPEN, OVER, AGAIN]);
    let first = ok(ask("GET", "/emergency?over=true&limit=1").await);
    let rest = format!("/emergency?over=true&after={}", first["next"].as_str().unwrap());
    assert_eq!((ids(&first), ids(&ok(ask("GET", &rest).await))), (vec![OPEN], vec![OVER, AGAIN]));
    let fact = async || {
        let why = ok(ask("GET", "/why/dr-a/charts/north/p7/core").await);
        why[0]["explanation"]["facts"].as_array().unwrap().iter().any(|fact| fact["fact"] == "break-glass")
    };
    assert!(fact().await);

    ok(ask("DELETE", &format!("/emergency/{OPEN}")).await);
    assert!(!fact().await, "it opens nothing any more");
    assert_eq!(ids(&ok(ask("GET", "/emergency").await)), [] as [&str; 0]);
    assert_eq!(ids(&ok(ask("GET", "/emergency?over=true").await)).len(), 3, "who opened what stays known");
    assert_eq!(ask("DELETE", &format!("/emergency/{OPEN}")).await.0, 409);
    assert_eq!(ask("DELETE", &format!("/emergency/{}", "c".repeat(32))).await.0, 404);
    let rows = ok(relay.admin("GET", "/audit", None).await);
    let ended = rows["items"].as_array().unwrap().iter().find(|row| row["action"] == "end-break-glass").unwrap();
    assert!(!rows.to_string().contains("unconscious"), "the reason stands with the opening, and nowhere else: {ended}");
    relay.stop().await.unwrap();
}
