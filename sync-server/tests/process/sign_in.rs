//! Signing in, what a token is worth and when it ends, and floods of sign-ins.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::clinics::{PASSWORD, account, administrator, north, ok, role};
use crate::running::{Running, config, start};

async fn is_good(relay: &Running, token: &str) -> bool {
    match relay.admin_as(token, "GET", "/practitioners", None).await {
        (200, _) => true,
        (401, body) => {
            assert_eq!(body["code"], "not-signed-in");
            false
        }
        other => panic!("{other:?}"),
    }
}

async fn sign_in(relay: &Running, login: &str, password: &str) -> (u16, Value) {
    relay.sign_in(json!({ "login": login, "password": password })).await
}

async fn token(relay: &Running, login: &str) -> String {
    ok(sign_in(relay, login, PASSWORD).await)["token"].as_str().unwrap().to_owned()
}

/// A relay with `north` and its administrator adm-n.
async fn clinic() -> (tempfile::TempDir, Running) {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    ok(relay.admin("POST", "/organizations", Some(json!({ "id": "north", "name": "North" }))).await);
    administrator(&relay, "adm-n", "north").await;
    (folder, relay)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_key_signs_in_and_is_good_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let admitted = ok(relay.sign_in(json!({ "key": format!("{}\n", relay.key) })).await);
    assert_eq!((&admitted["practitioner"], &admitted["must_change_password"]), (&Value::Null, &json!(false)));
    assert!(is_good(&relay, admitted["token"].as_str().unwrap()).await);
    assert!(!is_good(&relay, &relay.key).await);
    let (status, refused) = relay.sign_in(json!({ "key": &relay.key[1..] })).await;
    assert_eq!((status, &refused["code"]), (401, &json!("sign-in-refused")));
    for malformed in [json!({}), json!({ "login": "x" }), json!([]), json!({ "key": 7 })] {
        assert_eq!(relay.sign_in(malformed).await.0, 422);
    }
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_password_is_good_for_nothing_but_choosing_another() {
    let (_folder, relay) = clinic().await;
    ok(relay
        .admin("POST", "/practitioners", Some(json!({ "id": "off-n", "name": "O", "organization": "north" })))
        .await);
    role(&relay, "off-n", "north", "administrator").await;
    let made = ok(relay.admin("POST", "/accounts", Some(json!({ "practitioner": "off-n" }))).await);
    let one_time = made["password"].as_str().unwrap();
    let admitted = ok(sign_in(&relay, "off-n", one_time).await);
    let first = admitted["token"].as_str().unwrap();
    let (status, refused) = relay.admin_as(first, "GET", "/practitioners", None).await;
    assert_eq!((status, &refused["code"]), (403, &json!("must-change-password")));
    let change = async |current: &str, new: &str| {
        relay.call(Some(first), "POST", "/admin/password", Some(json!({ "current": current, "new": new }))).await.0
    };
    assert_eq!(change(one_time, "eleven lett").await, 422);
    assert_eq!(change(one_time, &"x".repeat(129)).await, 422);
    assert_eq!(change(one_time, one_time).await, 400, "another than the one-time password");
    assert_eq!(change("not it, at all", PASSWORD).await, 401);
    assert_eq!(change(one_time, PASSWORD).await, 200);
    assert_eq!(change(PASSWORD, "yet another password").await, 401, "the sign-in ended with the change");
    assert_eq!(sign_in(&relay, "off-n", one_time).await.0, 401);
    assert!(is_good(&relay, &token(&relay, "off-n").await).await);
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_with_sign_out_password_account_and_time() {
    let (folder, relay) = clinic().await;
    let out = token(&relay, "adm-n").await;
    let stays = token(&relay, "adm-n").await;
    ok(relay.call(Some(&out), "POST", "/admin/sign-out", None).await);
    assert!(!is_good(&relay, &out).await && is_good(&relay, &stays).await);

    let change = json!({ "current": PASSWORD, "new": "another good password" });
    let changed = ok(relay.call(Some(&stays), "POST", "/admin/password", Some(change)).await);
    let renewed = changed["token"].as_str().unwrap().to_owned();
    assert!(!is_good(&relay, &stays).await && is_good(&relay, &renewed).await);

    ok(relay.admin("PUT", "/accounts/adm-n/password", None).await);
    assert!(!is_good(&relay, &renewed).await);

    ok(relay.admin("DELETE", "/accounts/adm-n", None).await);
    let again = account(&relay, "adm-n").await;
    assert!(is_good(&relay, &again).await);
    ok(relay.admin("DELETE", "/accounts/adm-n", None).await);
    assert!(!is_good(&relay, &again).await);
    assert_eq!(sign_in(&relay, "adm-n", PASSWORD).await.0, 401);

    // Time, on the relay's clock: its end is moved to the present.
    let db = rusqlite::Connection::open(folder.path().join("relay.db")).unwrap();
    let late = account(&relay, "adm-n").await;
    let left: i64 = db.query_row("SELECT max(expires_at_ms - began_at_ms) FROM sign_in", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 15 * 60 * 1000);
    db.execute("UPDATE sign_in SET expires_at_ms = began_at_ms WHERE practitioner = 'adm-n'", []).unwrap();
    assert!(!is_good(&relay, &late).await);
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn losing_a_role_counts_at_once_and_so_does_getting_one() {
    let (_folder, relay) = clinic().await;
    let token = token(&relay, "adm-n").await;
    let add = async |id: &str| {
        let new = json!({ "id": id, "name": "N", "organization": "north" });
        relay.admin_as(&token, "POST", "/practitioners", Some(new)).await.0
    };
    let audit = async || relay.admin_as(&token, "GET", "/audit", None).await.0;
    assert_eq!((add("p-1").await, audit().await), (200, 200));
    ok(relay.admin("DELETE", "/roles/north/adm-n/administrator", None).await);
    assert_eq!((add("p-2").await, audit().await), (403, 200));
    ok(relay.admin("DELETE", "/roles/north/adm-n/privacy-officer", None).await);
    assert_eq!((add("p-2").await, audit().await), (403, 403));
    role(&relay, "adm-n", "north", "administrator").await;
    assert_eq!((add("p-2").await, audit().await), (200, 403));
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_worth_nothing_at_another_relay_even_if_its_row_is_copied_there() {
    let (folder, relay) = clinic().await;
    let (other_folder, other) = clinic().await;
    let token = token(&relay, "adm-n").await;
    assert!(is_good(&relay, &token).await);
    assert!(!is_good(&other, &token).await);
    let db = rusqlite::Connection::open(other_folder.path().join("relay.db")).unwrap();
    db.execute("ATTACH ?1 AS first", [folder.path().join("relay.db").to_str().unwrap()]).unwrap();
    db.execute_batch("DELETE FROM sign_in; INSERT INTO sign_in SELECT * FROM first.sign_in").unwrap();
    assert!(!is_good(&other, &token).await);
    other.stop().await.unwrap();
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_in_the_data_folder_ends_what_the_old_one_gave() {
    let (folder, relay) = clinic().await;
    let (old_key, old_token) = (relay.key.clone(), relay.token.clone());
    relay.stop().await.unwrap();
    std::fs::remove_file(folder.path().join("admin.token")).unwrap();
    let relay = start(config(folder.path())).await;
    assert_ne!(relay.key, old_key);
    assert!(!is_good(&relay, &old_token).await);
    assert_eq!(relay.sign_in(json!({ "key": old_key })).await.0, 401);
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_locked_after_failures_whether_it_exists_or_not_and_the_operator_lifts_it() {
    let (_folder, relay) = clinic().await;
    for login in ["nobody", "../etc/passwd", "adm-n"] {
        let mut answers = Vec::new();
        for _ in 0..7 {
            let (status, body) = sign_in(&relay, login, "wrong password").await;
            answers.push((status, body["code"].as_str().unwrap().to_owned()));
        }
        let refused = (401, "sign-in-refused".to_owned());
        let expected: Vec<_> = vec![refused; 5];
        assert_eq!(answers[..5], expected, "{login}");
        assert_eq!(answers[5], (429, "too-many-attempts".into()), "{login}");
    }
    let (status, body) = sign_in(&relay, "adm-n", PASSWORD).await;
    assert_eq!(status, 429, "not even with the right password");
    assert!(body["wait_s"].as_u64().is_some_and(|wait| wait >= 1), "{body}");
    let shown = ok(relay.admin("GET", "/accounts", None).await);
    assert!(shown["items"][0]["locked_until"].is_i64(), "{shown}");
    ok(relay.admin("DELETE", "/accounts/adm-n/lock", None).await);
    // The place has failed fifteen times, and may fail five times more.
    ok(sign_in(&relay, "adm-n", PASSWORD).await);
    let rows = ok(relay.admin("GET", "/audit", None).await).to_string();
    assert!(rows.contains("refuse-sign-in") && rows.contains("unlock-account") && rows.contains("unknown login"));
    assert!(!rows.contains("etc/passwd") && !rows.contains("nobody"), "what was typed as a login is not kept");
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sign_ins_is_turned_away_and_leaves_the_relay_and_its_audit_trail_usable() {
    let (folder, relay) = clinic().await;
    let relay = std::sync::Arc::new(relay);
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..400 {
        let relay = relay.clone();
        flood.spawn(async move { sign_in(&relay, &format!("login-{}", number % 97), "wrong password").await.0 });
    }
    let began = Instant::now();
    ok(relay.admin("GET", "/practitioners", None).await);
    let served = began.elapsed();
    let answers = flood.join_all().await;
    let count = |status: u16| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!(count(401) + count(429) + count(503), 400, "{answers:?}");
    assert!(count(401) <= 25, "{} passwords were checked", count(401));
    assert!(served < Duration::from_secs(10), "others were served in {served:?}");
    let db = rusqlite::Connection::open(folder.path().join("relay.db")).unwrap();
    let sql = "SELECT count(*) FROM audit WHERE action = 'refuse-sign-in'";
    let rows: usize = db.query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(rows <= count(401), "{rows} rows");
    let relay = std::sync::Arc::into_inner(relay).unwrap();
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_key_or_token_is_kept_or_shown_in_the_clear() {
    let (folder, relay) = clinic().await;
    let token = token(&relay, "adm-n").await;
    let secrets = [PASSWORD.to_owned(), token, relay.token.clone()];
    relay.stop().await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret stands in {}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_may_have_an_address_of_their_own_and_counters_are_shown_there_or_here_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut apart = config(folder.path());
    apart.admin_listen = Some("127.0.0.1:0".parse().unwrap());
    let relay = start(apart).await;
    assert_ne!(relay.address, relay.admin);
    let at = |address: std::net::SocketAddr, path: &str| {
        let url = format!("http://{address}{path}");
        let get = move || {
            let config = ureq::Agent::config_builder().http_status_as_error(false).build();
            ureq::Agent::from(config).get(url).call().unwrap().status().as_u16()
        };
        tokio::task::spawn_blocking(get)
    };
    for (path, devices, admin) in
        [("/healthz", 200, 200), ("/metrics", 404, 200), ("/admin/openapi.json", 404, 200), ("/sync", 400, 404)]
    {
        assert_eq!(at(relay.address, path).await.unwrap(), devices, "{path} for devices");
        assert_eq!(at(relay.admin, path).await.unwrap(), admin, "{path} for administrators");
    }
    north(&relay).await;
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_not_shown_through_a_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let url = format!("http://{}/metrics", relay.address);
    let get = move || {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        ureq::Agent::from(config).get(url).header("x-forwarded-for", "127.0.0.1").call().unwrap().status().as_u16()
    };
    assert_eq!(tokio::task::spawn_blocking(get).await.unwrap(), 404);
    relay.stop().await.unwrap();
}
