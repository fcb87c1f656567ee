//! What must hold before a change is merged.

use crate::command::{cargo, succeeds};
use crate::report::Report;
use crate::requirement::{C_COMPILER, CARGO_DENY, CLIPPY, RUSTFMT, Requirement};
use crate::suite;

/// A check that is not a test.
struct Check {
    name: &'static str,
    requirements: &'static [Requirement],
    optional: bool,
    run: fn() -> bool,
}

const CHECKS: [Check; 4] = [
    Check {
        name: "format",
        requirements: &[RUSTFMT],
        optional: false,
        run: || succeeds(&mut cargo(&["fmt", "--all", "--", "--check"])),
    },
    Check {
        name: "clippy",
        requirements: &[CLIPPY, C_COMPILER],
        optional: false,
        run: || succeeds(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])),
    },
    Check {
        name: "documentation",
        requirements: &[C_COMPILER],
        optional: false,
        run: || succeeds(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings")),
    },
    Check {
        name: "dependencies",
        requirements: &[CARGO_DENY],
        optional: true,
        run: || succeeds(&mut cargo(&["deny", "check"])),
    },
];

/// Runs every check and every suite, also after one has failed: one run shows all there is to mend.
pub fn run() -> Report {
    let mut report = Report::default();
    for check in &CHECKS {
        report.0.push(suite::entry(check.name, check.requirements, check.optional, check.run));
    }
    report.0.extend(suite::run(&suite::SUITES.iter().collect::<Vec<_>>()).0);
    report
}
