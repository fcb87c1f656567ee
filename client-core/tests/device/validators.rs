//! Exports before a validator that we did not write: fhirkit (PyPI `fhirkit-rs`), FHIR R4 in Rust by somebody else.

use std::path::{Path, PathBuf};
use std::process::Command;

use client_core::{ImportOptions, ResourceKey};
use clinical_record::sample;
use serde_json::Value;

use crate::real_bundles;
use crate::relay::Relay;
use crate::world::{Node, START};

/// Names the command where it is not in the path.
const VARIABLE: &str = "SATCHEL_FHIRKIT";

/// The validator; none where it is not installed, which the caller says.
fn fhirkit() -> Option<PathBuf> {
    let command = std::env::var_os(VARIABLE).map_or_else(|| "fhirkit".into(), PathBuf::from);
    let found = Command::new(&command).arg("--help").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os(VARIABLE).is_none(), "{VARIABLE} names no validator");
    found.then_some(command)
}

/// What the validator says of files, by severity, path and message; without a word of content.
fn issues(fhirkit: &Path, files: &[PathBuf]) -> Vec<Value> {
    let output = Command::new(fhirkit).arg("validate").arg("--json").args(files).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // A line for each file.
    let said: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(said.len(), files.len(), "it says something of every file");
    said.into_iter().flat_map(|file| file["issues"].as_array().cloned().unwrap_or_default()).collect()
}

/// Writes every form of every chart of a bundle into `folder`.
fn export_all(node: &mut Node, bundle: &[u8], folder: &Path, name: &str) -> Vec<PathBuf> {
    let options = ImportOptions { skip_problems: true, ..ImportOptions::default() };
    let report = node.device.import(bundle, &options, START, |_, _| {}).unwrap();
    let mut files = Vec::new();
    let mut write = |form: &str, bundle: &Value| {
        let file = folder.join(format!("{name}-{}-{form}.json", files.len()));
        std::fs::write(&file, bundle.to_string()).unwrap();
        files.push(file);
    };
    for chart in &report.charts {
        write("transaction", &node.device.export_chart(chart, START).unwrap());
        write("collection", &node.device.export_collection(chart, START).unwrap());
        let patient = ResourceKey::new("Patient", chart.patient.as_str());
        write("provenance", &node.device.export_provenance(chart, Some(&patient), START).unwrap());
        write("summary", &node.device.export_summary(chart, START).unwrap());
    }
    files
}

#[test]
fn an_independent_validator_finds_nothing_wrong_with_exports_and_summaries() {
    let Some(fhirkit) = fhirkit() else {
        return real_bundles::say(&format!(
            "independent validator: NOT RUN, pip install fhirkit-rs, or name it in {VARIABLE}"
        ));
    };
    let folder = tempfile::tempdir().unwrap();
    // It does find what is wrong: a silent validator would prove nothing.
    let wrong = folder.path().join("wrong.json");
    std::fs::write(&wrong, r#"{"resourceType": "Observation", "id": "o", "valueString": "x", "valueBoolean": true}"#)
        .unwrap();
    assert!(issues(&fhirkit, &[wrong]).len() >= 3);
    let mut files = Vec::new();
    let mut node = Node::new(&mut Relay::new(), 1, "north", "dr-a");
    for seed in 0..9 {
        let bundle = sample::bundle(seed).to_string();
        files.extend(export_all(&mut node, bundle.as_bytes(), folder.path(), &format!("sample-{seed}")));
    }
    for (at, path) in real_bundles::files().iter().enumerate() {
        files.extend(export_all(&mut node, &real_bundles::content(path), folder.path(), &format!("real-{at}")));
    }
    let found = issues(&fhirkit, &files);
    let errors: Vec<_> = found.iter().filter(|issue| issue["severity"] == "error").collect();
    assert!(errors.is_empty(), "{} errors, the first {:?}", errors.len(), errors.first());
    let mut kinds: Vec<String> = found.iter().map(|issue| format!("{} {}", issue["path"], issue["message"])).collect();
    kinds.sort();
    kinds.dedup();
    real_bundles::say(&format!(
        "independent validator: {} files, 0 errors, {} warnings: {kinds:?}",
        files.len(),
        found.len()
    ));
}
