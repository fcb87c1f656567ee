//! Between organizations: a client sees what is shared with its practitioner, while it is shared, and no emergency.

use serde_json::json;
use system_tests::charts;
use system_tests::process::{Fhir, Profile};

use super::{Clinic, condition};

/// A chart of the north, and the south with a physician and their tablet.
fn two() -> (Clinic, client_core::ChartRef, Profile) {
    let clinic = Clinic::new();
    clinic.relay.admin().practice("south", "dr-s");
    let chart = clinic.patient("Sharedson");
    clinic.put(&chart, &charts::medication(&chart, "m1", "Warfarin-Canary", "1 a day"));
    let south = Profile::enrolled(&clinic.path("south"), &clinic.relay, "south", "dr-s");
    south.sync().unwrap();
    (clinic, chart, south)
}

#[test]
fn a_grant_is_read_and_written_by_while_it_lasts_and_a_consent_ends_it() {
    let (clinic, chart, _south) = two();
    let admin = clinic.relay.admin();
    let fhir = Fhir::of(&clinic.relay, "south", "dr-s");
    let closed = || {
        assert_eq!(fhir.get("MedicationRequest/m1").status, 404);
        assert_eq!(fhir.get("Patient?family=Sharedson").found(), [""; 0]);
        assert_eq!(fhir.get("Patient/Sharedson/$everything").status, 404);
        assert_eq!(fhir.post("Condition", &condition(&chart, "Canary-Closed")).status, 422);
    };
    closed();
    let grant = json!({
        "organization": "north", "patient": "Sharedson", "grantee": { "organization": "south" },
        "compartments": ["core"], "may_write": true, "valid_ms": 600_000,
    });
    let granted = admin.call("POST", "grants", Some(&grant));
    assert_eq!(fhir.get("MedicationRequest/m1").status, 200);
    let written = fhir.post("Condition", &condition(&chart, "Canary-Granted")).expect(201);
    clinic.tablet.sync().unwrap();
    let key = charts::key(&format!("Condition/{}", written["id"].as_str().unwrap()));
    let there = clinic.tablet.with(|device, now| device.resource(&chart, &key, now));
    assert_eq!(there["code"]["text"], "Canary-Granted", "in the north's chart");
    // Core is open, a visit is not, whether or not there is one.
    let visit = charts::encounter(&chart, "e1");
    assert_eq!(fhir.put("Encounter/e1", &visit).status, 403);

    let consent = json!({
        "id": "consent-1", "organization": "north", "patient": "Sharedson", "status": "active",
        "provision": { "effect": "deny", "actors": [{ "organization": "south" }] },
    });
    admin.call("PUT", "consents", Some(&consent));
    closed();
    admin.call("DELETE", "consents/consent-1", None);
    assert_eq!(fhir.get("MedicationRequest/m1").status, 200);
    admin.call("DELETE", &format!("grants/{}", granted["id"].as_str().unwrap()), None);
    closed();
}

#[test]
fn a_chart_that_is_open_in_an_emergency_only_is_not_served() {
    let (clinic, chart, south) = two();
    let fhir = Fhir::of(&clinic.relay, "south", "dr-s");
    south.with(|device, now| device.request_break_glass(&chart, "ETREAT", "unconscious on arrival", now));
    south.sync().unwrap();
    south.sync().unwrap();
    let order = charts::key("MedicationRequest/m1");
    assert_eq!(
        south.with(|device, now| device.resource(&chart, &order, now))["status"],
        "active",
        "open on the tablet"
    );
    assert_eq!(fhir.get("MedicationRequest/m1").status, 404);
    assert_eq!(fhir.get("Patient?family=Sharedson").found(), [""; 0]);
    assert_eq!(fhir.get("Patient/Sharedson/$everything").status, 404);
    assert_eq!(fhir.post("Condition", &condition(&chart, "Canary-Emergency")).status, 422);
}
