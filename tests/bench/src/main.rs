//! Measures Satchel end to end, and other engines beside it in the same run, and prints one table.
//!
//! The relay is a child process of its own (this binary, started again as `relay`) on loopback with its database on disk.
//! The devices are in this process and talk to it over real WebSockets. The other engines are programs of their own.

mod access;
mod args;
mod clinic;
mod dictionary;
mod failure;
mod fan_out;
mod fhir;
mod filling;
mod first_sync;
mod growth;
mod idle;
mod kill;
mod latency;
mod limits;
mod local;
mod long_document;
mod measure;
mod memory;
mod peers;
mod plot;
mod proxy;
mod raw;
mod reconnect;
mod records;
mod relay;
mod revocation;
mod search;
mod slow_link;
mod stats;
mod table;
mod tablet;
mod upload;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;

use args::Args;
use clinic::Clinic;
use failure::Failure;
use table::{Row, Table, Unit};

/// Charts of the large rows.
const LARGE: usize = 10_000;

fn main() -> ExitCode {
    // The child process: the relay as the `satchel` command runs it.
    if std::env::args().nth(1).as_deref() == Some("relay") {
        return cli::main();
    }
    let done = match std::env::args().collect::<Vec<_>>().as_slice() {
        [_, what, ..] if what == "dictionary" => dictionary::run(std::env::args().skip(1)),
        // Another child process: it holds idle connections.
        [_, what, address, count] if what == "idle" => {
            count.parse().map_err(Failure::from).and_then(|count| idle::hold(address, count))
        }
        _ => run(&Args::parse()),
    };
    match done {
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
    if args.growth {
        let curves = growth::measure(folder.path(), args.growth_to, args.rounds)?;
        print!("{curves}");
        return keep(args, "growth", &curves, &curves.plot());
    }
    let mut table = Table::new(args.charts, args.rounds);
    satchel(args, folder.path(), &mut table)?;
    if !args.alone && args.only.is_none() {
        let (programs, engines) = (args.programs(), &args.engines);
        let (charts, rounds, large) = (args.charts, args.rounds, args.large.then_some(LARGE));
        let plan = peers::Plan { programs: &programs, engines, charts, rounds, large };
        peers::measure(&plan, folder.path(), &mut table)?;
    }
    table.finish();
    print!("{table}");
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_vec_pretty(&table)?)?;
    }
    keep(args, "table", &table, &plot::bars(&table))
}

/// Writes what was measured into the folder for it, if one was named.
fn keep<T: Serialize + std::fmt::Display>(args: &Args, name: &str, figures: &T, plot: &str) -> Result<(), Failure> {
    let Some(folder) = &args.out else { return Ok(()) };
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(format!("{name}.md")), figures.to_string())?;
    std::fs::write(folder.join(format!("{name}.json")), serde_json::to_vec_pretty(figures)?)?;
    Ok(std::fs::write(folder.join(format!("{name}.svg")), plot)?)
}

fn satchel(args: &Args, folder: &Path, table: &mut Table) -> Result<(), Failure> {
    let wanted = |name: &str| args.only.as_deref().is_none_or(|words| name.contains(words));
    // First, as its memory is that of this process.
    if wanted("access") {
        access::measure(args.rounds, table)?;
    }
    let mut clinic = Clinic::start(folder, args.charts, args.rounds)?;
    table.describe(&clinic);
    type Section = (&'static str, fn(&mut Clinic, &mut Table) -> Result<(), Failure>);
    let sections: [Section; 8] = [
        ("first sync", first_sync::measure),
        ("reconnect", reconnect::measure),
        ("upload", upload::measure),
        ("latency", latency::measure),
        ("local", local::measure),
        ("records", records::measure),
        ("slow link", slow_link::measure),
        ("memory", |clinic, table| memory::measure(clinic, table)),
    ];
    for (name, section) in sections {
        if wanted(name) {
            section(&mut clinic, table)?;
        }
    }
    if wanted("kill") {
        kill::measure(&mut clinic, table)?;
    }
    if wanted("search") {
        search::measure(&clinic, &folder.join("search"), table)?;
    }
    if wanted("tablet") {
        tablet::measure(&clinic, &folder.join("tablet"), table)?;
    }
    if wanted("limits") {
        limits::measure(&clinic, folder, table)?;
    }
    drop(clinic);
    if wanted("fan-out") {
        fan_out::measure(&folder.join("fan-out"), args.rounds, table)?;
    }
    if wanted("fhir") {
        fhir::measure(&folder.join("fhir"), args.rounds, table)?;
    }
    if wanted("revocation") {
        revocation::measure(&folder.join("revocation"), table)?;
    }
    if wanted("long document") {
        long_document::measure(&folder.join("long-document"), table)?;
    }
    if wanted("idle") {
        idle::measure(&folder.join("idle"), table)?;
    }
    match args.large {
        true => large(args, &folder.join("large"), table)?,
        false => table.push(Row::unmeasured(format!("the same with {LARGE} charts"), Unit::Seconds, "needs --large")),
    }
    Ok(())
}

fn large(args: &Args, folder: &Path, table: &mut Table) -> Result<(), Failure> {
    std::fs::create_dir(folder)?;
    let mut clinic = Clinic::start(folder, LARGE, args.rounds)?;
    first_sync::measure_large(&mut clinic, table)?;
    memory::measure(&clinic, table)
}
