//! A tablet that several people share, and that may be lost: PINs, what lies on its disk, what a killed process leaves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use client_core::{Compartment, ProfileError};
use serde_json::Value;
use sync_server::access::Role;
use system_tests::charts::allergy;
use system_tests::process::{Editor, PIN, Profile, Ran, RelayProcess, run, tablet};
use system_tests::{Dice, folder, seeds};

use crate::SATCHEL;

const ROUNDS: u64 = 4;
const REFUSED: i32 = 3;
const BAD_INPUT: i32 = 5;

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// The files below a folder in which one of these texts lies readable, capitals or not.
fn readable(folder: &Path, canaries: &[&str]) -> Vec<PathBuf> {
    let holds = |bytes: &[u8], canary: &&str| {
        let narrow = canary.to_lowercase().into_bytes();
        let wide: Vec<u8> = canary.to_lowercase().encode_utf16().flat_map(u16::to_le_bytes).collect();
        [narrow, wide].iter().any(|text| bytes.windows(text.len()).any(|window| window == text.as_slice()))
    };
    let mut files = files_below(folder);
    files.retain(|path| {
        let bytes = std::fs::read(path).unwrap().to_ascii_lowercase();
        canaries.iter().any(|canary| holds(&bytes, canary))
    });
    files
}

#[test]
fn a_killed_device_leaves_all_its_work_and_nothing_readable() {
    let (data, home) = (folder::on_disk(), folder::on_disk());
    let relay = RelayProcess::start(SATCHEL, data.path(), &[]);
    relay.admin().practice("north", "dr-a");
    let profile = Profile::encrypted(home.path(), &relay, "north", "dr-a", PIN);
    let chart = profile.register("killedcanary");
    profile.lock();
    let mut dice = Dice::new(seeds::one());
    let mut saved = BTreeSet::new();
    for round in 0..ROUNDS {
        let binary = env!("CARGO_BIN_EXE_editor");
        let editor = Editor::start_unlocked(binary, home.path(), &chart, "dr-a", PIN);
        saved.extend(editor.kill_after(1 + dice.below(30) as usize));
        let log = files_below(home.path()).into_iter().find(|path| path.ends_with("profile.db-wal")).unwrap();
        assert!(std::fs::metadata(log).unwrap().len() > 0, "round {round}: it was killed with its log open");
        assert_eq!(readable(home.path(), &["killedcanary", "Penicillin-Editor"]), Vec::<PathBuf>::new());
        let told = tablet(home.path()).list().unwrap()[0].unsent.unwrap().changes;
        let reopened = Profile::unlock(home.path(), "dr-a", PIN).unwrap();
        let unsent = reopened.changes(&chart, false);
        assert!(saved.is_subset(&unsent), "round {round}: saved edits are lost or not in the outbox");
        // The last edits may have been saved and not counted beside the database yet.
        assert!(told <= unsent.len() as u64 && told + 2 >= unsent.len() as u64, "{told} of {}", unsent.len());
        reopened.lock();
    }
    let reopened = Profile::unlock(home.path(), "dr-a", PIN).unwrap();
    reopened.sync().unwrap();
    assert!(saved.is_subset(&reopened.changes(&chart, true)), "every saved edit is sent");
}

#[test]
fn two_people_share_a_tablet_and_each_sees_only_what_they_may() {
    let (data, home) = (folder::on_disk(), folder::on_disk());
    let relay = RelayProcess::start(SATCHEL, data.path(), &[]);
    relay.admin().practice("north", "dr-a");
    relay.admin().staff("north", "clerk", Role::Clerk);
    let doctor = Profile::encrypted(home.path(), &relay, "north", "dr-a", PIN);
    let chart = doctor.register("sharedcanary");
    doctor.put(&chart, &allergy(&chart, "a1", "Physicians-Only"));
    doctor.sync().unwrap();
    doctor.put(&chart, &allergy(&chart, "a2", "Physicians-Unsent"));
    doctor.lock();
    let clerk = Profile::encrypted(home.path(), &relay, "north", "clerk", "2804");
    clerk.sync().unwrap();
    let held = clerk.with(|device, _| device.documents());
    let compartments: BTreeSet<Compartment> = held.iter().map(|document| document.descriptor.compartment).collect();
    assert!(compartments.contains(&Compartment::PatientIndex) && !compartments.contains(&Compartment::Core));
    clerk.lock();

    let refused = Profile::unlock(home.path(), "dr-a", "2804").err();
    assert!(matches!(refused, Some(ProfileError::WrongPin { .. })), "{refused:?}");
    let found = readable(home.path(), &["sharedcanary", "Physicians-Only", "Physicians-Unsent"]);
    assert_eq!(found, Vec::<PathBuf>::new(), "whichever of the two is looked at");
    let list = tablet(home.path()).list().unwrap();
    let told: Vec<_> = list.iter().map(|entry| (entry.label.as_str(), entry.unsent.unwrap().changes)).collect();
    assert_eq!(told, [("clerk", 0), ("dr-a", 1)], "who looks after the tablet sees numbers, while all is locked");

    let doctor = Profile::unlock(home.path(), "dr-a", PIN).unwrap();
    doctor.sync().unwrap();
    assert_eq!(doctor.changes(&chart, false).len(), 0, "the work went on from where it was");
}

/// Runs `satchel device` on a tablet, with this PIN.
fn device(tablet: &Path, pin: Option<&str>, arguments: &[&str]) -> Ran {
    let pin_file = tablet.with_extension("pin");
    let mut all = vec!["device", "--profile", tablet.to_str().unwrap(), "--json"];
    if let Some(pin) = pin {
        std::fs::write(&pin_file, format!("{pin}\n")).unwrap();
        all.extend(["--pin-file", pin_file.to_str().unwrap()]);
    }
    all.extend(arguments);
    run(SATCHEL, &all)
}

fn json(tablet: &Path, pin: Option<&str>, arguments: &[&str]) -> Value {
    serde_json::from_str(&device(tablet, pin, arguments).ok()).unwrap()
}

#[test]
fn at_a_terminal_a_profile_is_made_used_and_changed_by_its_pin() {
    let home = folder::on_disk();
    let relay = RelayProcess::start(SATCHEL, &home.path().join("relay"), &[]);
    relay.admin().practice("north", "dr-a");
    let (at, code) = (home.path().join("tablet"), relay.admin().code("north", "dr-a"));
    let enroll = ["enroll", relay.url(), &code];
    device(&at, None, &enroll).assert_failed(BAD_INPUT, &["no PIN", "--pin-file", "SATCHEL_PIN", "--unencrypted"]);
    device(&at, Some("1234"), &enroll).assert_failed(BAD_INPUT, &["plain sequence"]);
    device(&at, Some("5917"), &[enroll.as_slice(), &["--as", "Dr A"]].concat()).ok();
    device(&at, Some("5917"), &["register", "--family", "Terminalson"]).ok();
    let status = json(&at, Some("5917"), &["status"]);
    assert_eq!((&status["encrypted"], &status["unsent"]), (&Value::from(true), &Value::from(1)));
    assert_eq!(readable(&at, &["Terminalson"]), Vec::<PathBuf>::new());
    device(&at, Some("5918"), &["status"]).assert_failed(REFUSED, &["wrong PIN"]);
    device(&at, Some("5917"), &["--as", "Dr B", "status"]).assert_failed(BAD_INPUT, &["no profile called Dr B"]);

    let told = json(&at, None, &["unsent"]);
    assert_eq!((&told[0]["label"], &told[0]["unsent"]["changes"]), (&Value::from("Dr A"), &Value::from(1)));
    let new = home.path().join("new.pin");
    std::fs::write(&new, "a longer one\n").unwrap();
    device(&at, Some("5917"), &["profile", "change-pin", "--new-pin-file", new.to_str().unwrap()]).ok();
    device(&at, Some("5917"), &["status"]).assert_failed(REFUSED, &["wrong PIN"]);
    device(&at, Some("a longer one"), &["profile", "remove"]).assert_failed(1, &["1 changes not sent"]);
    device(&at, Some("a longer one"), &["profile", "settings", "--wipe-after", "10"])
        .assert_failed(2, &["--accept-loss"]);
    let set = json(&at, Some("a longer one"), &["profile", "settings", "--wipe-after", "10", "--accept-loss"]);
    assert_eq!(set["lostIfWipedNow"]["changes"], 1);
    device(&at, Some("a longer one"), &["sync"]).ok();
    assert_eq!(json(&at, None, &["profile", "list"])[0]["unsent"]["changes"], 0);

    let database = files_below(&at).into_iter().find(|path| path.ends_with("profile.db")).unwrap();
    let mut bytes = std::fs::read(&database).unwrap();
    bytes[9_000..9_100].fill(0xEE);
    std::fs::write(&database, bytes).unwrap();
    let damaged = device(&at, Some("a longer one"), &["status"]);
    damaged.assert_failed(1, &["put aside, not deleted", "not enrolled"]);
    let err = damaged.err.to_lowercase();
    assert!(!err.contains("sqlcipher") && !err.contains("hmac"), "the library speaks for itself: {err}");
    assert_eq!(readable(&at, &["Terminalson"]), Vec::<PathBuf>::new());
}

#[test]
fn at_a_terminal_a_profile_that_was_not_encrypted_is_encrypted_with_its_work() {
    let home = folder::on_disk();
    let relay = RelayProcess::start(SATCHEL, &home.path().join("relay"), &[]);
    relay.admin().practice("north", "dr-a");
    let at = home.path().join("tablet");
    device(&at, None, &["--unencrypted", "enroll", relay.url(), &relay.admin().code("north", "dr-a")]).ok();
    device(&at, None, &["register", "--family", "Plaincanary"]).ok();
    assert_eq!(json(&at, None, &["status"])["encrypted"], false);
    assert!(!readable(&at, &["Plaincanary"]).is_empty());
    let secret = home.path().join("platform.secret");
    let secret = ["--secret-file", secret.to_str().unwrap()];
    device(&at, Some("5917"), &[secret.as_slice(), &["profile", "encrypt", "Dr A"]].concat()).ok();
    assert_eq!(readable(&at, &["Plaincanary"]), Vec::<PathBuf>::new());
    device(&at, Some("5917"), &["status"]).assert_failed(REFUSED, &["platform's secret"]);
    let status = json(&at, Some("5917"), &[secret.as_slice(), &["status"]].concat());
    assert_eq!((&status["encrypted"], &status["unsent"]), (&Value::from(true), &Value::from(1)));
    device(&at, Some("5917"), &[secret.as_slice(), &["sync"]].concat()).ok();
}
