//! Every Bundle of a folder of real exports through documents and back, value for value.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use clinical_record::ips::{SummaryRequest, international_patient_summary};
use clinical_record::{
    BundleLimits, DocumentKey, ReadBundle, RecordDocument, ResourceKey, read_bundle, read_ndjson, validate,
    write_bundle, write_collection, write_ndjson,
};
use serde_json::Value;

const VARIABLE: &str = "SATCHEL_DATA_DIR";

/// Prints even where the test harness captures the output of passing tests.
#[allow(clippy::explicit_write, reason = "eprintln is captured")]
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

/// `None` for files that are no JSON export.
fn content(path: &Path) -> Option<Vec<u8>> {
    let name = path.file_name()?.to_str()?;
    let mut bytes = std::fs::read(path).unwrap();
    if name.ends_with(".json.gz") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
        bytes = plain;
    } else if !name.ends_with(".json") {
        return None;
    }
    Some(bytes)
}

/// One document per key, one change each; returns the documents loaded again from their changes, and the change bytes.
fn documents(read: &ReadBundle) -> (BTreeMap<DocumentKey, RecordDocument>, usize) {
    let mut documents: BTreeMap<DocumentKey, RecordDocument> = BTreeMap::new();
    let mut groups: BTreeMap<&DocumentKey, Vec<_>> = BTreeMap::new();
    for entry in &read.entries {
        groups.entry(&entry.key).or_default().push(entry);
    }
    let mut bytes = 0;
    for (key, entries) in groups {
        let mut document = RecordDocument::new();
        let (_, change) = document
            .edit(b"importer", 0, |edit| {
                entries.iter().try_for_each(|entry| {
                    let key = edit.put_resource(&entry.resource)?;
                    edit.set_entry_metadata(&key, entry.metadata.as_ref())
                })
            })
            .unwrap();
        let change = change.unwrap();
        bytes += change.bytes.len();
        documents.insert(key.clone(), RecordDocument::load([change.bytes.as_slice()]).unwrap());
    }
    (documents, bytes)
}

fn exported(read: &ReadBundle, documents: &BTreeMap<DocumentKey, RecordDocument>) -> Value {
    write_bundle(read.entries.iter().map(|entry| {
        let key = ResourceKey::of(&entry.resource).unwrap();
        let document = &documents[&entry.key];
        (document.resource(&key).unwrap(), document.entry_metadata(&key))
    }))
}

/// Whether the resources survive NDJSON and a collection Bundle value for value.
fn survives_other_forms(read: &ReadBundle) -> bool {
    let resources = || read.entries.iter().map(|entry| &entry.resource);
    let same = |other: &ReadBundle| {
        let keys = other.entries.iter().map(|entry| &entry.key).eq(read.entries.iter().map(|entry| &entry.key));
        keys && other.problems.is_empty() && resources().eq(other.entries.iter().map(|entry| &entry.resource))
    };
    let lines = read_ndjson(write_ndjson(resources()).as_bytes(), &BundleLimits::default(), &|_| false).unwrap();
    let collection =
        write_collection(read.entries.iter().map(|entry| (entry.resource.clone(), entry.metadata.clone())));
    let collection = read_bundle(collection.to_string().as_bytes(), &BundleLimits::default(), &|_| false).unwrap();
    same(&lines) && same(&collection)
}

/// Whether the chart's summary is a valid document, where the bundle has a patient.
fn sums_up(read: &ReadBundle) -> bool {
    let chart: Vec<Value> = read.entries.iter().map(|entry| entry.resource.clone()).collect();
    if !chart.iter().any(|resource| resource["resourceType"] == "Patient") {
        return true;
    }
    let author = serde_json::json!({"resourceType": "Organization", "id": "author", "name": "Clinic"});
    let request = SummaryRequest {
        bundle_id: "0b6f1c0e-7a53-4a55-9d3e-0d3b2f1f5a11",
        composition_id: "summary",
        now: "2024-05-06T07:08:09Z",
        author: &author,
        base: "https://clinic.example/fhir",
    };
    validate(&international_patient_summary(&chart, &request).unwrap()).is_empty()
}

#[test]
fn every_bundle_of_the_data_folder_comes_back_equal() {
    let Ok(folder) = std::env::var(VARIABLE) else {
        return say(&format!("SKIPPED: {VARIABLE} is not set, so no real bundles were read by this test"));
    };
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let (started, mut bundles, mut resources, mut count, mut bytes) = (Instant::now(), 0, 0, 0, 0);
    for path in paths {
        let Some(file) = content(&path) else { continue };
        let read = read_bundle(&file, &BundleLimits::default(), &|_| false).unwrap();
        assert!(read.problems.is_empty(), "{:?}", read.problems);
        assert!(read.warnings.is_empty(), "{:?}", read.warnings);
        let (documents, size) = documents(&read);
        let original: Value = serde_json::from_slice(&file).unwrap();
        // Not assert_eq: a failure must not print a chart.
        assert!(exported(&read, &documents) == original, "bundle {bundles} came back different");
        assert!(survives_other_forms(&read), "bundle {bundles} did not survive NDJSON or a collection");
        assert!(sums_up(&read), "the summary of bundle {bundles} is not valid");
        bundles += 1;
        resources += read.entries.len();
        count += documents.len();
        bytes += size;
    }
    assert!(bundles > 0, "{VARIABLE} names a folder without .json or .json.gz files");
    let seconds = started.elapsed().as_secs_f64();
    say(&format!("{bundles} bundles, {resources} resources, {count} documents, {bytes} change bytes, {seconds:.1} s"));
}
