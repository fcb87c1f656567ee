use super::*;
use crate::{sample, validate};

fn author() -> Value {
    json!({"resourceType": "Organization", "id": "clinic", "name": "Clinic"})
}

fn summary(chart: &[Value]) -> Result<Value, SummaryError> {
    let author = author();
    international_patient_summary(
        chart,
        &SummaryRequest {
            bundle_id: "0b6f1c0e-7a53-4a55-9d3e-0d3b2f1f5a11",
            composition_id: "summary",
            now: "2024-05-06T07:08:09Z",
            author: &author,
            base: "https://clinic.example/fhir",
        },
    )
}

fn chart(seed: u64) -> Vec<Value> {
    sample::bundle(seed)["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()).collect()
}

fn section<'b>(bundle: &'b Value, loinc: &str) -> Option<&'b Value> {
    let sections = bundle.pointer("/entry/0/resource/section")?.as_array()?;
    sections.iter().find(|section| section["code"]["coding"][0]["code"] == loinc)
}

#[test]
fn a_summary_of_any_generated_chart_is_valid_and_every_section_entry_is_in_it() {
    for seed in 0..30 {
        let bundle = summary(&chart(seed)).unwrap();
        assert_eq!(validate(&bundle), [], "seed {seed}");
        let entries = bundle["entry"].as_array().unwrap();
        assert_eq!(
            (&bundle["type"], &entries[0]["resource"]["resourceType"]),
            (&json!("document"), &json!("Composition"))
        );
        let urls: BTreeSet<&str> = entries.iter().map(|entry| entry["fullUrl"].as_str().unwrap()).collect();
        assert_eq!(urls.len(), entries.len(), "seed {seed}: full URLs are unique");
        let composition = &entries[0]["resource"];
        let mut referred = vec![&composition["subject"], &composition["author"][0]];
        for section in composition["section"].as_array().unwrap() {
            referred.extend(section["entry"].as_array().into_iter().flatten());
            assert!(section["entry"].is_array() != section["emptyReason"].is_object());
        }
        for reference in referred {
            let url = format!("https://clinic.example/fhir/{}", reference["reference"].as_str().unwrap());
            assert!(urls.contains(url.as_str()), "seed {seed}: {url}");
        }
        assert!(!bundle.to_string().contains("\"urn:uuid:") || bundle.to_string().contains("rfc:3986"));
        for loinc in ["10160-0", "48765-2", "11450-4"] {
            assert!(section(&bundle, loinc).is_some(), "seed {seed}: {loinc}");
        }
    }
}

#[test]
fn an_empty_chart_says_that_nothing_is_available_not_that_nothing_is_wrong() {
    let bundle = summary(&[json!({"resourceType": "Patient", "id": "p"})]).unwrap();
    assert_eq!(validate(&bundle), []);
    for loinc in ["10160-0", "48765-2", "11450-4"] {
        assert_eq!(section(&bundle, loinc).unwrap()["emptyReason"]["coding"][0]["code"], "unavailable");
    }
    assert_eq!(bundle["entry"].as_array().unwrap().len(), 3);
}

#[test]
fn only_what_holds_now_is_summed_up() {
    let subject = json!({"reference": "Patient/p"});
    let condition = |id: &str, status: &str, verified: &str| {
        json!({"resourceType": "Condition", "id": id, "subject": subject,
        "clinicalStatus": {"coding": [{"code": status}]}, "verificationStatus": {"coding": [{"code": verified}]}})
    };
    let glucose = |id: &str, date: &str| {
        json!({"resourceType": "Observation", "id": id, "status": "final", "subject": subject,
        "category": [{"coding": [{"code": "laboratory"}]}], "code": {"coding": [{"code": "2339-0"}]}, "effectiveDateTime": date})
    };
    let chart = [
        json!({"resourceType": "Patient", "id": "p"}),
        condition("active", "active", "confirmed"),
        condition("past", "resolved", "confirmed"),
        condition("refuted", "active", "refuted"),
        condition("mistaken", "active", "entered-in-error"),
        glucose("old", "2020-01-01"),
        glucose("new", "2024-01-01"),
        json!({"resourceType": "MedicationRequest", "id": "stopped", "status": "stopped", "subject": subject}),
    ];
    let bundle = summary(&chart).unwrap();
    let entries = |loinc: &str| -> Vec<String> {
        let section = section(&bundle, loinc);
        let entries = section.and_then(|section| section["entry"].as_array()).into_iter().flatten();
        entries.map(|entry| entry["reference"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(entries("11450-4"), ["Condition/active"]);
    assert_eq!(entries("11348-0"), ["Condition/past"]);
    assert_eq!(entries("30954-2"), ["Observation/new"]);
    assert_eq!(entries("10160-0"), Vec::<String>::new());
}

#[test]
fn a_medicine_named_by_reference_comes_along() {
    let chart = [
        json!({"resourceType": "Patient", "id": "p"}),
        json!({"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order",
            "subject": {"reference": "urn:uuid:p"}, "medicationReference": {"reference": "urn:uuid:med"},
            "requester": {"reference": "urn:uuid:elsewhere"}}),
        json!({"resourceType": "Medication", "id": "med", "code": {"text": "x"}}),
        json!({"resourceType": "Medication", "id": "other", "code": {"text": "y"}}),
    ];
    let bundle = summary(&chart).unwrap();
    let resources: Vec<_> = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]).collect();
    let order = resources.iter().find(|one| one["resourceType"] == "MedicationRequest").unwrap();
    assert_eq!(order["medicationReference"]["reference"], "Medication/med");
    assert_eq!(
        order["requester"],
        json!({"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:elsewhere"}})
    );
    assert_eq!(resources.iter().filter(|one| one["resourceType"] == "Medication").count(), 1);
}

#[test]
fn a_summary_needs_exactly_one_patient_and_an_author() {
    assert_eq!(summary(&[]), Err(SummaryError::NoPatient));
    let two = [json!({"resourceType": "Patient", "id": "p"}), json!({"resourceType": "Patient", "id": "q"})];
    assert_eq!(summary(&two), Err(SummaryError::SeveralPatients(2)));
}
