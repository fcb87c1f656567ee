//! Reading Bundles: what is placed where, what is refused and how that is said.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use clinical_record::{
    BundleError, BundleLimits, Compartment, EntryProblem, PlacementError, ProblemCause, ReadBundle, read_bundle,
    read_ndjson, sample, write_bundle, write_ndjson,
};
use serde_json::{Value, json};

fn entry(resource: &Value) -> Value {
    let (id, url) = (resource["id"].as_str().unwrap_or("?"), resource["resourceType"].as_str().unwrap_or("?"));
    json!({"fullUrl": format!("urn:uuid:{id}"), "resource": resource, "request": {"method": "POST", "url": url}})
}

fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "name": [{"family": "Secretname"}]})
}

fn goal(id: &str, subject: &str) -> Value {
    json!({"resourceType": "Goal", "id": id, "subject": {"reference": subject}, "description": {"text": "Secretgoal"}})
}

fn bundle(resources: &[Value]) -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": resources.iter().map(entry).collect::<Vec<_>>()})
}

fn read(bundle: &Value) -> ReadBundle {
    read_bundle(bundle.to_string().as_bytes(), &BundleLimits::default(), &|id| id == "known").unwrap()
}

fn only_problem(resources: &[Value]) -> EntryProblem {
    let read = read(&bundle(resources));
    assert_eq!(read.problems.len(), 1, "{:?}", read.problems);
    assert!(!format!("{:?}{}", read.problems, read.problems[0].cause).contains("Secret"));
    read.problems[0].clone()
}

#[test]
fn entries_are_placed_and_default_metadata_is_not_kept() {
    let read = read(&bundle(&[patient("p"), goal("g", "urn:uuid:p")]));
    assert_eq!(read.problems, []);
    assert_eq!(read.entries[1].key.patient.as_deref(), Some("p"));
    assert_eq!(read.entries[1].key.compartment, Compartment::Core);
    assert!(read.entries.iter().all(|entry| entry.metadata.is_none()));
}

#[test]
fn what_was_read_writes_back_as_the_same_bundle() {
    let mut original = bundle(&[patient("p"), goal("g", "urn:uuid:p")]);
    original["entry"][1]["request"] = json!({"method": "PUT", "url": "Goal/g"});
    original["entry"][0].as_object_mut().unwrap().remove("fullUrl");
    original["entry"][1]["resource"]["subject"]["reference"] = "Patient/p".into();
    let read = read(&original);
    assert!(read.entries.iter().all(|entry| entry.metadata.is_some()));
    let written = write_bundle(read.entries.into_iter().map(|entry| (entry.resource, entry.metadata)));
    assert_eq!(written, original);
}

#[test]
fn each_broken_entry_is_named_and_the_others_are_read() {
    let cases = [
        (json!(null), ProblemCause::NoResource),
        (json!({"id": "x"}), ProblemCause::NoResourceType),
        (json!({"resourceType": "Goal"}), ProblemCause::NoId),
        (json!({"resourceType": "Goal", "id": "Secret name"}), ProblemCause::InvalidId),
        (json!({"resourceType": "Goal", "id": 7}), ProblemCause::InvalidId),
        (goal("g", "urn:uuid:nobody"), ProblemCause::UnresolvedReference { path: "subject.reference".into() }),
        (goal("g", "Patient/stranger"), ProblemCause::UnknownPatient),
        (goal("g", "Patient?name=Secret"), PlacementError::UnresolvedPatient { path: "subject" }.into()),
    ];
    for (broken, cause) in cases {
        let problem = only_problem(&[patient("p"), broken.clone(), goal("fine", "urn:uuid:p")]);
        assert_eq!((problem.index, &problem.cause), (1, &cause), "{broken}");
    }
}

#[test]
fn a_patient_known_elsewhere_needs_no_entry() {
    assert_eq!(read(&bundle(&[goal("g", "Patient/known")])).problems, []);
}

#[test]
fn identical_twins_are_read_once_and_different_ones_not_at_all() {
    let twice = read(&bundle(&[patient("p"), patient("p")]));
    assert_eq!((twice.entries.len(), twice.problems.len()), (1, 0));
    let mut other = patient("p");
    other["active"] = true.into();
    let disputed = read(&bundle(&[patient("p"), other, goal("g", "urn:uuid:p")]));
    let causes: Vec<_> = disputed.problems.iter().map(|problem| problem.cause.clone()).collect();
    let twin = |other| ProblemCause::DifferentTwin { other };
    assert_eq!(causes, [twin(1), twin(0), ProblemCause::UnknownPatient]);
}

#[test]
fn a_resource_without_patient_is_refused_when_there_are_several() {
    let problem = only_problem(&[patient("p"), patient("q"), json!({"resourceType": "Device", "id": "d"})]);
    assert_eq!(problem.cause, PlacementError::AmbiguousPatient { count: 2 }.into());
}

#[test]
fn envelope_elements_that_are_not_kept_are_warned_of() {
    let mut original = bundle(&[patient("p")]);
    original["id"] = "b".into();
    original["total"] = 1.into();
    original["type"] = "collection".into();
    assert_eq!(read(&original).warnings, ["id", "total", "type"]);
}

#[test]
fn what_is_no_bundle_is_refused_without_quoting_it() {
    let refused = |bytes: &[u8], limits: &BundleLimits| read_bundle(bytes, limits, &|_| false).unwrap_err();
    let limits = BundleLimits::default();
    let broken = refused(b"{\n \"Secret\": Secret}", &limits);
    assert_eq!(broken, BundleError::NotJson { line: 2, column: 12 });
    assert_eq!(refused(b"\xff\xfe", &limits), BundleError::NotJson { line: 1, column: 1 });
    assert_eq!(refused(b"[]", &limits), BundleError::NotABundle);
    assert_eq!(refused(br#"{"resourceType":"Patient"}"#, &limits), BundleError::NotABundle);
    assert_eq!(refused(br#"{"resourceType":"Bundle","entry":{}}"#, &limits), BundleError::EntryNotAList);
    let deep = "[".repeat(100_000);
    assert!(matches!(refused(deep.as_bytes(), &limits), BundleError::NotJson { line: 1, .. }));
    let tiny = BundleLimits { max_bytes: 10, max_entries: 1 };
    assert_eq!(refused(&[b' '; 11], &tiny), BundleError::TooLarge { size: 11, limit: 10 });
    let two = bundle(&[patient("p"), patient("q")]).to_string();
    let one = BundleLimits { max_entries: 1, ..limits };
    assert_eq!(refused(two.as_bytes(), &one), BundleError::TooManyEntries { count: 2, limit: 1 });
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    bytes.extend(bundle(&[patient("p")]).to_string().into_bytes());
    assert_eq!(read_bundle(&bytes, &BundleLimits::default(), &|_| false).unwrap().entries.len(), 1);
}

#[test]
fn a_file_of_fifty_megabytes_has_a_clear_outcome() {
    let mut resources = vec![patient("p")];
    resources.extend((0..50).map(|n| {
        json!({"resourceType": "Binary", "id": format!("b{n}"), "contentType": "image/png", "data": "A".repeat(1 << 20)})
    }));
    assert_eq!(read(&bundle(&resources)).entries.len(), 51);
}

#[test]
fn ndjson_is_read_line_by_line_and_a_broken_line_stops_no_other() {
    let chart = sample::bundle(5);
    let resources: Vec<Value> =
        chart["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()).collect();
    let mut lines: Vec<String> = write_ndjson(&resources).lines().map(str::to_owned).collect();
    lines.insert(1, "{\"resourceType\": \"Flag\"".into());
    lines.insert(2, String::new());
    lines.insert(3, "[]".into());
    let read = read_ndjson(lines.join("\r\n").as_bytes(), &BundleLimits::default(), &|_| false).unwrap();
    assert_eq!(read.entries.len(), resources.len());
    assert!(read.entries.iter().all(|entry| entry.metadata.is_none()));
    let found: Vec<_> = read.problems.iter().map(|problem| (problem.index, problem.cause.clone())).collect();
    assert!(matches!(found[..], [(1, ProblemCause::NotJson { .. }), (3, ProblemCause::NoResource)]), "{found:?}");
    let few = BundleLimits { max_entries: 3, ..BundleLimits::default() };
    assert!(matches!(
        read_ndjson(lines.join("\n").as_bytes(), &few, &|_| false),
        Err(BundleError::TooManyEntries { .. })
    ));
}
