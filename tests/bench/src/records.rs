//! What exchange and queries cost on a device: bundles in, everything that is shown made anew, a person looked for.

use std::io::Read;
use std::path::Path;
use std::time::Instant;

use client_core::clinical::NewPatient;
use client_core::driver::system_time;
use client_core::{ImportOptions, duplicates};
use clinical_record::sample;

use crate::clinic::Clinic;
use crate::failure::Failure;
use crate::table::{Row, Table, Unit};

/// Names a folder of real bundles.
const VARIABLE: &str = "SATCHEL_DATA_DIR";
/// Bundles that are generated where there is no such folder.
const GENERATED: u64 = 100;

/// Measures the rows.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(clinic: &mut Clinic, table: &mut Table) -> Result<(), Failure> {
    let (bundles, whence) = bundles()?;
    let (mut imports, mut rebuilds, mut searches) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..clinic.rounds {
        let device = clinic.device()?;
        let mut device = device.lock()?;
        let (begun, mut resources) = (Instant::now(), 0);
        for bundle in &bundles {
            resources += device.import(bundle, &ImportOptions::default(), system_time(), |_, _| {})?.created;
        }
        imports.push(resources as f64 / begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let shown = device.rebuild(system_time(), |_, _| {})?.resources;
        rebuilds.push(shown as f64 / begun.elapsed().as_secs_f64());
        let person =
            NewPatient { family: Some("Koepp".into()), birth_date: Some("1970".into()), ..NewPatient::default() };
        let begun = Instant::now();
        device.find_duplicates(&(&person).into(), duplicates::POSSIBLE, system_time())?;
        searches.push(begun.elapsed().as_secs_f64());
    }
    let note = format!("{whence}, on disk, checked against R4, signed, ready to send");
    table.push(Row::new("import of Bundles, resources", Unit::PerSecond, imports).note(note));
    table.push(Row::new("rebuild of all that is shown, resources", Unit::PerSecond, rebuilds).note(whence.clone()));
    let note = "fuzzy names and dates over all patients of those";
    table.push(Row::new("search for a person registered already", Unit::Seconds, searches).note(note));
    Ok(())
}

/// Bundles as JSON text, and where they are from.
///
/// # Errors
/// If the folder or a file in it cannot be read.
pub fn bundles() -> Result<(Vec<Vec<u8>>, String), Failure> {
    let Some(folder) = std::env::var_os(VARIABLE) else {
        let bundles = (0..GENERATED).map(|seed| sample::bundle(seed).to_string().into_bytes());
        return Ok((bundles.collect(), format!("{GENERATED} generated Bundles")));
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    let mut bundles = Vec::new();
    for path in paths {
        bundles.extend(content(&path)?);
    }
    let whence = format!("{} Bundles of {VARIABLE}", bundles.len());
    Ok((bundles, whence))
}

/// None for files that are no Bundle.
fn content(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name.ends_with(".json") {
        return Ok(Some(std::fs::read(path)?));
    }
    if !name.ends_with(".json.gz") {
        return Ok(None);
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path)?).read_to_end(&mut plain)?;
    Ok(Some(plain))
}
