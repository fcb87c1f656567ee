//! Invented charts through documents and back.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;

use clinical_record::{BundleLimits, DocumentKey, RecordDocument, ResourceKey, read_bundle, sample, write_bundle};

#[test]
fn a_sample_bundle_survives_its_documents_value_for_value() {
    for seed in 0..10 {
        let original = sample::bundle(seed);
        let read = read_bundle(original.to_string().as_bytes(), &BundleLimits::default(), &|_| false).unwrap();
        let mut documents: BTreeMap<DocumentKey, RecordDocument> = BTreeMap::new();
        for entry in &read.entries {
            let document = documents.entry(entry.key.clone()).or_default();
            document.edit(b"importer", 0, |edit| edit.put_resource(&entry.resource)).unwrap();
        }
        let exported = write_bundle(read.entries.iter().map(|entry| {
            let key = ResourceKey::of(&entry.resource).unwrap();
            (documents[&entry.key].resource(&key).unwrap(), documents[&entry.key].entry_metadata(&key))
        }));
        assert_eq!(exported, original, "seed {seed}");
    }
}

#[test]
fn a_small_chart_loads_from_its_changes() {
    let mut document = RecordDocument::new();
    let mut changes = Vec::new();
    for resources in sample::small_chart(1, 10) {
        let put =
            document.edit(b"nurse", 0, |edit| resources.iter().try_for_each(|one| edit.put_resource(one).map(drop)));
        changes.push(put.unwrap().1.unwrap().bytes);
    }
    let loaded = RecordDocument::load(changes.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(changes.len(), 10);
    let accepted = RecordDocument::load_accepted(changes.iter().rev().map(Vec::as_slice)).unwrap();
    assert_eq!((accepted.heads(), accepted.conflicts()), (loaded.heads(), loaded.conflicts()));
    assert!(loaded.resources().eq(document.resources()));
}

/// Run with `cargo test --release -p clinical-record --test sample_charts -- --ignored --nocapture`.
#[test]
#[ignore = "prints timings; says nothing about correctness"]
fn timings_of_a_small_chart() {
    let mut document = RecordDocument::new();
    let mut changes = Vec::new();
    for resources in sample::small_chart(1, 10) {
        let put =
            document.edit(b"nurse", 0, |edit| resources.iter().try_for_each(|one| edit.put_resource(one).map(drop)));
        changes.push(put.unwrap().1.unwrap().bytes);
    }
    let bytes: usize = changes.iter().map(Vec::len).sum();
    let one = RecordDocument::load(changes[..9].iter().map(Vec::as_slice)).unwrap();
    let resource = document.resources().last().unwrap().1;
    let mut newer = resource.clone();
    newer["status"] = "amended".into();
    eprintln!("10 changes, {bytes} bytes");
    time("load", || drop(RecordDocument::load(changes.iter().map(Vec::as_slice)).unwrap()));
    time("load accepted", || drop(RecordDocument::load_accepted(changes.iter().map(Vec::as_slice)).unwrap()));
    time("clone", || drop(one.clone()));
    time("clone + apply one change", || one.clone().apply([changes[9].as_slice()]).unwrap());
    time("clone + edit one field", || {
        drop(document.clone().edit(b"nurse", 0, |edit| edit.put_resource(&newer)).unwrap());
    });
    time("inspect a change", || drop(clinical_record::inspect_change(&changes[9]).unwrap()));
    time("read all resources", || assert!(document.resources().count() > 0));
}

fn time(what: &str, mut run: impl FnMut()) {
    const RUNS: u32 = 2_000;
    let started = std::time::Instant::now();
    (0..RUNS).for_each(|_| run());
    eprintln!("{what}: {:.1} us", started.elapsed().as_secs_f64() * 1e6 / f64::from(RUNS));
}
