//! The `satchel` command, for the tests to start and kill.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
