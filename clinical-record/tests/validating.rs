//! The generated charts and every Bundle of a folder of real exports are valid R4, apart from what is listed.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::io::{Read, Write};

use clinical_record::{sample, validate};
use serde_json::Value;

const VARIABLE: &str = "SATCHEL_DATA_DIR";

/// What the exports of the data folder get wrong: element without positions, and what is said of it.
const EXCEPTIONS: &[(&str, &str)] = &[];

fn without_positions(path: &str) -> String {
    path.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect()
}

fn resources(bundle: &Value) -> impl Iterator<Item = &Value> {
    bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"])
}

#[test]
fn generated_charts_are_valid() {
    for seed in 0..40 {
        let bundle = sample::bundle(seed);
        for resource in resources(&bundle) {
            assert_eq!(validate(resource), [], "seed {seed}");
        }
        assert_eq!(validate(&bundle), [], "seed {seed}");
    }
    for resource in sample::small_chart(3, 12).iter().flatten() {
        assert_eq!(validate(resource), []);
    }
}

#[test]
#[allow(clippy::explicit_write, reason = "eprintln is captured")]
fn the_bundles_of_the_data_folder_are_valid_but_for_the_listed_exceptions() {
    let Ok(folder) = std::env::var(VARIABLE) else {
        return writeln!(std::io::stderr(), "SKIPPED: {VARIABLE} is not set, so no real bundles were validated")
            .unwrap();
    };
    let (mut found, mut count) = (BTreeMap::new(), 0);
    let started = std::time::Instant::now();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if !path.to_str().unwrap().ends_with(".json.gz") {
            continue;
        }
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut plain).unwrap();
        let bundle: Value = serde_json::from_slice(&plain).unwrap();
        count += resources(&bundle).count();
        for issue in validate(&bundle).into_iter().chain(resources(&bundle).flat_map(validate)) {
            *found.entry((without_positions(&issue.path), issue.problem.to_string())).or_insert(0) += 1;
        }
    }
    assert!(count > 0, "{VARIABLE} names a folder without .json.gz files");
    writeln!(std::io::stderr(), "{count} resources validated twice in {:.1} s", started.elapsed().as_secs_f64())
        .unwrap();
    let listed = |(path, problem): &(String, String)| EXCEPTIONS.contains(&(path.as_str(), problem.as_str()));
    let unlisted: Vec<_> = found.iter().filter(|(issue, _)| !listed(issue)).collect();
    assert!(unlisted.is_empty(), "{unlisted:#?}");
}
