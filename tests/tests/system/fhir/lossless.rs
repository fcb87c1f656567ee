//! What is imported on one device comes through sync to the API value for value.

use std::collections::BTreeMap;

use client_core::ImportOptions;
use clinical_record::sample;
use serde_json::{Value, json};
use system_tests::process::{Fhir, Profile};

use super::Clinic;
use crate::bundles::{VARIABLE, content};

/// The resources of a Bundle by `Type/id`.
fn resources(bundle: &Value) -> BTreeMap<String, Value> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let name = |one: &Value| format!("{}/{}", one["resourceType"].as_str().unwrap(), one["id"].as_str().unwrap());
    entries.into_iter().map(|entry| (name(&entry["resource"]), entry["resource"].clone())).collect()
}

fn without_version(mut resource: Value) -> Value {
    let meta = resource["meta"].as_object_mut().unwrap();
    assert!(meta.remove("versionId").is_some() && meta.remove("lastUpdated").is_some());
    if meta.is_empty() {
        resource.as_object_mut().unwrap().remove("meta");
    }
    resource
}

/// All of a patient, page by page, without what the API says of versions.
fn everything(fhir: &Fhir, patient: &str) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut page = fhir.get(&format!("Patient/{patient}/$everything?_count=200"));
    loop {
        for (name, resource) in resources(&page.expect(200)) {
            assert!(all.insert(name.clone(), without_version(resource)).is_none(), "{name} twice");
        }
        let Some(next) = page.next() else { return all };
        page = fhir.get(&next);
    }
}

/// A clinic whose physician may have every sensitive category that the samples have, with a second tablet and a client.
fn clinic() -> (Clinic, Profile, Fhir) {
    let clinic = Clinic::new();
    let sensitive = ["ETH", "ETHUD", "HIV", "MH", "PSY", "SDV", "SEX", "STD", "SUD", "R", "V"];
    let role = json!({ "practitioner": "dr-a", "organization": "north", "role": "physician", "sensitive": sensitive });
    clinic.relay.admin().call("PUT", "roles", Some(&role));
    let other = Profile::enrolled(&clinic.path("other"), &clinic.relay, "north", "dr-a");
    let fhir = Fhir::of(&clinic.relay, "north", "dr-a");
    (clinic, other, fhir)
}

/// Imports a bundle on one device, takes it through sync to another and to the API, and compares both. False if some of its entries belong to no chart.
fn comes_through(clinic: &Clinic, other: &Profile, fhir: &Fhir, bytes: &[u8], of: &str) -> bool {
    let bundle: Value = serde_json::from_slice(bytes).unwrap();
    let options = ImportOptions { skip_problems: true, ..ImportOptions::default() };
    let report = clinic.tablet.with(|device, now| device.import(bytes, &options, now, |_, _| {}));
    if !report.problems.is_empty() {
        return false;
    }
    clinic.tablet.sync().unwrap();
    other.sync().unwrap();
    let given = resources(&bundle);
    assert!(
        given.values().all(|one| one["meta"]["versionId"].is_null() && one["meta"]["lastUpdated"].is_null()),
        "{of}"
    );
    let (mut by_api, mut by_sync) = (BTreeMap::new(), BTreeMap::new());
    for chart in &report.charts {
        by_api.extend(everything(fhir, chart.patient.as_str()));
        by_sync.extend(resources(&other.with(|device, now| device.export_chart(chart, now))));
    }
    by_sync.extend(resources(&other.with(|device, now| device.export_directory(now))));
    for (name, resource) in &given {
        assert!(by_sync.get(name) == Some(resource), "{of}: {name} comes through sync differently");
        // A bundle of the directory alone is nobody's record: each entry is read.
        let read = || report.charts.is_empty().then(|| without_version(fhir.get(name).expect(200)));
        match by_api.get(name).cloned().or_else(read) {
            Some(shown) => assert!(shown == *resource, "{of}: {name} comes through the API differently"),
            None => panic!("{of}: {name} is not in what the API gives"),
        }
    }
    assert!(by_api.keys().all(|name| by_sync.contains_key(name)), "{of}: more than there is");
    true
}

#[test]
fn sample_charts_come_through_the_api_value_for_value() {
    let (clinic, other, fhir) = clinic();
    for seed in 0..9 {
        let bytes = sample::bundle(seed).to_string().into_bytes();
        assert!(comes_through(&clinic, &other, &fhir, &bytes, &format!("sample {seed}")));
    }
}

#[test]
fn real_bundles_come_through_the_api_value_for_value() {
    let Some(folder) = std::env::var_os(VARIABLE) else {
        return crate::say(&format!(
            "real bundles by the FHIR API: NOT RUN, {VARIABLE} is not set to a folder of FHIR Bundles"
        ));
    };
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (clinic, other, fhir) = clinic();
    let (mut compared, mut skipped) = (0, 0);
    for file in files {
        let Some(bytes) = content(&file) else { continue };
        match comes_through(&clinic, &other, &fhir, &bytes, &file.display().to_string()) {
            true => compared += 1,
            false => skipped += 1,
        }
    }
    assert!(compared > 0, "no bundle in {VARIABLE}");
    crate::say(&format!("real bundles: {compared} came through sync and the FHIR API the same, {skipped} skipped"));
}
