//! Bundles in and out.

use std::collections::BTreeMap;

use client_core::{DeviceError, ImportOptions};
use clinical_record::sample;
use serde_json::{Value, json};

use crate::relay::Relay;
use crate::world::{Node, START};

fn import(node: &mut Node, bundle: &Value, skip_problems: bool) -> Result<client_core::ImportReport, DeviceError> {
    let options = ImportOptions { skip_problems, ..ImportOptions::default() };
    node.device.import(bundle.to_string().as_bytes(), &options, START, |_, _| {})
}

fn by_key(bundle: &Value) -> BTreeMap<String, Value> {
    let entries = bundle["entry"].as_array().unwrap().iter();
    entries.map(|entry| (entry["fullUrl"].as_str().unwrap().to_owned(), entry.clone())).collect()
}

#[test]
fn an_imported_chart_exports_as_it_came() {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    for seed in [1, 3] {
        let bundle = sample::bundle(seed);
        let report = import(&mut node, &bundle, false).unwrap();
        assert_eq!(report.charts.len(), 1);
        let exported = node.device.export_chart(&report.charts[0], START).unwrap();
        assert_eq!(by_key(&exported), by_key(&bundle), "seed {seed}");
    }
}

#[test]
fn a_second_import_changes_nothing() {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    let first = import(&mut node, &sample::bundle(7), false).unwrap();
    let unsent = node.device.status(START).unwrap().unsent;
    let second = import(&mut node, &sample::bundle(7), false).unwrap();
    assert_eq!((second.created, second.changed, second.unchanged), (0, 0, first.created));
    assert_eq!(node.device.status(START).unwrap().unsent, unsent);
}

#[test]
fn one_problem_refuses_the_bundle_unless_problems_are_skipped() {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": {"resourceType": "Patient", "id": "p1", "name": [{"family": "Silva"}]}},
        {"resource": {"resourceType": "Condition", "id": "bad id", "subject": {"reference": "Patient/p1"}}},
        {"resource": {"resourceType": "AllergyIntolerance", "id": "big", "patient": {"reference": "Patient/p1"},
            "code": {"text": "x".repeat(400_000)}}},
    ]});
    let error = import(&mut node, &bundle, false).unwrap_err();
    assert!(matches!(&error, DeviceError::ImportRefused { problems: 2, .. }), "{error}");
    assert!(!error.to_string().contains("Silva"));
    assert_eq!(node.device.status(START).unwrap().documents, 0);
    let report = import(&mut node, &bundle, true).unwrap();
    assert_eq!((report.created, report.problems.len()), (1, 2));
    assert_eq!(node.device.search("silva", START).unwrap().len(), 1);
}

#[test]
fn many_large_resources_are_split_over_changes() {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    let mut entries = vec![json!({"resource": {"resourceType": "Patient", "id": "p1"}})];
    for n in 0..20 {
        let text = format!("{n}{}", "x".repeat(60_000));
        entries.push(json!({"resource": {"resourceType": "AllergyIntolerance", "id": format!("a{n}"),
            "patient": {"reference": "Patient/p1"}, "code": {"text": text}}}));
    }
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    assert_eq!(import(&mut node, &bundle, false).unwrap().created, 21);
    assert!(node.device.status(START).unwrap().unsent > 10);
}

#[test]
fn bytes_that_are_no_bundle_are_refused() {
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    let refused = node.device.import(b"{\"a\":", &ImportOptions::default(), START, |_, _| {});
    assert!(matches!(refused, Err(DeviceError::BadBundle(_))));
}
