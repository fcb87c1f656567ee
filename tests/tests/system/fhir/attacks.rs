//! What a client must not get, and that it learns nothing from how it is refused.

use client_core::ChartRef;
use serde_json::json;
use system_tests::charts;
use system_tests::process::fhir::{call, sign_in};
use system_tests::process::{Fhir, Profile};

use super::{Clinic, condition};

/// Searches and readings whose answers tell of patients.
const QUESTIONS: [&str; 9] = [
    "Patient?family=Hiddensen",
    "Patient?_summary=count",
    "Patient?_count=0",
    "Patient?_count=1",
    "MedicationRequest?patient=Hiddensen",
    "MedicationRequest?_summary=count",
    "Patient/Hiddensen",
    "Patient/Hiddensen/$everything",
    "MedicationRequest/m-hidden",
];

fn south(clinic: &Clinic) -> Profile {
    clinic.relay.admin().practice("south", "dr-s");
    Profile::enrolled(&clinic.path("south"), &clinic.relay, "south", "dr-s")
}

#[test]
fn a_hidden_patient_changes_no_byte_of_any_answer() {
    let clinic = Clinic::new();
    clinic.patient("Openson");
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    let south = south(&clinic);
    let before = QUESTIONS.map(|question| fhir.get(question));
    let hidden = south.register("Hiddensen");
    south.put(&hidden, &charts::medication(&hidden, "m-hidden", "Warfarin-Canary", "1 a day"));
    south.sync().unwrap();
    let theirs = Fhir::of(&clinic.relay, "south", "dr-s");
    assert_eq!(theirs.get("Patient?family=Hiddensen").found(), ["Patient/Hiddensen"], "it is there");
    for (question, before) in QUESTIONS.iter().zip(before) {
        let (mut before, mut after) = (before, fhir.get(question));
        for answer in [&mut before, &mut after] {
            answer.headers.remove("date");
        }
        assert_eq!(after, before, "{question}");
    }
    // To write into a chart that is hidden is answered as to write into none.
    let write = |patient: &str| {
        let chart = ChartRef { organization: hidden.organization.clone(), patient: patient.parse().unwrap() };
        let answer = fhir.post("Condition", &condition(&chart, "Canary-Guess"));
        (answer.status, answer.text)
    };
    assert_eq!(write("Hiddensen"), write("Nobody"));
    let patient = |id: &str| fhir.put(&format!("Patient/{id}"), &charts::patient(id, "Guessed")).text;
    assert_eq!(patient("Hiddensen"), patient("Nobody"));
}

#[test]
fn what_is_not_there_and_what_may_not_be_seen_are_refused_alike_and_recorded() {
    let clinic = Clinic::new();
    let south = south(&clinic);
    let hidden = south.register("Secretson");
    south.put(&hidden, &charts::medication(&hidden, "m1", "Warfarin-Canary", "1 a day"));
    south.sync().unwrap();
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    let mut refused: Vec<_> =
        ["MedicationRequest/m1", "MedicationRequest/m2", "MedicationRequest/%27%20OR%201%3D1%20--"]
            .map(|path| fhir.get(path))
            .to_vec();
    refused.iter_mut().for_each(|answer| drop(answer.headers.remove("date")));
    assert_eq!(refused[0].status, 404);
    assert_eq!(refused[0].json()["issue"][0]["code"], "not-found");
    assert!(refused.iter().all(|answer| *answer == refused[0]));
    let rows = clinic.ledger();
    let rows: Vec<_> = rows.iter().filter(|(action, _)| action == "fhir-refuse").map(|(_, detail)| detail).collect();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|detail| *detail == rows[0]), "{rows:?}");
}

#[test]
fn tokens_of_one_api_are_worth_nothing_at_the_other_and_nothing_once_revoked() {
    let clinic = Clinic::new();
    clinic.patient("Tokenson");
    let admin = clinic.relay.admin();
    let client = admin.fhir_client("north", "dr-a");
    let fhir = Fhir::with(&clinic.relay, &client);
    fhir.get("Patient/Tokenson").expect(200);
    let wrong = ["", "Bearer ", "Bearer x", admin.authorization(), &format!("Bearer {}", client.secret)];
    for authorization in wrong {
        let answer = fhir.presenting(authorization).get("Patient/Tokenson");
        assert_eq!(answer.expect(401)["resourceType"], "OperationOutcome", "{authorization:?}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    let administering = format!("http://{}/admin/v1/organizations", clinic.relay.host());
    let refused = call("GET", &administering, &[("authorization", fhir.authorization())], None);
    assert_eq!(refused.status, 401);

    admin.call("DELETE", &format!("fhir-clients/{}", client.id), None);
    for path in ["Patient/Tokenson", "Patient?family=Tokenson", "Patient/Tokenson/$everything"] {
        assert_eq!(fhir.get(path).status, 401, "{path}");
    }
    assert_eq!(fhir.post("Patient", &charts::patient("x", "Revokedson")).status, 401);
    assert_eq!(sign_in(fhir.base(), &client.id, &client.secret).status, 401);
    assert_eq!(fhir.get("metadata").status, 200, "what the server can do is no secret");
}

#[test]
fn guessing_secrets_is_slowed_down_and_written_down_and_right_ones_are_short_lived() {
    let clinic = Clinic::new();
    let client = clinic.relay.admin().fhir_client("north", "dr-a");
    let base = format!("http://{}/fhir", clinic.relay.host());
    assert_eq!(sign_in(&base, &client.id, &client.secret).expect(200)["expires_in"], 900);
    for (id, secret) in [(client.id.as_str(), "wrong"), ("fhir-unknown", client.secret.as_str())] {
        assert_eq!(sign_in(&base, id, secret).expect(401)["error"], "invalid_client");
    }
    let statuses: Vec<u16> = (0..25).map(|_| sign_in(&base, &client.id, "wrong").status).collect();
    assert_eq!(*statuses.last().unwrap(), 429, "{statuses:?}");
    let refused = clinic.ledger().iter().filter(|(action, _)| action == "refuse-fhir-sign-in").count();
    assert!(refused > 3, "{refused}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let password = call("POST", &format!("{base}/token"), &form, Some(b"grant_type=password".to_vec()));
    assert!([400, 429].contains(&password.status));
}

#[test]
fn a_next_link_is_good_for_nobody_else() {
    let clinic = Clinic::new();
    for name in ["Linkson", "Linksen", "Linkman"] {
        clinic.tablet.register(name);
    }
    clinic.tablet.sync().unwrap();
    let (fhir, other) = (Fhir::of(&clinic.relay, "north", "dr-a"), Fhir::of(&clinic.relay, "north", "dr-a"));
    let next = fhir.get("Patient?family=link&_count=1").next().unwrap();
    assert_eq!(fhir.get(&next).found().len(), 1);
    other.get(&next).expect(400);
    fhir.get(&next.replace("/Patient?", "/Observation?")).expect(400);
    fhir.get(&format!("{next}A")).expect(400);
    fhir.get("Patient?_page=eyJhZnRlciI6W119").expect(400);
}

#[test]
fn what_is_not_understood_is_answered_by_an_outcome_with_its_status() {
    let clinic = Clinic::new();
    let chart = clinic.patient("Statuson");
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    let json_type = [("content-type", "application/fhir+json")];
    let bytes = |body: &str| Some(body.as_bytes().to_vec());
    let refused = [
        (400, fhir.send_bytes("POST", "Patient", &json_type, bytes("{\"resourceType\": "))),
        (400, fhir.post("Patient", &condition(&chart, "Canary-Type"))),
        (400, fhir.put("Condition/c1", &json!({"resourceType": "Condition", "id": "c2"}))),
        (400, fhir.get("Observation?date=soon")),
        (400, fhir.get("Patient?_count=many")),
        (400, fhir.post("", &json!({"resourceType": "Bundle", "type": "collection"}))),
        (404, fhir.get("Potion/p1")),
        (404, fhir.get("Patient/Statuson/$export")),
        (404, fhir.get("Patient/..%2f..%2fadmin%2fv1%2forganizations")),
        (405, fhir.send("DELETE", "Patient/Statuson", &[], None)),
        (405, fhir.send("PATCH", "Patient/Statuson", &[], None)),
        (406, fhir.send("GET", "Patient/Statuson", &[("accept", "application/fhir+xml")], None)),
        (406, fhir.get("Patient/Statuson?_format=xml")),
        (413, fhir.send_bytes("POST", "Patient", &json_type, Some(vec![b' '; 17 * 1024 * 1024]))),
        (415, fhir.send_bytes("POST", "Patient", &[("content-type", "text/plain")], bytes("{}"))),
        (
            422,
            fhir.post(
                "Condition",
                &json!({"resourceType": "Condition", "subject": {"reference": "Patient/Statuson"}, "onset": 7}),
            ),
        ),
    ];
    for (number, (status, answer)) in refused.iter().enumerate() {
        let outcome = answer.expect(*status);
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{number}");
        assert_eq!(answer.header("content-type"), "application/fhir+json; charset=utf-8", "{number}");
        assert!(clinical_record::validate(&outcome).is_empty(), "{number}: {outcome}");
    }
    assert_eq!(refused[15].1.json()["issue"][0]["expression"][0], "Condition.onset");
    assert_eq!(fhir.get("Patient?_count=999999999999").status, 200);
    let statement = fhir.presenting("").get("metadata").expect(200);
    assert_eq!(clinical_record::validate(&statement), []);
}
