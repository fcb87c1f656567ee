//! Measures Satchel end to end and prints one table beside the best figures of other engines.
//!
//! The relay is a child process of its own (this binary, started again as `relay`) on loopback with its database on disk.
//! The devices are in this process and talk to it over real WebSockets.

mod access;
mod clinic;
mod failure;
mod first_sync;
mod kill;
mod latency;
mod limits;
mod local;
mod proxy;
mod reconnect;
mod relay;
mod revocation;
mod stats;
mod table;
mod upload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use clinic::Clinic;
use failure::Failure;
use table::{Row, Table, Unit};

/// Benchmarks Satchel and prints one table
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Args {
    /// Charts to make
    #[arg(long, default_value_t = 1_000)]
    charts: usize,
    /// Times that each row is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Also first sync and relay memory with 10,000 charts
    #[arg(long)]
    large: bool,
    /// Only the rows that have these words in their name
    #[arg(long, value_name = "WORDS")]
    only: Option<String>,
    /// Also write the table as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Folder for databases [default: the system's for temporary files]; must be on a disk for the figures to mean anything
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const LARGE: usize = 10_000;

fn main() -> ExitCode {
    // The child process: the relay as the `satchel` command runs it.
    if std::env::args().nth(1).as_deref() == Some("relay") {
        return cli::main();
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let folder = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let wanted = |name: &str| args.only.as_deref().is_none_or(|words| name.contains(words));
    let mut table = Table::new(args.charts, args.rounds);
    // First, as its memory is that of this process.
    if wanted("access") {
        access::measure(args.rounds, &mut table)?;
    }
    let mut clinic = Clinic::start(folder.path(), args.charts, args.rounds)?;
    table.describe(&clinic);
    if wanted("first sync") {
        first_sync::measure(&mut clinic, &mut table)?;
    }
    if wanted("reconnect") {
        reconnect::measure(&mut clinic, &mut table)?;
    }
    if wanted("upload") {
        upload::measure(&mut clinic, &mut table)?;
    }
    if wanted("latency") {
        latency::measure(&mut clinic, &mut table)?;
    }
    if wanted("local") {
        local::measure(&mut clinic, &mut table)?;
    }
    memory(&clinic, &mut table)?;
    if wanted("kill") {
        kill::measure(&mut clinic, &mut table)?;
    }
    if wanted("limits") {
        limits::measure(&clinic, folder.path(), &mut table)?;
    }
    drop(clinic);
    if wanted("revocation") {
        revocation::measure(&folder.path().join("revocation"), &mut table)?;
    }
    match args.large {
        true => large(args, &folder.path().join("large"), &mut table)?,
        false => table.push(Row::unmeasured(format!("the same with {LARGE} charts"), Unit::Seconds, "needs --large")),
    }
    table.finish();
    print!("{table}");
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_vec_pretty(&table)?)?;
    }
    Ok(())
}

fn memory(clinic: &Clinic, table: &mut Table) -> Result<(), Failure> {
    let at = |what: &str| format!("relay memory with {} charts, {what}", clinic.charts.len());
    let (peak, now) = match clinic.relay.memory() {
        Ok(memory) => memory,
        Err(why) => {
            table.push(Row::unmeasured(at("highest"), Unit::Bytes, why.to_string()));
            return Ok(());
        }
    };
    let target = (clinic.charts.len() == LARGE).then_some(60e6);
    let best = if target.is_some() { "320 MB" } else { "" };
    table.push(Row::new(at("highest (VmHWM)"), Unit::Bytes, vec![peak]).against(best, target));
    table.push(Row::new(at("at the end (VmRSS)"), Unit::Bytes, vec![now]));
    Ok(())
}

fn large(args: &Args, folder: &std::path::Path, table: &mut Table) -> Result<(), Failure> {
    std::fs::create_dir(folder)?;
    let mut clinic = Clinic::start(folder, LARGE, args.rounds)?;
    first_sync::measure_large(&mut clinic, table)?;
    memory(&clinic, table)
}
