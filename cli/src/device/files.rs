//! Bundle files: JSON, perhaps gzipped, single or by the folder.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::failure::Failure;

/// Largest bundle that is read, in bytes after unpacking; one more is read to notice a larger one.
const MAX_BUNDLE_BYTES: u64 = 256 * 1024 * 1024;

/// The bundle files that paths name, folders opened and sorted.
///
/// # Errors
/// [`Failure::BadInput`] for a path that does not exist or a folder without any.
pub fn bundle_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed = |error| Failure::BadInput(format!("cannot read the folder {}: {error}", path.display()));
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let plain = name.strip_suffix(".gz").unwrap_or(&name);
            if plain.ends_with(".json") || plain.ends_with(".ndjson") {
                found.push(file);
            }
        }
        if found.is_empty() {
            return Err(Failure::BadInput(format!("no .json or .ndjson file, plain or .gz, in {}", path.display())));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// True for a file of resources, one a line.
pub fn is_ndjson(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(".gz").unwrap_or(&name).ends_with(".ndjson")
}

/// A bundle file's JSON text.
///
/// # Errors
/// [`Failure::BadInput`] naming the file and the cause.
pub fn read_bundle_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::BadInput(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let gzipped = path.extension().is_some_and(|extension| extension == "gz");
    let read = match gzipped {
        true => GzDecoder::new(file).take(MAX_BUNDLE_BYTES + 1).read_to_end(&mut bytes),
        false => file.take(MAX_BUNDLE_BYTES + 1).read_to_end(&mut bytes),
    };
    read.map_err(failed)?;
    if bytes.len() as u64 > MAX_BUNDLE_BYTES {
        return Err(Failure::BadInput(format!("{}: larger than {MAX_BUNDLE_BYTES} bytes", path.display())));
    }
    Ok(bytes)
}
