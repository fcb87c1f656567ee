//! Charts in every form of exchange: the same comes back, and print-outs say what they must and no more.

use std::collections::BTreeMap;

use client_core::clinical::{Concept, NewAllergy};
use client_core::{DeviceError, ImportOptions, NewPatient, Occasion, chart_of_code};
use clinical_record::{sample, validate};
use serde_json::{Value, json};

use crate::relay::Relay;
use crate::world::{Node, START};

fn node(seed: u64) -> Node {
    Node::new(&mut Relay::new(), seed, "north", "dr-a")
}

fn import(node: &mut Node, bundle: &Value) -> client_core::ImportReport {
    node.device.import(bundle.to_string().as_bytes(), &ImportOptions::default(), START, |_, _| {}).unwrap()
}

fn resources(bundle: &Value) -> BTreeMap<String, Value> {
    let all = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
    all.map(|one| (format!("{}/{}", one["resourceType"].as_str().unwrap(), one["id"].as_str().unwrap()), one)).collect()
}

#[test]
fn a_chart_goes_through_ndjson_and_a_collection_to_another_device_and_is_the_same() {
    for seed in [1, 3, 5] {
        let bundle = sample::bundle(seed);
        let mut here = node(1);
        let chart = import(&mut here, &bundle).charts.remove(0);
        let lines = here.device.export_ndjson(&chart, START).unwrap();
        let collection = here.device.export_collection(&chart, START).unwrap();
        assert_eq!(collection["type"], "collection");
        let expected = resources(&here.device.export_chart(&chart, START).unwrap());
        let (mut by_lines, mut by_collection) = (node(2), node(3));
        let options = ImportOptions::default();
        by_lines.device.import_ndjson(lines.as_bytes(), &options, START, |_, _| {}).unwrap();
        import(&mut by_collection, &collection);
        for there in [&mut by_lines, &mut by_collection] {
            assert!(resources(&there.device.export_chart(&chart, START).unwrap()) == expected, "seed {seed}");
        }
    }
}

#[test]
fn a_line_that_is_no_resource_is_named_and_nothing_is_stored() {
    let mut node = node(1);
    let lines = b"{\"resourceType\":\"Patient\",\"id\":\"p\"}\n{\"resourceType\":\n";
    let refused = node.device.import_ndjson(lines, &ImportOptions::default(), START, |_, _| {}).unwrap_err();
    assert!(
        matches!(&refused, DeviceError::ImportRefused { first, .. } if first[0].starts_with("entry 1 ")),
        "{refused}"
    );
    assert_eq!(node.device.status(START).unwrap().documents, 0);
}

#[test]
fn what_is_not_valid_r4_is_imported_and_listed_or_refused_on_request() {
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": {"resourceType": "Patient", "id": "p", "name": [{"family": "Silva"}]}},
        {"resource": {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "onsetDateTime": "soon",
            "extension": [{"url": "https://elsewhere.example/x", "valueBoolean": true}]}},
    ]});
    let strict = ImportOptions { only_valid: true, ..ImportOptions::default() };
    let mut node = node(1);
    let refused = node.device.import(bundle.to_string().as_bytes(), &strict, START, |_, _| {}).unwrap_err();
    assert!(
        matches!(&refused, DeviceError::ImportRefused { first, .. } if first[0].contains("Condition.onsetDateTime "))
    );
    let report = import(&mut node, &bundle);
    assert_eq!((report.created, report.problems.len(), report.invalid.len()), (2, 0, 1));
    assert!(report.invalid[0].reason.starts_with("Condition.onsetDateTime "), "{}", report.invalid[0]);
    let exported = node.device.export_chart(&report.charts[0], START).unwrap();
    assert!(resources(&exported) == resources(&bundle), "as it came");
}

#[test]
fn a_summary_is_a_valid_document_of_every_registration_of_the_person() {
    let mut node = node(1);
    let new = NewPatient { family: Some("Silva".into()), ..NewPatient::default() };
    let [one, other] = [(); 2].map(|()| node.device.register_patient(&new, START).unwrap());
    for (chart, to) in [(&one, "Latex"), (&other, "Penicillin")] {
        let allergy = NewAllergy { substance: Concept::words(to), ..NewAllergy::default() };
        node.device.record_allergy(&Occasion::new(chart, START), &allergy).unwrap();
    }
    node.device.merge_patients(&one, &other, "same person", START).unwrap();
    let summary = node.device.export_summary(&other, START).unwrap();
    assert_eq!(validate(&summary), []);
    assert_eq!(
        (&summary["type"], &summary["entry"][0]["resource"]["resourceType"]),
        (&json!("document"), &json!("Composition"))
    );
    let found = resources(&summary);
    assert_eq!(found.keys().filter(|name| name.starts_with("AllergyIntolerance/")).count(), 2);
    assert_eq!(found.keys().filter(|name| name.starts_with("Patient/")).count(), 1);
    assert!(found.contains_key("Practitioner/dr-a"), "who made it");
}

#[test]
fn a_page_shows_the_patient_escapes_what_they_are_called_and_carries_a_code_of_ids_only() {
    let mut node = node(1);
    let new =
        NewPatient { family: Some("Silva<script>".into()), birth_date: Some("1969".into()), ..NewPatient::default() };
    let chart = node.device.register_patient(&new, START).unwrap();
    let allergy = NewAllergy { substance: Concept::words("Latex"), ..NewAllergy::default() };
    node.device.record_allergy(&Occasion::new(&chart, START), &allergy).unwrap();
    let page = node.device.print_html(&chart, START).unwrap();
    assert!(page.contains("Silva&lt;script&gt;") && page.contains("born 1969") && page.contains("<td>Latex</td>"));
    assert!(page.contains("No information available") && page.contains("<svg") && !page.contains("<script"));
    assert_eq!(chart_of_code(&chart.code()), Some(chart.clone()));
    assert!(!chart.code().contains("Silva"));
    assert_eq!(node.device.trail(0, 100).unwrap().last().unwrap().entry.action, "print");
}

#[test]
fn a_pdf_is_made_of_as_many_sheets_as_it_takes() {
    let mut node = node(1);
    let chart = import(&mut node, &sample::bundle(3)).charts.remove(0);
    for n in 0..90 {
        let allergy = NewAllergy { substance: Concept::words(format!("Pollen {n}")), ..NewAllergy::default() };
        node.device.record_allergy(&Occasion::new(&chart, START), &allergy).unwrap();
    }
    let pdf = node.device.print_pdf(&chart, START).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.") && pdf.ends_with(b"%%EOF"));
    let text = String::from_utf8_lossy(&pdf);
    let sheets = text.matches("/Type /Page\n").count();
    assert!(sheets >= 2, "{sheets} sheets");
    for n in 0..90 {
        assert!(text.contains(&format!("(Pollen {n})")), "{n}");
    }
}
