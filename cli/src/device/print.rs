//! `satchel device print`: a summary to take along, with a code by which another device finds the patient.

use std::path::PathBuf;

use clap::Args;
use client_core::driver::system_time;

use super::Context;
use super::export::write_new;
use crate::failure::Failure;

/// Arguments of `satchel device print`.
#[derive(Debug, Args)]
pub struct PrintArgs {
    /// PATIENT, ORGANIZATION/PATIENT, or a scanned code
    chart: String,
    /// File to write: .pdf or .html
    file: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`]; an existing file is left alone.
pub fn run(mut context: Context, args: &PrintArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    let bytes = match args.file.extension().and_then(|extension| extension.to_str()) {
        Some("pdf") => context.device.print_pdf(&chart, system_time())?,
        Some("html") => context.device.print_html(&chart, system_time())?.into_bytes(),
        _ => return Err(Failure::BadInput(format!("{}: name a .pdf or .html file", args.file.display()))),
    };
    write_new(&args.file, &bytes)
}
