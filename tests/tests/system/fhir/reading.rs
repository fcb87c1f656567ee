//! What a client reads and finds.

use serde_json::json;
use sync_server::access::Role;
use system_tests::charts;
use system_tests::process::{Fhir, Profile};

use super::Clinic;

#[test]
fn an_edit_on_a_device_is_read_and_found_and_stands_in_the_ledger() {
    let clinic = Clinic::new();
    let chart = clinic.patient("Readersen");
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    assert_eq!(fhir.get("MedicationRequest?patient=Readersen").found(), [""; 0]);
    clinic.put(&chart, &charts::medication(&chart, "m1", "Warfarin-Canary", "1 a day"));
    let read = fhir.get("MedicationRequest/m1");
    assert_eq!(read.expect(200)["dosageInstruction"][0]["text"], "1 a day");
    assert_eq!(read.header("etag"), format!("W/\"{}\"", read.json()["meta"]["versionId"].as_str().unwrap()));
    assert_eq!(read.header("content-type"), "application/fhir+json; charset=utf-8");
    clinic.put(&chart, &charts::medication(&chart, "m1", "Warfarin-Canary", "2 a day"));
    let again = fhir.get("MedicationRequest/m1");
    assert_eq!(again.expect(200)["dosageInstruction"][0]["text"], "2 a day");
    assert_ne!(again.header("etag"), read.header("etag"));

    for query in
        ["family=READER", "name=ana", "given=Ana&_id=Readersen", "identifier=https://satchel.example/mrn|MRN-Readersen"]
    {
        assert_eq!(fhir.get(&format!("Patient?{query}")).found(), ["Patient/Readersen"], "{query}");
    }
    for query in
        ["family=Writer", "identifier=other|MRN-Readersen", "birthdate=1970", "gender=male", "_lastUpdated=lt2020"]
    {
        assert_eq!(fhir.get(&format!("Patient?{query}")).found(), [""; 0], "{query}");
    }
    let query = "MedicationRequest?subject=Patient/Readersen&status=active,on-hold&_lastUpdated=gt2020";
    assert_eq!(fhir.get(query).found(), ["MedicationRequest/m1"]);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let posted = fhir.send_bytes("POST", "Patient/_search", &form, Some(b"family=readersen".to_vec()));
    assert_eq!(posted.found(), ["Patient/Readersen"]);
    let everything = fhir.get("Patient/Readersen/$everything").found();
    assert_eq!(everything, ["Patient/Readersen", "MedicationRequest/m1"]);

    let ledger = clinic.ledger();
    let count = |wanted: &str| ledger.iter().filter(|(action, _)| action == wanted).count();
    assert_eq!((count("fhir-sign-in"), count("fhir-read"), count("fhir-everything")), (1, 2, 1));
    assert_eq!(count("fhir-search"), 12);
    let (_, detail) = ledger.iter().find(|(action, _)| action == "fhir-read").unwrap();
    assert_eq!(detail["documents-upto"].as_array().unwrap().len(), 1);
    assert!(!format!("{ledger:?}").contains("READER"), "what was searched for is not written down");
    assert_eq!(
        clinic.relay.admin().call("POST", "audit/verify", Some(&json!({ "checkpoints": [] })))["faults"],
        json!([])
    );
}

#[test]
fn a_parameter_that_is_not_known_is_named_or_with_strict_handling_refused() {
    let clinic = Clinic::new();
    clinic.patient("Strictson");
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    let lenient = fhir.get("Patient?colour=red&family=strict");
    assert_eq!(lenient.found(), ["Patient/Strictson"]);
    let bundle = lenient.json();
    assert_eq!(bundle["link"][0]["url"], format!("{}/Patient?family=strict", fhir.base()));
    let outcome = &bundle["entry"][1];
    assert_eq!(
        (&outcome["search"]["mode"], &outcome["resource"]["issue"][0]["severity"]),
        (&json!("outcome"), &json!("warning"))
    );
    let strict = fhir.send("GET", "Patient?colour=red", &[("prefer", "handling=strict")], None);
    assert!(strict.expect(400)["issue"][0]["diagnostics"].as_str().unwrap().contains("colour"));
    assert!(clinical_record::validate(&bundle).is_empty(), "{:?}", clinical_record::validate(&bundle));
}

#[test]
fn pages_together_are_what_one_page_would_be_and_end_when_the_right_does() {
    let clinic = Clinic::new();
    let chart = clinic.tablet.register("Pagerson");
    for number in 0..7 {
        clinic.tablet.put(&chart, &charts::allergy(&chart, &format!("a{number}"), "Penicillin-Canary"));
    }
    clinic.tablet.sync().unwrap();
    clinic.relay.admin().staff("north", "dr-b", Role::Physician);
    let fhir = Fhir::of(&clinic.relay, "north", "dr-b");
    for path in ["AllergyIntolerance?patient=Pagerson&_count=3", "Patient/Pagerson/$everything?_count=3"] {
        let (mut page, mut found) = (fhir.get(path), Vec::new());
        let mut pages = 1;
        loop {
            found.extend(page.found());
            let Some(next) = page.next() else { break };
            page = fhir.get(&next);
            pages += 1;
        }
        let whole = fhir.get(&path.replace("_count=3", "_count=100"));
        assert_eq!((found, pages), (whole.found(), 3), "{path}");
    }
    let first = fhir.get("AllergyIntolerance?patient=Pagerson&_count=3");
    let next = first.next().unwrap();
    assert!(!next.contains("Pagerson"), "{next}");
    clinic.relay.admin().call("DELETE", "roles/north/dr-b/physician", None);
    assert_eq!(fhir.get(&next).found(), [""; 0]);
    assert_eq!(fhir.get("AllergyIntolerance/a1").status, 404);
}

#[test]
fn a_role_reads_by_the_api_what_it_reads_on_a_device() {
    let clinic = Clinic::new();
    let chart = clinic.patient("Rolesen");
    clinic.put(&chart, &charts::medication(&chart, "m1", "Warfarin-Canary", "1 a day"));
    let (admin, role) = (
        clinic.relay.admin(),
        json!({
            "practitioner": "dr-psy", "organization": "north", "role": "physician", "sensitive": ["PSY"],
        }),
    );
    admin.call("POST", "practitioners", Some(&json!({ "id": "dr-psy", "name": "A psychiatrist" })));
    admin.call("PUT", "roles", Some(&role));
    let of_psychiatrist = Profile::enrolled(&clinic.path("psychiatry"), &clinic.relay, "north", "dr-psy");
    of_psychiatrist.sync().unwrap();
    of_psychiatrist.put(&chart, &charts::sensitive_condition(&chart, "c1", "PSY", "Canary-Label"));
    of_psychiatrist.sync().unwrap();
    clinic.relay.admin().staff("north", "clerk-a", Role::Clerk);
    let clerk = Fhir::of(&clinic.relay, "north", "clerk-a");
    assert_eq!(clerk.get("Patient?family=Rolesen").found(), ["Patient/Rolesen"]);
    assert_eq!(clerk.get("MedicationRequest?patient=Rolesen").found(), [""; 0]);
    assert_eq!(clerk.get("Patient/Rolesen/$everything").found(), ["Patient/Rolesen"]);
    let [held, unknown] = ["MedicationRequest/m1", "MedicationRequest/m2"].map(|path| {
        let mut answer = clerk.get(path);
        // The second may have ended between the two.
        answer.headers.remove("date");
        answer
    });
    assert_eq!(held, unknown);
    let tablet = Profile::enrolled(&clinic.path("desk"), &clinic.relay, "north", "clerk-a");
    tablet.sync().unwrap();
    let there = tablet.with(|device, now| device.chart(&chart, now));
    assert!(there.patient.is_some());

    // Sensitive content is nobody's by role alone.
    let psychiatrist = Fhir::of(&clinic.relay, "north", "dr-psy");
    assert_eq!(psychiatrist.get("Condition?patient=Rolesen").found(), ["Condition/c1"]);
    let physician = Fhir::of(&clinic.relay, "north", "dr-a");
    assert_eq!(physician.get("Condition?patient=Rolesen").found(), [""; 0]);
    assert_eq!(physician.get("Condition/c1").status, 404);
}

#[test]
fn what_was_entered_in_error_is_kept_and_not_found_unless_asked_for() {
    let clinic = Clinic::new();
    let chart = clinic.patient("Errorsen");
    let mut order = charts::medication(&chart, "m1", "Warfarin-Canary", "1 a day");
    clinic.put(&chart, &order);
    order["status"] = "entered-in-error".into();
    clinic.put(&chart, &order);
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    assert_eq!(fhir.get("MedicationRequest?patient=Errorsen").found(), [""; 0]);
    assert_eq!(
        fhir.get("MedicationRequest?patient=Errorsen&status=entered-in-error").found(),
        ["MedicationRequest/m1"]
    );
    assert_eq!(fhir.get("MedicationRequest/m1").expect(200)["status"], "entered-in-error");
}

#[test]
fn merged_registrations_are_found_as_one_person() {
    let clinic = Clinic::new();
    let (one, other) = (clinic.tablet.register("Mergeson"), clinic.tablet.register("Mergesen"));
    clinic.tablet.put(&one, &charts::allergy(&one, "a1", "Penicillin-Canary"));
    clinic.tablet.put(&other, &charts::allergy(&other, "a2", "Latex-Canary"));
    clinic.tablet.with(|device, now| device.merge_patients(&one, &other, "asked her", now));
    clinic.tablet.sync().unwrap();
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    for patient in ["Mergeson", "Mergesen"] {
        let found = fhir.get(&format!("AllergyIntolerance?patient={patient}")).found();
        assert_eq!(found, ["AllergyIntolerance/a1", "AllergyIntolerance/a2"], "{patient}");
        assert_eq!(fhir.get(&format!("Patient/{patient}/$everything")).found().len(), 4);
    }
}

#[test]
fn the_index_is_made_anew_when_its_file_is_gone_or_broken() {
    let mut clinic = Clinic::new();
    let chart = clinic.patient("Rebuildson");
    clinic.put(&chart, &charts::medication(&chart, "m1", "Warfarin-Canary", "1 a day"));
    let client = clinic.relay.admin().fhir_client("north", "dr-a");
    let before = Fhir::with(&clinic.relay, &client).get("MedicationRequest/m1");
    before.expect(200);
    for broken in [false, true] {
        clinic.relay.kill();
        let index = clinic.relay.file().with_file_name("fhir-index.db");
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", index.display()));
        }
        if broken {
            std::fs::write(&index, b"not a database at all, but long enough to be taken for one at first sight")
                .unwrap();
        }
        clinic.relay.start_again();
        let after = Fhir::with(&clinic.relay, &client).get("MedicationRequest/m1");
        assert_eq!((after.status, after.header("etag")), (200, before.header("etag")));
    }
}
