//! The `satchel` command: a full device at a terminal, the relay, admin commands and the demo.
//!
//! A library with a thin binary around it, so that the system tests run the very same code as processes of their own.

#[macro_use]
mod output;
mod admin;
mod demo;
mod device;
mod failure;
mod relay;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Offline-first sync for clinical records
#[derive(Debug, Parser)]
#[command(name = "satchel", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 refused (no right, revoked, expired lease); \
                          4 the relay cannot be reached; 5 bad input (the message says what and where); 141 nobody \
                          reads what it prints.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a relay
    Relay(relay::RelayArgs),
    /// Look after a relay: organizations, people, access, devices, audit
    Admin(admin::AdminArgs),
    /// Be a device: import, read, edit and sync charts
    Device(Box<device::DeviceArgs>),
    /// See it work: a relay, two clinics, offline edits, refused access, a killed relay
    Demo(demo::DemoArgs),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let run = || match cli.command {
        Command::Relay(args) => relay::run(args),
        Command::Admin(args) => admin::run(&args),
        Command::Device(args) => device::run(*args),
        Command::Demo(args) => demo::run(&args),
    };
    match output::until_nobody_reads(run) {
        None => ExitCode::from(output::NOBODY_READS),
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(failure)) => {
            eprintln!("satchel: {failure}");
            failure.exit_code()
        }
    }
}
