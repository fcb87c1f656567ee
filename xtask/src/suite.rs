//! The test suites. A new one is one more entry of [`SUITES`], with what it needs and how to run it.

use crate::command::{cargo, succeeds};
use crate::mobile;
use crate::report::{Entry, Outcome, Report};
use crate::requirement::{C_COMPILER, DATA_FOLDER, FHIRKIT, JDK, MAVEN, PYTHON, Requirement, SWIFT, data_folder};

/// Tests that run together and need the same things.
pub struct Suite {
    /// How it is named on the command line and in the report.
    pub name: &'static str,
    /// What it covers.
    pub about: &'static str,
    /// What the machine must have.
    pub requirements: &'static [Requirement],
    /// Whether it may be missing even under CI.
    pub optional: bool,
    /// Runs it; whether it holds.
    pub run: fn() -> bool,
}

/// Every suite, in the order in which they run.
pub const SUITES: [Suite; 6] = [
    Suite {
        name: "rust",
        about: "all tests of the workspace",
        requirements: &[C_COMPILER],
        optional: false,
        // Without the data folder: that is a suite of its own.
        run: || succeeds(cargo(&["test", "--workspace"]).env_remove("SATCHEL_DATA_DIR")),
    },
    Suite {
        name: "python",
        about: "the Python bindings: the shared scenarios against real relays",
        requirements: &[C_COMPILER, PYTHON],
        optional: false,
        run: mobile::test_python,
    },
    Suite {
        name: "kotlin",
        about: "the Kotlin library: the shared scenarios, kills, cancellation, threads, leaks",
        requirements: &[C_COMPILER, JDK, MAVEN],
        optional: false,
        run: mobile::test_kotlin,
    },
    Suite {
        name: "swift",
        about: "the Swift package: the shared scenarios, cancellation",
        requirements: &[C_COMPILER, SWIFT],
        optional: true,
        run: mobile::test_swift,
    },
    Suite {
        name: "real-bundles",
        about: "FHIR Bundles of a data folder, through documents, a device, sync and the FHIR API, and back",
        requirements: &[C_COMPILER, DATA_FOLDER],
        optional: true,
        run: || {
            let folder = data_folder().unwrap_or_default();
            // With the workspace's features, so that nothing is built a second time.
            let suites = [
                ["test", "--workspace", "--test", "bundles_from_a_folder"].as_slice(),
                &["test", "--workspace", "--test", "device", "real_bundles"],
                &["test", "--workspace", "--test", "system", "real_bundles"],
            ];
            suites.iter().all(|arguments| succeeds(cargo(arguments).env("SATCHEL_DATA_DIR", &folder)))
        },
    },
    Suite {
        name: "validator",
        about: "exported Bundles and patient summaries before a validator that we did not write",
        requirements: &[C_COMPILER, FHIRKIT],
        optional: true,
        run: || {
            let mut run = cargo(&["test", "--workspace", "--test", "device", "validators"]);
            if let Some(folder) = data_folder() {
                run.env("SATCHEL_DATA_DIR", folder);
            }
            succeeds(&mut run)
        },
    },
];

/// The suites of these names; all if none is named. `Err`: which name is none.
pub fn named(names: &[String]) -> Result<Vec<&'static Suite>, String> {
    if names.is_empty() {
        return Ok(SUITES.iter().collect());
    }
    let find = |name: &String| SUITES.iter().find(|suite| suite.name == name).ok_or_else(|| unknown(name));
    names.iter().map(find).collect()
}

fn unknown(name: &str) -> String {
    format!("no suite is named {name}; there are: {}", SUITES.map(|suite| suite.name).join(", "))
}

/// Says what is missing, runs the rest, and reports.
pub fn run(suites: &[&Suite]) -> Report {
    for suite in suites {
        for (name, install) in missing(suite.requirements) {
            println!("{} needs {name}: {install}", suite.name);
        }
    }
    Report(suites.iter().map(|suite| entry(suite.name, suite.requirements, suite.optional, suite.run)).collect())
}

/// Runs one suite or check, if what it needs is there.
pub fn entry(name: &str, requirements: &[Requirement], optional: bool, run: fn() -> bool) -> Entry {
    let missing = missing(requirements);
    let outcome = match missing.is_empty() {
        false => Outcome::NotRun(missing),
        true if run() => Outcome::Passed,
        true => Outcome::Failed,
    };
    Entry { name: name.to_owned(), outcome, optional }
}

/// Prints every suite with what it needs.
pub fn list() {
    for suite in &SUITES {
        println!("{:14} {}", suite.name, suite.about);
        for requirement in suite.requirements {
            let state = if (requirement.is_met)() { "found" } else { "missing" };
            println!("{:14} needs {} ({state})", "", requirement.name);
        }
    }
}

fn missing(requirements: &[Requirement]) -> Vec<(String, String)> {
    let unmet = requirements.iter().filter(|requirement| !(requirement.is_met)());
    unmet.map(|requirement| (requirement.name.to_owned(), requirement.install.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABSENT: Requirement = Requirement { name: "a unicorn", install: "look in the forest", is_met: || false };

    #[test]
    fn a_suite_that_lacks_something_is_not_run() {
        let entry = entry("x", &[ABSENT], false, || panic!("it was run"));
        assert_eq!(entry.outcome, Outcome::NotRun(vec![("a unicorn".into(), "look in the forest".into())]));
    }

    #[test]
    fn a_suite_that_lacks_nothing_is_run() {
        assert_eq!(entry("x", &[], false, || true).outcome, Outcome::Passed);
        assert_eq!(entry("x", &[], false, || false).outcome, Outcome::Failed);
    }

    #[test]
    fn a_name_that_is_no_suite_is_answered_by_those_there_are() {
        assert_eq!(named(&["rust".into()]).map(|suites| suites.len()), Ok(1));
        assert!(named(&["nothing".into()]).is_err_and(|problem| problem.contains("real-bundles")));
    }
}
