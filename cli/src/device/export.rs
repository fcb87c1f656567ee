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
}

/// Runs the command.
///
/// # Errors
/// [`Failure`]; an existing file is left alone.
pub fn run(mut context: Context, args: &ExportArgs) -> Result<(), Failure> {
    let bundle = if args.chart == "directory" {
        context.device.export_directory(system_time())?
    } else {
        let chart = context.chart(&args.chart)?;
        context.device.export_chart(&chart, system_time())?
    };
    write(&args.file, &bundle)
}

fn write(path: &Path, bundle: &Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(bundle).map_err(Failure::from_error)?;
    if path == Path::new("-") {
        say!("{text}");
        return Ok(());
    }
    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    let mut file = std::fs::File::create_new(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::BadInput(format!("{} exists already", path.display())),
        _ => failed(error),
    })?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}
