//! What ran, what failed and what could not run.

use std::fmt;

/// What became of one suite or check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran and holds.
    Passed,
    /// It ran and does not hold.
    Failed,
    /// Something it needs is missing: what, and how to get it.
    NotRun(Vec<(String, String)>),
}

/// One line of the report.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name of the suite or check.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether it may be missing even under CI.
    pub optional: bool,
}

/// All of them, in the order in which they ran.
#[derive(Clone, Debug, Default)]
pub struct Report(pub Vec<Entry>);

impl Report {
    /// Whether nothing failed. `strict`: what could not run counts as failed, unless it is optional.
    pub fn passes(&self, strict: bool) -> bool {
        self.0.iter().all(|entry| match entry.outcome {
            Outcome::Passed => true,
            Outcome::Failed => false,
            Outcome::NotRun(_) => entry.optional || !strict,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for entry in &self.0 {
            match &entry.outcome {
                Outcome::Passed => writeln!(f, "passed   {}", entry.name)?,
                Outcome::Failed => writeln!(f, "FAILED   {}", entry.name)?,
                Outcome::NotRun(missing) => {
                    let names: Vec<_> = missing.iter().map(|(name, _)| format!("no {}", plain(name))).collect();
                    let optional = if entry.optional { " (optional)" } else { "" };
                    writeln!(f, "not run  {}: {}{optional}", entry.name, names.join(", "))?;
                    for (_, install) in missing {
                        writeln!(f, "         {install}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Without its article, to stand after "no".
fn plain(name: &str) -> &str {
    name.strip_prefix("a ").or_else(|| name.strip_prefix("an ")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(outcome: Outcome, optional: bool) -> Entry {
        Entry { name: "suite".into(), outcome, optional }
    }

    fn not_run() -> Outcome {
        Outcome::NotRun(vec![("a database".into(), "start one".into())])
    }

    #[test]
    fn a_failure_fails_always() {
        let report = Report(vec![entry(Outcome::Passed, false), entry(Outcome::Failed, true)]);
        assert!(!report.passes(false));
    }

    #[test]
    fn what_could_not_run_fails_under_ci_only() {
        let report = Report(vec![entry(not_run(), false)]);
        assert!(report.passes(false));
        assert!(!report.passes(true));
    }

    #[test]
    fn what_is_optional_may_be_missing_under_ci_too() {
        assert!(Report(vec![entry(not_run(), true)]).passes(true));
    }

    #[test]
    fn the_report_names_what_is_missing_and_how_to_get_it() {
        let text = Report(vec![entry(not_run(), false)]).to_string();
        assert!(text.contains("not run  suite: no database"), "{text}");
        assert!(text.contains("start one"), "{text}");
    }
}
