//! `satchel admin` as a process against a relay as a process: keys, sign-ins, and who may what.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod emergency;
mod output;
mod running;
mod sharing;

use std::process::Command;

use running::{Relay, SATCHEL};

const PASSWORD: &str = "correct horse battery staple";

/// A relay with north and south, and adm-n, administrator of north, with an account; their one-time password.
fn clinic() -> (Relay, String) {
    let relay = Relay::start();
    relay.operator(&["organization", "add", "north", "North"]);
    relay.operator(&["organization", "add", "south", "South"]);
    relay.operator(&["practitioner", "add", "adm-n", "An administrator", "--organization", "north"]);
    relay.operator(&["role", "put", "adm-n", "north", "administrator"]);
    let shown = relay.operator(&["account", "add", "adm-n"]);
    let line = shown.lines().find(|line| line.starts_with("one-time password:")).unwrap();
    (relay, line.rsplit(' ').next().unwrap().to_owned())
}

#[test]
fn an_administrator_signs_in_changes_the_one_time_password_and_looks_after_their_clinic() {
    let (relay, one_time) = clinic();
    let (code, text) = relay.signed_in(&["device", "list"], "");
    assert!(code == 3 && text.contains("sign in first"), "{text}");
    let (code, text) = relay.signed_in(&["sign-in", "adm-n"], &format!("{one_time}\n{PASSWORD}\n"));
    assert!(code == 0 && text.contains("at north: administer-people"), "{text}");
    assert!(!text.contains(PASSWORD) && !text.contains(&one_time));
    let (code, text) = relay.signed_in(&["practitioner", "add", "dr-a", "Dr A", "--organization", "north"], "");
    assert_eq!(code, 0, "{text}");
    let (code, text) = relay.signed_in(&["role", "put", "dr-a", "north", "physician"], "");
    assert_eq!(code, 0, "{text}");
    let (code, text) = relay.signed_in(&["practitioner", "add", "dr-s", "Dr S", "--organization", "south"], "");
    assert!(code == 3 && text.contains("administer-people"), "{text}");
    let (code, text) = relay.signed_in(&["audit", "list"], "");
    assert!(code == 3 && text.contains("read-audit"), "{text}");
    assert_eq!(relay.signed_in(&["sign-out"], "").0, 0);
    assert_eq!(relay.signed_in(&["practitioner", "list"], "").0, 3);
    let (code, text) = relay.signed_in(&["sign-in", "adm-n"], "wrong password\n");
    assert!(code == 3 && text.contains("wrong"), "{text}");
    assert_eq!(relay.signed_in(&["sign-in", "adm-n"], &format!("{PASSWORD}\n")).0, 0);
    let (code, text) = relay.signed_in(&["password"], &format!("{PASSWORD}\nanother good password\n"));
    assert_eq!(code, 0, "{text}");
    assert_eq!(relay.signed_in(&["practitioner", "list"], "").0, 0, "the new sign-in was kept");
}

#[cfg(unix)]
#[test]
fn what_is_kept_of_a_sign_in_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (relay, one_time) = clinic();
    relay.signed_in(&["sign-in", "adm-n"], &format!("{one_time}\n{PASSWORD}\n"));
    let file = relay.folder().join("state/session.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("satchel-admin-") && !kept.contains(PASSWORD));
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing else is left there");
}

#[test]
fn the_most_talkative_log_of_the_relay_holds_no_password_key_or_token() {
    let (relay, one_time) = clinic();
    relay.signed_in(&["sign-in", "adm-n"], &format!("{one_time}\n{PASSWORD}\n"));
    relay.signed_in(&["sign-in", "adm-n"], "a wrong password\n");
    relay.signed_in(&["practitioner", "list"], "");
    let kept = std::fs::read_to_string(relay.folder().join("state/session.json")).unwrap();
    let token = kept.split('"').find(|part| part.starts_with("satchel-admin-")).unwrap().to_owned();
    let key = std::fs::read_to_string(relay.folder().join("relay/admin.token")).unwrap();
    let log = std::fs::read_to_string(relay.folder().join("relay.log")).unwrap();
    assert!(log.contains("listening"), "{log}");
    for secret in [&one_time, PASSWORD, "a wrong password", &token, key.trim(), "satchel-admin-"] {
        assert!(!log.contains(secret), "a secret is in the log: {:?}", log.lines().find(|line| line.contains(secret)));
    }
}

#[test]
fn the_operator_lists_resets_and_removes_accounts() {
    let (relay, one_time) = clinic();
    assert!(relay.operator(&["account", "list"]).contains("one-time password"));
    for _ in 0..5 {
        assert_eq!(relay.signed_in(&["sign-in", "adm-n"], "wrong password\n").0, 3);
    }
    let (code, text) = relay.signed_in(&["sign-in", "adm-n"], &format!("{one_time}\n{PASSWORD}\n"));
    assert!(code == 3 && text.contains("too many attempts, try again in "), "{text}");
    assert!(relay.operator(&["account", "list"]).contains("adm-n"));
    relay.operator(&["account", "unlock", "adm-n"]);
    relay.operator(&["account", "set-password", "adm-n"]);
    assert_eq!(relay.signed_in(&["sign-in", "adm-n"], &format!("{one_time}\n{PASSWORD}\n")).0, 3, "replaced");
    relay.operator(&["account", "remove", "adm-n"]);
    assert!(relay.operator(&["account", "list"]).contains("(none)"));
    let (code, text) = relay.signed_in(&["grant", "end", "../devices/x"], "");
    assert!(code == 2 && text.contains("32 hexadecimal digits"), "{text}");
}

#[test]
fn who_tries_one_wrong_code_after_the_other_is_told_to_wait() {
    let relay = Relay::start();
    let devices = relay.url.replace("http", "ws");
    let tries = || {
        let enroll = ["device", "--unencrypted", "--profile", "profile", "enroll", &devices, "AAAA-AAAA-AAAA-AAAA"];
        let tried = Command::new(SATCHEL).args(enroll).current_dir(relay.folder()).output().unwrap();
        assert_eq!(tried.status.code(), Some(3), "{tried:?}");
        String::from_utf8(tried.stderr).unwrap()
    };
    for number in 0..10 {
        let told = tries();
        assert!(told.contains("no such enrolment code"), "try {number}: {told}");
    }
    assert!(tries().contains("too many attempts, try again in "));
}

#[test]
fn the_trail_is_verified_against_checkpoints_exported_and_accounted_for() {
    let relay = Relay::start();
    relay.operator(&["organization", "add", "north", "North"]);
    let checkpoint = relay.operator(&["audit", "checkpoint"]);
    let file = relay.folder().join("checkpoints.log");
    std::fs::write(&file, &checkpoint).unwrap();
    let file = file.to_str().unwrap();
    let verified = relay.operator(&["audit", "verify", "--against", file]);
    assert!(verified.contains("rows follow from one another"), "{verified}");
    let exported = relay.operator(&["audit", "export"]);
    let bundle: serde_json::Value = serde_json::from_str(exported.lines().next().unwrap()).unwrap();
    assert_eq!(bundle["entry"][0]["resource"]["resourceType"], "AuditEvent");
    for listed in [&["devices", "--owing"][..], &["custody", "list"], &["alerts"], &["disclosures", "north", "p1"]] {
        assert!(relay.operator(listed).contains("(none)"), "{listed:?}");
    }
    let (code, text) = relay.run(&["lost-device", &"0".repeat(32)], &["--token-file", "relay/admin.token"], "");
    assert!(code != 0 && text.contains("no such device"), "{text}");
    let (code, text) = relay.run(&["custody", "accept", "1"], &["--token-file", "relay/admin.token"], "");
    assert!(code != 0 && text.contains("no such change in custody"), "{text}");
    // The relay keeps checkpoints of its own, too.
    let own = std::fs::read_to_string(relay.folder().join("relay/audit-checkpoints.log")).unwrap();
    assert!(own.lines().count() >= 1);
    let other = Relay::start();
    std::fs::write(file, other.operator(&["audit", "checkpoint"])).unwrap();
    let (code, text) = relay.run(&["audit", "verify", "--against", file], &["--token-file", "relay/admin.token"], "");
    assert!(code != 0 && text.contains("not signed by this relay"), "{text}");
}
