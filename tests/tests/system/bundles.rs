//! What is imported on one device is exported the same on another.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use client_core::{ChartRef, ImportOptions};
use clinical_record::sample;
use serde_json::Value;
use system_tests::{Node, World, seeds};

pub const VARIABLE: &str = "SATCHEL_DATA_DIR";

/// The entries of a bundle by `Type/id`.
fn entries(bundle: &Value) -> BTreeMap<String, Value> {
    let entries = bundle["entry"].as_array().unwrap();
    let name = |entry: &Value| {
        let text = |member: &str| entry["resource"][member].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", text("resourceType"), text("id"))
    };
    entries.iter().map(|entry| (name(entry), entry.clone())).collect()
}

/// What a device exports of some charts, and of the directory what else a bundle has.
fn exported(world: &mut World, node: Node, given: &Value, charts: &[ChartRef]) -> BTreeMap<String, Value> {
    let now = world.clock(node);
    let mut all = BTreeMap::new();
    for chart in charts {
        all.extend(entries(&world.device(node).export_chart(chart, now).unwrap()));
    }
    if entries(given).keys().any(|name| !all.contains_key(name)) {
        all.extend(entries(&world.device(node).export_directory(now).unwrap()));
    }
    all
}

fn assert_same(given: &Value, exported: &BTreeMap<String, Value>, of: &str) {
    for (name, entry) in entries(given) {
        let other = exported.get(&name).unwrap_or_else(|| panic!("{of}: {name} is not exported"));
        assert!(entry == *other, "{of}: {name} is exported differently");
    }
}

#[test]
fn a_bundle_imported_on_one_device_is_exported_the_same_on_another() {
    let mut world = World::new(seeds::one());
    let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
    for seed in 0..9 {
        let bundle = sample::bundle(seed);
        let charts = world.import(a, &bundle).charts;
        world.settle();
        let exported = exported(&mut world, b, &bundle, &charts);
        assert_same(&bundle, &exported, &format!("sample {seed}"));
        let of_chart = {
            let now = world.clock(b);
            world.device(b).export_chart(&charts[0], now).unwrap()
        };
        let surplus: Vec<_> =
            entries(&of_chart).into_keys().filter(|name| !entries(&bundle).contains_key(name)).collect();
        assert!(surplus.is_empty(), "sample {seed}: exported and not imported: {surplus:?}");
    }
}

#[test]
fn an_exported_chart_imports_again_as_the_same() {
    let mut world = World::new(seeds::one());
    let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
    let charts = world.import(a, &sample::bundle(3)).charts;
    world.settle();
    let now = world.clock(b);
    let bundle = world.device(b).export_chart(&charts[0], now).unwrap();
    let again = world.import(b, &bundle);
    assert_eq!((again.created, again.changed), (0, 0));
    assert_eq!(again.unchanged, entries(&bundle).len());
}

#[test]
fn real_bundles_come_through_sync_value_for_value() {
    let Some(folder) = std::env::var_os(VARIABLE) else {
        return crate::say(&format!("real bundles: NOT RUN, {VARIABLE} is not set to a folder of FHIR Bundles"));
    };
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut world = World::new(seeds::one());
    let [a, b] = world.practice("north", 2)[..] else { unreachable!() };
    let (mut compared, mut skipped) = (0, 0);
    for file in files {
        let Some(bytes) = content(&file) else { continue };
        let options = ImportOptions { skip_problems: true, ..ImportOptions::default() };
        let report = world.edit(a, |device, now| device.import(&bytes, &options, now, |_, _| {}));
        if !report.problems.is_empty() {
            skipped += 1;
            continue;
        }
        // At once: a later bundle may bring a newer version of a practitioner or organization.
        world.settle();
        let bundle: Value = serde_json::from_slice(&bytes).unwrap();
        let exported = exported(&mut world, b, &bundle, &report.charts);
        assert_same(&bundle, &exported, &file.display().to_string());
        compared += 1;
    }
    assert!(compared > 0, "no bundle in {VARIABLE}");
    crate::say(&format!(
        "real bundles: {compared} came through sync the same, {skipped} skipped for entries that belong to no chart"
    ));
}

/// `None` for files that are no JSON export.
pub fn content(path: &Path) -> Option<Vec<u8>> {
    let name = path.file_name()?.to_str()?;
    let bytes = std::fs::read(path).unwrap();
    if name.ends_with(".json.gz") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
        return Some(plain);
    }
    name.ends_with(".json").then_some(bytes)
}
