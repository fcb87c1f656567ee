//! What a clinician does at a terminal: recorded, asked for, merged, exported, printed.

use std::path::Path;

use serde_json::Value;
use system_tests::process::{Profile, RelayProcess, run};

use crate::SATCHEL;

fn device(profile: &Path, arguments: &[&str]) -> system_tests::process::Ran {
    let profile = profile.to_str().unwrap();
    run(SATCHEL, &[["device", "--profile", profile, "--json"].as_slice(), arguments].concat())
}

fn json(profile: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&device(profile, arguments).ok()).unwrap()
}

/// The id of what was recorded first.
fn recorded(profile: &Path, arguments: &[&str]) -> String {
    let said = json(profile, &[["record"].as_slice(), arguments].concat());
    said["resources"][0].as_str().unwrap().to_owned()
}

#[test]
fn a_clinician_records_asks_merges_and_exports_at_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let relay = RelayProcess::start(SATCHEL, &folder.path().join("relay"), &[]);
    relay.admin().practice("north", "dr-a");
    let profile = folder.path().join("tablet");
    drop(Profile::enrolled(&profile, &relay, "north", "dr-a"));
    let at = profile.as_path();
    let register = ["register", "--family", "Terminalson", "--given", "Ada", "--birth-date", "1984-05-02"];
    let patient = json(at, &register)["patient"].as_str().unwrap().to_owned();
    device(at, &register).assert_failed(5, &["registered already"]);
    let other = json(at, &[register.as_slice(), &["--anyway"]].concat())["patient"].as_str().unwrap().to_owned();

    recorded(at, &["allergy", &patient, "Penicillin", "--criticality", "high", "--manifestation", "Rash"]);
    let order =
        recorded(at, &["medication", &patient, "Warfarin 5 mg", "1 a day", "--dose", "5 mg", "--frequency", "1"]);
    recorded(at, &["dose", &patient, &order, "2 a day", "--reason", "INR 1.4"]);
    recorded(at, &["vitals", &patient, "bp=120/80", "temp=101.3 [degF]", "pulse=72"]);
    recorded(at, &["task", &other, "Call back", "--due", "2024-02-01"]);
    device(at, &["record", "vitals", &patient, "temp=71"])
        .assert_failed(5, &["Observation.valueQuantity.value", "not possible"]);

    let medications = json(at, &["query", "medications", &patient]);
    assert_eq!(medications[0]["dosage"], "2 a day");
    assert_eq!(json(at, &["query", "vitals", &patient]).as_array().unwrap().len(), 4);
    assert_eq!(json(at, &["query", "tasks"])[0]["patient"], other.as_str());
    assert!(device(at, &["query", "medications", &patient, "--csv"]).ok().contains("Warfarin 5 mg,2 a day"));
    assert_eq!(json(at, &["conflicts"]).as_array().unwrap().len(), 0);

    json(at, &["merge", &patient, &other, "--reason", "asked her"]);
    assert_eq!(json(at, &["query", "patients"]).as_array().unwrap().len(), 1);
    assert_eq!(json(at, &["query", "tasks", "--chart", &patient]).as_array().unwrap().len(), 1);
    json(at, &["unmerge", &patient, &other, "--reason", "her sister"]);
    assert_eq!(json(at, &["query", "patients"]).as_array().unwrap().len(), 2);

    let history = json(at, &["history", &patient, &order]);
    assert_eq!(history[1]["reason"], "INR 1.4");
    assert_eq!(json(at, &["provenance", &patient, &order])["entry"].as_array().unwrap().len(), 2);
    assert!(json(at, &["as-of", &patient, "2020"]).as_array().unwrap().is_empty());
    assert!(!json(at, &["diff", &patient, "2020"]).as_array().unwrap().is_empty());
    assert!(json(at, &["rebuild"])["resources"].as_u64().unwrap() >= 8);

    assert_eq!(json(at, &["export", &patient, "--form", "summary"])["type"], "document");
    let lines = folder.path().join("chart.ndjson");
    device(at, &["export", &patient, lines.to_str().unwrap(), "--form", "ndjson"]).ok();
    assert_eq!(json(at, &["import", lines.to_str().unwrap()])["created"], 0);
    for (name, begins) in [("a.pdf", "%PDF-"), ("a.html", "<!DOCTYPE html>")] {
        let file = folder.path().join(name);
        device(at, &["print", &format!("satchel:chart/north/{patient}"), file.to_str().unwrap()]).ok();
        assert!(std::fs::read(&file).unwrap().starts_with(begins.as_bytes()), "{name}");
        device(at, &["print", &patient, file.to_str().unwrap()]).assert_failed(5, &["exists already"]);
    }
    device(at, &["chart", "satchel:chart/north/somebody"]).assert_failed(5, &["no chart of Patient/somebody"]);
}

#[test]
fn a_referral_at_a_terminal_opens_the_chart_and_is_accepted_there() {
    let folder = tempfile::tempdir().unwrap();
    let relay = RelayProcess::start(SATCHEL, &folder.path().join("relay"), &[]);
    relay.admin().practice("north", "dr-a");
    relay.admin().practice("south", "dr-s");
    let (north, south) = (folder.path().join("north"), folder.path().join("south"));
    drop(Profile::enrolled(&north, &relay, "north", "dr-a"));
    drop(Profile::enrolled(&south, &relay, "south", "dr-s"));
    let (north, south) = (north.as_path(), south.as_path());
    let registered = json(north, &["register", "--family", "Referson", "--given", "Ada"]);
    let patient = registered["patient"].as_str().unwrap();
    recorded(north, &["allergy", patient, "Penicillin-Canary"]);
    json(south, &["sync"]);
    device(north, &["record", "referral", patient, "south", "Cardiology", "--open", "sensitive"])
        .assert_failed(5, &["--open", "sensitive"]);
    let said = json(north, &["record", "referral", patient, "south", "Cardiology", "--open", "core", "--days", "7"]);
    let mut recorded = said["resources"].as_array().unwrap().iter().map(|one| one.as_str().unwrap());
    let task = recorded.find(|one| one.starts_with("Task/")).unwrap().to_owned();
    assert_eq!(json(north, &["referrals"])[0]["state"], "waiting to be sent");
    json(north, &["sync"]);
    let opened = json(north, &["referrals"]);
    let states: Vec<_> = opened.as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert!(states.len() == 2 && states.iter().all(|state| state.starts_with("open until ")), "{states:?}");

    json(south, &["sync"]);
    let chart = format!("north/{patient}");
    assert_eq!(json(south, &["query", "tasks", "--chart", &chart]).as_array().unwrap().len(), 1);
    json(south, &["record", "move-task", &chart, &task, "accept"]);
    json(south, &["sync"]);
    json(north, &["sync"]);
    assert_eq!(json(north, &["chart", patient, &task])["status"], "accepted");
    // What was opened to be read only is not written.
    device(south, &["record", "allergy", &chart, "Latex-Canary"]).ok();
    assert_eq!(json(south, &["sync"])["custody"], 1);
}
