//! docs/REST.md does what it says: its commands are run as they stand there.

use std::process::Command;

use client_core::{ChartRef, PatientId};
use serde_json::Value;
use system_tests::charts;

use super::{Clinic, condition};
use crate::SATCHEL;

/// The commands of the page, in order, each block whole.
fn blocks() -> Vec<String> {
    let page = include_str!("../../../../docs/REST.md");
    let blocks = page.split("```sh\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0.trim_end().to_owned()).collect()
}

#[test]
fn the_commands_of_the_page_work_as_they_stand_there() {
    if Command::new("curl").arg("--version").output().is_err() {
        return crate::say("the commands of docs/REST.md: NOT RUN, there is no curl");
    }
    let clinic = Clinic::new();
    let chart: ChartRef = clinic.patient("Curlson");
    let patient: &PatientId = &chart.patient;
    let mut known = condition(&chart, "Known-Canary");
    known["id"] = "c-known".into();
    clinic.put(&chart, &known);
    let key = clinic.relay.file().with_file_name("admin.token");
    let [create, token, read, write] = &blocks()[..] else { panic!("other blocks than this test knows") };
    // Fails on the first command that fails, an HTTP error included; keeps what later commands need.
    let script = format!(
        "set -e\n\
         satchel() {{ {SATCHEL} \"$@\"; }}\n\
         curl() {{ command curl --fail-with-body \"$@\"; echo; }}\n\
         value() {{ sed -n \"s/.*\\\"$1\\\": *\\\"\\([^\\\"]*\\)\\\".*/\\1/p\" | head -1; }}\n\
         created=$({create})\n\
         CLIENT_ID=$(echo \"$created\" | sed -n 's/^client_id: *//p')\n\
         CLIENT_SECRET=$(echo \"$created\" | sed -n 's/^client_secret: *\\([0-9a-f]*\\).*/\\1/p')\n\
         TOKEN=$({token} | value access_token)\n\
         {read}\n\
         CONDITION=c-known\n\
         ETAG=$(command curl -s -D - -o /dev/null \"$FHIR/Condition/c-known\" -H \"Authorization: Bearer $TOKEN\" | tr -d '\\r' | sed -n 's/^etag: *//p')\n\
         {write}\n"
    );
    let ran = Command::new("sh")
        .args(["-c", &script])
        .env("FHIR", format!("http://{}/fhir", clinic.relay.host()))
        .env("PATIENT", patient.as_str())
        .env("SATCHEL_RELAY", format!("http://{}", clinic.relay.host()))
        .env("SATCHEL_ADMIN_TOKEN_FILE", key)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{err}");
    let answers: Vec<Value> = out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let kinds: Vec<&str> = answers.iter().map(|answer| answer["resourceType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Patient", "Bundle", "Bundle", "Bundle", "Bundle", "Condition", "Condition", "Bundle"], "{out}");
    clinic.tablet.sync().unwrap();
    let stored = clinic.tablet.with(|device, now| device.resource(&chart, &charts::key("Condition/c-known"), now));
    assert_eq!(stored["code"]["text"], "Mild asthma");
}
