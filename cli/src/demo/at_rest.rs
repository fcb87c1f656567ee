//! What a finder of the demo's tablets could read in their files.

use std::path::Path;

use client_core::PatientFilter;
use client_core::driver::system_time;

use super::report::Report;
use super::stage::Player;
use crate::failure::Failure;

/// Shorter names occur by chance among random bytes.
const SHORTEST: usize = 7;
/// The folders of the devices that are still in use.
const DEVICES: [&str; 4] = ["north", "field", "south", "outsider"];

/// Looks for the patients' names in every file of the devices.
///
/// # Errors
/// [`Failure`] if a file cannot be read.
pub fn nothing_readable(folder: &Path, north: &Player, report: &mut Report) -> Result<(), Failure> {
    let patients = north.with(|device| device.patients(&PatientFilter::default(), 10_000, 0, system_time()))?;
    let words = patients.iter().flat_map(|patient| patient.name.split_whitespace());
    let mut names: Vec<Vec<u8>> =
        words.filter(|word| word.len() >= SHORTEST).map(|word| word.to_lowercase().into_bytes()).collect();
    names.sort();
    names.dedup();
    let mut files = 0;
    let mut found = 0;
    for device in DEVICES {
        let mut folders = vec![folder.join(device)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let bytes = std::fs::read(path)?.to_ascii_lowercase();
                files += 1;
                found += usize::from(names.iter().any(|name| contains(&bytes, name)));
            }
        }
    }
    let claim = format!("none of {files} files of the devices holds one of {} names in readable form", names.len());
    report.claim(&claim, found == 0 && !names.is_empty());
    Ok(())
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
