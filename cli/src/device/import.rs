//! `satchel device import`

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use client_core::driver::system_time;
use client_core::{BundleLimits, Device, ImportOptions, ImportReport};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::{Context, bundle_files, is_ndjson, read_bundle_file};
use crate::failure::Failure;
use crate::output;

/// Arguments of `satchel device import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Files or folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Import what can be imported, and list what cannot
    #[arg(long)]
    skip_problems: bool,
    /// Refuse, or with --skip-problems leave out, what is not valid FHIR R4; otherwise it is imported and listed
    #[arg(long)]
    only_valid: bool,
}

#[derive(Debug, Default, Serialize)]
struct ShownImport {
    files: usize,
    created: usize,
    changed: usize,
    unchanged: usize,
    problems: Vec<String>,
    invalid: Vec<String>,
    warnings: Vec<String>,
    charts: Vec<String>,
}

/// Runs the command. A file that cannot be imported does not stop the others.
///
/// # Errors
/// [`Failure::BadInput`] when a file could not be imported, or a part of it was skipped.
pub fn run(mut context: Context, args: &ImportArgs) -> Result<(), Failure> {
    let files = bundle_files(&args.paths)?;
    let bar = progress_bar(files.len() as u64, context.json);
    let mut shown = ShownImport { files: files.len(), ..ShownImport::default() };
    let mut failures = Vec::new();
    for file in &files {
        bar.set_message(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
        match import_file(&mut context.device, file, args) {
            Ok(report) => shown.add(&file.display().to_string(), &report),
            Err(failure @ (Failure::Refused(_) | Failure::Unreachable(_))) => return Err(failure),
            Err(failure) => failures.push(with_file(file, &failure)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    output::print(context.json, &shown, print_report)?;
    match (failures.is_empty(), shown.problems.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(Failure::BadInput(format!("{} entries were skipped", shown.problems.len()))),
        (false, _) => Err(Failure::BadInput(format!("nothing was imported from:\n{}", failures.join("\n")))),
    }
}

fn import_file(device: &mut Device, file: &Path, args: &ImportArgs) -> Result<ImportReport, Failure> {
    let (skip_problems, only_valid) = (args.skip_problems, args.only_valid);
    let bytes = read_bundle_file(file)?;
    let options = ImportOptions { skip_problems, only_valid, limits: BundleLimits::default() };
    Ok(match is_ndjson(file) {
        true => device.import_ndjson(&bytes, &options, system_time(), |_, _| {})?,
        false => device.import(&bytes, &options, system_time(), |_, _| {})?,
    })
}

fn with_file(file: &Path, failure: &Failure) -> String {
    let (name, message) = (file.display().to_string(), failure.to_string());
    if message.starts_with(&name) { message } else { format!("{name}: {message}") }
}

impl ShownImport {
    fn add(&mut self, file: &str, report: &ImportReport) {
        self.created += report.created;
        self.changed += report.changed;
        self.unchanged += report.unchanged;
        self.problems.extend(report.problems.iter().map(|problem| format!("{file}: {problem}")));
        self.invalid.extend(report.invalid.iter().map(|problem| format!("{file}: {problem}")));
        self.warnings.extend(report.warnings.iter().map(|warning| format!("{file}: {warning}")));
        self.charts.extend(report.charts.iter().map(ToString::to_string));
    }
}

fn print_report(shown: &ShownImport) {
    let ShownImport { files, created, changed, unchanged, .. } = shown;
    say!("{files} files: {created} resources new, {changed} changed, {unchanged} the same as before");
    say!("{} charts", shown.charts.len());
    for problem in &shown.problems {
        say!("skipped  {problem}");
    }
    for problem in &shown.invalid {
        say!("invalid  {problem}");
    }
    for warning in &shown.warnings {
        say!("note     {warning}");
    }
}

/// A bar on a terminal; nothing in a pipe or beside JSON.
pub fn progress_bar(length: u64, json: bool) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if json || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}
