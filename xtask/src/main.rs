//! Project tasks: `cargo xtask test`, `bench`, `mobile`, `bench-mobile`, `ci`.

mod bench;
mod ci;
mod command;
mod mobile;
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
    /// Builds the native library and generates the bindings of a language, into target/mobile.
    Mobile {
        /// Which.
        language: mobile::Language,
        /// As an app is shipped with it: optimised and stripped.
        #[arg(long)]
        release: bool,
    },
    /// Measures what the way through Kotlin costs, with the library that an app is shipped with.
    BenchMobile,
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
        Task::Bench { arguments } => exit_code(bench::run(&arguments)),
        Task::Mobile { language, release } => exit_code(mobile::build(language, release)),
        Task::BenchMobile => exit_code(mobile::bench()),
        Task::Ci => conclude(&ci::run()),
    }
}

fn exit_code(succeeded: bool) -> ExitCode {
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
