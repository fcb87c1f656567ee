//! Project tasks: `cargo xtask test`, `cargo xtask bench`, `cargo xtask ci`.

mod bench;
mod ci;
mod command;
mod report;
mod requirement;
mod suite;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use report::Report;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Satchel's project tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs every test suite whose requirements are met, and names the others.
    Test {
        /// Suites to run; all of them if none is named.
        suites: Vec<String>,
        /// Only lists the suites and what each one needs.
        #[arg(long)]
        list: bool,
    },
    /// Builds Satchel and the engines beside it, and measures them; what follows is passed on to the benchmark.
    Bench {
        /// Arguments of the benchmark.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Runs what must hold before a change is merged: format, clippy, documentation, licences, all tests.
    Ci,
}

fn main() -> ExitCode {
    match Arguments::parse().task {
        Task::Test { list: true, .. } => {
            suite::list();
            ExitCode::SUCCESS
        }
        Task::Test { suites, .. } => match suite::named(&suites) {
            Ok(suites) => conclude(&suite::run(&suites)),
            Err(problem) => {
                eprintln!("{problem}");
                ExitCode::from(2)
            }
        },
        Task::Bench { arguments } => {
            if bench::run(&arguments) {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Task::Ci => conclude(&ci::run()),
    }
}

/// Prints the report. Under `CI=true`, what could not run counts as failed.
fn conclude(report: &Report) -> ExitCode {
    let strict = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    print!("{report}");
    if report.passes(strict) {
        return ExitCode::SUCCESS;
    }
    if strict && report.passes(false) {
        eprintln!("under CI every suite must run");
    }
    ExitCode::FAILURE
}
