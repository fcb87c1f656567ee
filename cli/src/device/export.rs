//! `satchel device export`

use std::path::{Path, PathBuf};

use clap::Args;
use client_core::driver::system_time;
use serde_json::Value;

use super::Context;
use crate::failure::Failure;

/// Arguments of `satchel device export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// PATIENT, or ORGANIZATION/PATIENT; `directory` for organizations and practitioners
    chart: String,
    /// File to write, - for standard output
    #[arg(default_value = "-")]
    file: PathBuf,
    /// transaction and collection are Bundles that import again as the same; summary is an International Patient Summary
    #[arg(long, default_value = "transaction", value_parser = ["transaction", "collection", "ndjson", "summary"])]
    form: String,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`]; an existing file is left alone.
pub fn run(mut context: Context, args: &ExportArgs) -> Result<(), Failure> {
    let now = system_time();
    if args.chart == "directory" {
        return write(&args.file, &pretty(&context.device.export_directory(now)?)?);
    }
    let chart = context.chart(&args.chart)?;
    let device = &mut context.device;
    let text = match args.form.as_str() {
        "collection" => pretty(&device.export_collection(&chart, now)?)?,
        "ndjson" => device.export_ndjson(&chart, now)?,
        "summary" => pretty(&device.export_summary(&chart, now)?)?,
        _ => pretty(&device.export_chart(&chart, now)?)?,
    };
    write(&args.file, &text)
}

fn pretty(bundle: &Value) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(bundle).map_err(Failure::from_error)? + "\n")
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if path == Path::new("-") {
        say!("{}", text.trim_end_matches('\n'));
        return Ok(());
    }
    write_new(path, text.as_bytes())
}

/// Writes a file that must not exist yet.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    let mut file = std::fs::File::create_new(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::BadInput(format!("{} exists already", path.display())),
        _ => failed(error),
    })?;
    std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
    file.sync_all().map_err(failed)
}
