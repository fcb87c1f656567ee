//! The charts of the demo: generated, or from files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::device::{bundle_files, read_bundle_file};
use crate::failure::Failure;

/// A bundle as it goes in.
pub struct SourceBundle {
    /// File name, or `generated 7`.
    pub name: String,
    /// JSON text.
    pub bytes: Vec<u8>,
}

/// Reads or generates the bundles.
///
/// # Errors
/// [`Failure::BadInput`] for files that cannot be read.
pub fn load(data: Option<&Path>, generated: u64) -> Result<Vec<SourceBundle>, Failure> {
    let Some(data) = data else {
        let bundle = |seed| SourceBundle {
            name: format!("generated {seed}"),
            bytes: clinical_record::sample::bundle(seed).to_string().into_bytes(),
        };
        return Ok((1..=generated).map(bundle).collect());
    };
    let files = bundle_files(&[data.to_owned()])?;
    files
        .iter()
        .map(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(SourceBundle { name, bytes: read_bundle_file(file)? })
        })
        .collect()
}

/// The entries of a bundle by `Type/id`, for comparing two bundles whatever their order.
pub fn entries(bundle: &Value) -> BTreeMap<String, Value> {
    let mut by_key = BTreeMap::new();
    for entry in bundle["entry"].as_array().into_iter().flatten() {
        let resource = &entry["resource"];
        let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
        by_key.insert(format!("{}/{}", text("resourceType"), text("id")), entry.clone());
    }
    by_key
}

/// Whether a key is of a resource that several charts share.
pub fn is_shared(key: &str) -> bool {
    ["Organization/", "Practitioner/", "PractitionerRole/", "Location/"].iter().any(|name| key.starts_with(name))
}
