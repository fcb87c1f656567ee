//! What a client writes, and what devices make of it.

use serde_json::{Value, json};
use sync_server::access::Role;
use system_tests::charts;
use system_tests::process::{Fhir, Profile};

use super::{Clinic, condition};

fn of(entry: &Value) -> (&str, &Value) {
    (entry["response"]["status"].as_str().unwrap(), &entry["resource"])
}

#[test]
fn what_a_client_writes_reaches_devices_and_verifies_there() {
    let clinic = Clinic::new();
    let chart = clinic.patient("Writerson");
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    let live = clinic.tablet.go_live();
    let created = fhir.post("Condition", &condition(&chart, "Hypertension-Canary"));
    let resource = created.expect(201);
    let id = resource["id"].as_str().unwrap();
    assert_eq!(created.header("location"), format!("{}/Condition/{id}", fhir.base()));
    assert_eq!(fhir.get(&format!("Condition/{id}")).header("etag"), created.header("etag"));
    let key = charts::key(&format!("Condition/{id}"));
    let there = || clinic.tablet.with(|device, now| Ok(device.resource(&chart, &key, now).ok()));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while there().is_none() {
        assert!(std::time::Instant::now() < until, "it never came");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    drop(live);
    let stored = there().unwrap();
    assert_eq!(stored["code"]["text"], "Hypertension-Canary");
    assert!(stored.get("meta").is_none(), "what the API adds is not kept");
    assert_eq!(clinic.tablet.with(|device, _| device.quarantined()), []);
    // A clinician goes on with it, and the client sees that.
    let mut changed = stored;
    changed["code"]["text"] = "Essential-Canary".into();
    clinic.put(&chart, &changed);
    assert_eq!(fhir.get(&format!("Condition/{id}")).expect(200)["code"]["text"], "Essential-Canary");
}

#[test]
fn a_patient_is_begun_by_the_api_and_opened_by_a_device() {
    let clinic = Clinic::new();
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    let created = fhir.post("Patient", &charts::patient("mine", "Begunson")).expect(201);
    let id = created["id"].as_str().unwrap();
    assert_ne!(id, "mine", "the relay gives the id");
    clinic.tablet.sync().unwrap();
    let chart = client_core::ChartRef { organization: "north".parse().unwrap(), patient: id.parse().unwrap() };
    let shown = clinic.tablet.with(|device, now| device.chart(&chart, now));
    assert!(shown.patient.is_some() && shown.quarantined.is_empty());
    let again = fhir.send(
        "POST",
        "Patient",
        &[("if-none-exist", "identifier=MRN-Begunson")],
        Some(&charts::patient("x", "Begunson")),
    );
    assert_eq!(again.expect(200)["id"], id);
    assert_eq!(fhir.get("Patient?family=Begunson").found().len(), 1);
}

#[test]
fn of_two_writers_with_the_same_etag_one_wins() {
    let clinic = Clinic::new();
    let chart = clinic.patient("Raceson");
    clinic.put(&chart, &charts::medication(&chart, "m1", "Warfarin-Canary", "0 a day"));
    let writers = [Fhir::of(&clinic.relay, "north", "dr-a"), Fhir::of(&clinic.relay, "north", "dr-a")];
    for round in 1..=10 {
        let etag = writers[0].get("MedicationRequest/m1").header("etag");
        let answers: Vec<_> = std::thread::scope(|scope| {
            let write = |number: usize| {
                let (fhir, etag, chart) = (&writers[number], etag.as_str(), &chart);
                scope.spawn(move || {
                    let dose = format!("{round}-{number} a day");
                    let order = charts::medication(chart, "m1", "Warfarin-Canary", &dose);
                    (fhir.send("PUT", "MedicationRequest/m1", &[("if-match", etag)], Some(&order)).status, dose)
                })
            };
            [write(0), write(1)].map(|thread| thread.join().unwrap()).to_vec()
        });
        let mut statuses: Vec<_> = answers.iter().map(|(status, _)| *status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "round {round}");
        let won = &answers.iter().find(|(status, _)| *status == 200).unwrap().1;
        assert_eq!(writers[0].get("MedicationRequest/m1").expect(200)["dosageInstruction"][0]["text"], won.as_str());
    }
    let order = charts::medication(&chart, "m1", "Warfarin-Canary", "late");
    let stale = writers[0].send("PUT", "MedicationRequest/m1", &[("if-match", "W/\"0000\"")], Some(&order));
    assert_eq!(stale.expect(412)["issue"][0]["code"], "conflict");
    writers[0].send("PUT", "MedicationRequest/m1", &[("if-match", "garbage")], Some(&order)).expect(400);
}

#[test]
fn a_transaction_is_kept_whole_or_not_at_all() {
    let clinic = Clinic::new();
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    let entry = |url: &str, method: &str, to: &str, resource: &Value| json!({"fullUrl": url, "request": {"method": method, "url": to}, "resource": resource});
    let patient = charts::patient("p", "Transactson");
    let mut problem = condition(
        &client_core::ChartRef { organization: "north".parse().unwrap(), patient: "p".parse().unwrap() },
        "Canary-One",
    );
    problem["subject"]["reference"] = "urn:uuid:5f9c0ad5-0000-4000-8000-000000000001".into();
    let good = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        entry("urn:uuid:5f9c0ad5-0000-4000-8000-000000000002", "POST", "Condition", &problem),
        entry("urn:uuid:5f9c0ad5-0000-4000-8000-000000000001", "POST", "Patient", &patient),
    ]});
    let mut bad = good.clone();
    bad["entry"][0]["resource"]["clinicalStatus"] = "active".into();
    let refused = fhir.post("", &bad);
    assert_eq!(refused.expect(422)["issue"][0]["expression"][0], "Bundle.entry[0]");
    assert!(refused.text.contains("Condition.clinicalStatus"), "{}", refused.text);
    assert_eq!(fhir.get("Patient?family=Transactson").found(), [""; 0]);

    let kept = fhir.post("", &good).expect(200);
    assert_eq!((&kept["type"], of(&kept["entry"][0]).0), (&json!("transaction-response"), "201 Created"));
    let id = of(&kept["entry"][1]).1["id"].as_str().unwrap();
    assert_eq!(of(&kept["entry"][0]).1["subject"]["reference"], format!("Patient/{id}"));
    assert_eq!(fhir.get(&format!("Condition?patient={id}")).found().len(), 1);
    assert!(clinical_record::validate(&kept).is_empty(), "{:?}", clinical_record::validate(&kept));

    // One of three may not be written: a clerk registers and bills, and enters no diagnosis.
    clinic.relay.admin().staff("north", "clerk-a", Role::Clerk);
    let clerk = Fhir::of(&clinic.relay, "north", "clerk-a");
    let mut both = good.clone();
    both["entry"][1]["resource"]["name"][0]["family"] = "Partlyson".into();
    clerk.post("", &both).expect(403);
    assert_eq!(clerk.get("Patient?family=Partlyson").found(), [""; 0]);
    both["type"] = "batch".into();
    let batch = clerk.post("", &both).expect(200);
    // Each for itself: the diagnosis refers to nobody then.
    assert_eq!(of(&batch["entry"][0]).0.split(' ').next(), Some("422"));
    assert_eq!(of(&batch["entry"][1]).0, "201 Created");
}

#[test]
fn what_may_not_be_written_is_refused_recorded_and_not_kept() {
    let clinic = Clinic::new();
    let chart = clinic.patient("Refuson");
    clinic.relay.admin().staff("north", "clerk-a", Role::Clerk);
    let clerk = Fhir::of(&clinic.relay, "north", "clerk-a");
    let size = || std::fs::metadata(clinic.relay.file()).unwrap().len();
    assert!(size() > 0);
    let refused = clerk.post("Condition", &condition(&chart, "Forbidden-Canary"));
    assert_eq!(refused.expect(403)["issue"][0]["code"], "forbidden");
    assert_eq!(clinic.relay.admin().call("GET", "custody", None)["items"].as_array().map_or(0, Vec::len), 0);
    assert!(
        clinic.ledger().iter().any(|(action, detail)| action == "fhir-refuse" && detail["reason"] == "not-permitted")
    );
    let physician = Fhir::of(&clinic.relay, "north", "dr-a");
    assert_eq!(physician.get("Condition?patient=Refuson").found(), [""; 0]);
}

#[test]
fn a_conflict_is_shown_and_not_decided_in_passing() {
    let clinic = Clinic::new();
    let chart = clinic.patient("Conflictson");
    clinic.put(&chart, &charts::medication(&chart, "m1", "Warfarin-Canary", "1 a day"));
    let other = Profile::enrolled(&clinic.path("other"), &clinic.relay, "north", "dr-a");
    other.sync().unwrap();
    clinic.tablet.put(&chart, &charts::medication(&chart, "m1", "Warfarin-Canary", "2 a day"));
    other.put(&chart, &charts::medication(&chart, "m1", "Warfarin-Canary", "3 a day"));
    clinic.tablet.sync().unwrap();
    other.sync().unwrap();
    clinic.tablet.sync().unwrap();
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    let read = fhir.get("MedicationRequest/m1").expect(200);
    let shown = clinic.tablet.with(|device, now| device.resource(&chart, &charts::key("MedicationRequest/m1"), now));
    assert_eq!(read["dosageInstruction"], shown["dosageInstruction"], "what every device shows");
    let extension = &read["meta"]["extension"][0];
    assert_eq!(extension["url"], sync_server::fhir::CONFLICT);
    assert!(extension["valueString"].as_str().unwrap().starts_with("dosageInstruction"), "{extension}");
    let mut decided = read.clone();
    decided["dosageInstruction"][0]["text"] = "4 a day".into();
    assert_eq!(fhir.put("MedicationRequest/m1", &decided).expect(409)["issue"][0]["code"], "conflict");
    // What is not in question can be changed, and what the API added is not kept.
    let mut beside = read;
    beside["priority"] = "urgent".into();
    fhir.put("MedicationRequest/m1", &beside).expect(200);
    clinic.tablet.sync().unwrap();
    let stored = clinic.tablet.with(|device, now| device.resource(&chart, &charts::key("MedicationRequest/m1"), now));
    assert_eq!((&stored["priority"], stored.get("meta")), (&json!("urgent"), None));
}

#[test]
fn a_signed_note_is_not_rewritten_and_a_resource_stays_with_its_patient() {
    let clinic = Clinic::new();
    let (chart, other) = (clinic.patient("Signedson"), clinic.patient("Othersen"));
    let note = |chart: &client_core::ChartRef, data: &str| {
        json!({"resourceType": "DocumentReference", "id": "n1", "status": "current", "docStatus": "final",
            "subject": {"reference": format!("Patient/{}", chart.patient)},
            "content": [{"attachment": {"contentType": "text/plain", "data": data}}]})
    };
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    fhir.put("DocumentReference/n1", &note(&chart, "Tm90ZU9uZQ==")).expect(201);
    fhir.put("DocumentReference/n1", &note(&chart, "Tm90ZVR3bw==")).expect(422);
    fhir.put("DocumentReference/n1", &note(&other, "Tm90ZU9uZQ==")).expect(422);
    fhir.put("DocumentReference/n1", &note(&chart, "Tm90ZU9uZQ==")).expect(200);
}

#[test]
fn writes_before_and_after_a_restart_of_the_relay_are_all_accepted_by_devices() {
    let mut clinic = Clinic::new();
    let chart = clinic.patient("Restartson");
    let client = clinic.relay.admin().fhir_client("north", "dr-a");
    for round in 0..3 {
        let fhir = Fhir::with(&clinic.relay, &client);
        fhir.post("Condition", &condition(&chart, &format!("Round-Canary-{round}"))).expect(201);
        clinic.tablet.sync().unwrap();
        clinic.relay.kill();
        clinic.relay.start_again();
        clinic.tablet.set_relay(&clinic.relay);
    }
    clinic.tablet.sync().unwrap();
    assert_eq!(clinic.tablet.with(|device, _| device.quarantined()), []);
    let chart = clinic.tablet.with(|device, now| device.export_chart(&chart, now));
    let conditions =
        chart["entry"].as_array().unwrap().iter().filter(|one| one["resource"]["resourceType"] == "Condition");
    assert_eq!(conditions.count(), 3);
}
