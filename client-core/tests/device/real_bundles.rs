//! Every Bundle of a folder of real exports through a device and out again, in every form.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use client_core::ImportOptions;
use serde_json::Value;

use crate::relay::Relay;
use crate::world::{Node, START};

const VARIABLE: &str = "SATCHEL_DATA_DIR";

/// Prints even where the test harness captures the output of passing tests.
#[allow(clippy::explicit_write, reason = "eprintln is captured")]
pub fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

/// The bundle files of the data folder, sorted; none where it is not named.
pub fn files() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os(VARIABLE) else { return Vec::new() };
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_bundle =
        |path: &PathBuf| path.to_string_lossy().ends_with(".json") || path.to_string_lossy().ends_with(".json.gz");
    let mut files: Vec<_> = all.filter(is_bundle).collect();
    files.sort();
    files
}

/// A file's JSON text.
pub fn content(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().is_none_or(|extension| extension != "gz") {
        return bytes;
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
    plain
}

fn entries(bundle: &Value) -> BTreeMap<String, Value> {
    let name = |entry: &Value| format!("{}/{}", entry["resource"]["resourceType"], entry["resource"]["id"]);
    bundle["entry"].as_array().unwrap().iter().map(|entry| (name(entry), entry.clone())).collect()
}

fn parsed(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn real_bundles_go_through_a_device_in_every_form_and_come_back_value_for_value() {
    let files = files();
    if files.is_empty() {
        return say(&format!(
            "real bundles through a device: NOT RUN, {VARIABLE} is not set to a folder of FHIR Bundles"
        ));
    }
    let (mut bundles, mut resources, mut invalid, mut seconds) = (0, 0, 0, 0.0);
    for path in &files {
        let bytes = content(path);
        let bundle: Value = serde_json::from_slice(&bytes).unwrap();
        let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
        let started = std::time::Instant::now();
        let report = node.device.import(&bytes, &ImportOptions::default(), START, |_, _| {}).unwrap();
        seconds += started.elapsed().as_secs_f64();
        invalid += report.invalid.len();
        let mut exported = BTreeMap::new();
        for chart in &report.charts {
            exported.extend(entries(&node.device.export_chart(chart, START).unwrap()));
        }
        exported.extend(entries(&node.device.export_directory(START).unwrap()));
        // Not assert_eq: a failure must not print a chart.
        assert!(entries(&bundle) == exported, "bundle {bundles} came back different");
        for chart in &report.charts {
            let lines = node.device.export_ndjson(chart, START).unwrap();
            let mut there = Node::new(&mut Relay::new(), 2, "north", "dr-b");
            there.device.import_ndjson(lines.as_bytes(), &ImportOptions::default(), START, |_, _| {}).unwrap();
            let again = there.device.export_ndjson(chart, START).unwrap();
            assert!(parsed(&again) == parsed(&lines), "NDJSON of bundle {bundles} is different");
        }
        bundles += 1;
        resources += report.created;
    }
    let rate = f64::from(u32::try_from(resources).unwrap()) / seconds;
    say(&format!(
        "real bundles through a device: {bundles} the same, {resources} resources, {invalid} not valid R4, {rate:.0} resources/s in"
    ));
}
