//! Which crate may depend on which: docs/ARCHITECTURE.md draws it, this keeps it.

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate of the workspace may depend on, of the workspace. Tests count too: what needs both sides is a system
/// test. `None`: anything.
const ALLOWED: [(&str, Option<&[&str]>); 10] = [
    ("sync-protocol", Some(&[])),
    ("clinical-record", Some(&[])),
    ("client-core", Some(&["sync-protocol", "clinical-record"])),
    // Records in one module only: see `documents_are_opened_in_the_relays_own_module_for_it_only`.
    ("sync-server", Some(&["sync-protocol", "clinical-record"])),
    ("mobile", Some(&["client-core"])),
    // Only generates code: nothing of ours.
    ("bindgen", Some(&[])),
    // Where everything is put together: a device, the relay command and the demo.
    ("cli", Some(&["client-core", "sync-server", "sync-protocol", "clinical-record"])),
    ("system-tests", None),
    ("bench", None),
    ("xtask", Some(&[])),
];

/// Crates that may hold an Automerge document or change in their hands.
const USES_AUTOMERGE: [&str; 2] = ["clinical-record", "sync-server"];
/// Crates without a store of their own.
const LEAVES: [&str; 2] = ["sync-protocol", "clinical-record"];
/// Ways to a database.
const SQL: [&str; 6] = ["rusqlite", "libsqlite3-sys", "sqlx", "postgres", "tokio-postgres", "diesel"];

/// A crate of the workspace with its direct dependencies.
struct Crate {
    name: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    optional: bool,
    /// For tests only.
    dev: bool,
}

/// Every edge that is not allowed, as a sentence.
fn violations(workspace: &[Crate]) -> Vec<String> {
    let is_member = |name: &str| workspace.iter().any(|member| member.name == name);
    let mut found = Vec::new();
    for member in workspace {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == member.name) else {
            found.push(format!("{} has no line in the dependency rule", member.name));
            continue;
        };
        for dependency in &member.dependencies {
            let to = dependency.name.as_str();
            if is_member(to) && allowed.is_some_and(|allowed| !allowed.contains(&to)) {
                found.push(format!("{} may not depend on {to}", member.name));
            }
            found.extend(foreign_violation(&member.name, dependency));
        }
    }
    found
}

/// Whether a crate may use this one from outside the workspace.
fn foreign_violation(from: &str, dependency: &Dependency) -> Option<String> {
    let to = dependency.name.as_str();
    let why = match to {
        "automerge" if !USES_AUTOMERGE.contains(&from) => "documents are opened in clinical-record only",
        _ if SQL.contains(&to) && LEAVES.contains(&from) => "it keeps nothing",
        "tokio" if from == "sync-protocol" => "it does no IO",
        "tokio" if from == "client-core" && !dependency.optional && !dependency.dev => {
            "it must build for a browser: make it optional"
        }
        _ => return None,
    };
    Some(format!("{from} may not depend on {to}: {why}"))
}

#[test]
fn every_crate_depends_on_what_it_may_only() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    let workspace: Vec<Crate> = metadata
        .packages
        .iter()
        .map(|package| Crate {
            name: package.name.to_string(),
            dependencies: package
                .dependencies
                .iter()
                .map(|dependency| Dependency {
                    name: dependency.name.clone(),
                    optional: dependency.optional,
                    dev: dependency.kind == DependencyKind::Development,
                })
                .collect(),
        })
        .collect();
    assert!(workspace.len() >= ALLOWED.len(), "cargo metadata did not list the workspace");
    assert_eq!(violations(&workspace), [""; 0]);
}

mod rule {
    use super::*;

    #[test]
    fn client_and_server_do_not_meet() {
        assert_eq!(of("client-core", "sync-server"), ["client-core may not depend on sync-server"]);
        assert_eq!(of("sync-server", "client-core"), ["sync-server may not depend on client-core"]);
        assert_eq!(of("mobile", "sync-server"), ["mobile may not depend on sync-server"]);
    }

    #[test]
    fn the_leaves_do_not_know_each_other() {
        assert_eq!(of("sync-protocol", "clinical-record").len(), 1);
        assert_eq!(of("clinical-record", "sync-protocol").len(), 1);
    }

    #[test]
    fn a_test_dependency_counts_as_one() {
        assert_eq!(violations(&workspace("sync-server", dependency("client-core", false, true))).len(), 1);
    }

    #[test]
    fn a_crate_that_the_rule_does_not_know_is_reported() {
        let stray = Crate { name: "util".into(), dependencies: Vec::new() };
        assert_eq!(violations(&[stray]), ["util has no line in the dependency rule"]);
    }

    #[test]
    fn documents_are_opened_in_two_crates_only() {
        for (name, _) in ALLOWED {
            assert_eq!(of(name, "automerge").is_empty(), USES_AUTOMERGE.contains(&name), "{name}");
        }
    }

    #[test]
    fn the_leaves_keep_nothing() {
        for sql in SQL {
            assert_eq!(of("sync-protocol", sql).len(), 1, "{sql}");
            assert_eq!(of("clinical-record", sql).len(), 1, "{sql}");
            assert_eq!(of("sync-server", sql), [""; 0], "{sql}");
        }
    }

    #[test]
    fn the_core_of_the_device_builds_without_tokio() {
        let tokio = |optional, dev| violations(&workspace("client-core", dependency("tokio", optional, dev))).len();
        assert_eq!((tokio(false, false), tokio(true, false), tokio(false, true)), (1, 0, 0));
        assert_eq!(of("sync-protocol", "tokio").len(), 1);
    }

    #[test]
    fn what_the_design_draws_is_allowed() {
        let drawn = [
            ("client-core", "sync-protocol"),
            ("client-core", "clinical-record"),
            ("sync-server", "sync-protocol"),
            ("mobile", "client-core"),
            ("cli", "client-core"),
            ("cli", "sync-server"),
            ("system-tests", "sync-server"),
            ("system-tests", "client-core"),
            ("bench", "sync-server"),
        ];
        for (from, to) in drawn {
            assert_eq!(of(from, to), [""; 0], "{from} to {to}");
        }
    }

    /// The violations of a workspace in which `from` depends on `to` and nothing else depends on anything.
    fn of(from: &str, to: &str) -> Vec<String> {
        violations(&workspace(from, dependency(to, false, false)))
    }

    fn dependency(name: &str, optional: bool, dev: bool) -> Dependency {
        Dependency { name: name.into(), optional, dev }
    }

    fn workspace(from: &str, dependency: Dependency) -> Vec<Crate> {
        let mut workspace: Vec<Crate> =
            ALLOWED.iter().map(|(name, _)| Crate { name: (*name).to_owned(), dependencies: Vec::new() }).collect();
        let member = workspace.iter_mut().find(|member| member.name == from);
        member.expect("a crate of the workspace").dependencies.push(dependency);
        workspace
    }
}

/// The only modules of the relay that open documents, beside the relay's thread and on request.
const OPENS_DOCUMENTS: [&str; 2] = ["fhir", "inspection"];

/// Source files below a folder, with their paths from there.
fn sources(folder: &std::path::Path, within: &std::path::Path, found: &mut Vec<(std::path::PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).expect("sources") {
        let path = entry.expect("sources").path();
        if path.is_dir() {
            sources(&path, within, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            found.push((path.strip_prefix(within).expect("below").to_owned(), text));
        }
    }
}

#[test]
fn documents_are_opened_in_the_relays_own_module_for_it_only() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../sync-server/src");
    let mut files = Vec::new();
    sources(&folder, &folder, &mut files);
    let names_records = |(path, text): &&(std::path::PathBuf, String)| {
        !OPENS_DOCUMENTS.iter().any(|module| path.starts_with(module)) && text.contains("clinical_record")
    };
    let offending: Vec<_> = files.iter().filter(names_records).map(|(path, _)| path.display().to_string()).collect();
    assert_eq!(offending, Vec::<String>::new(), "only {OPENS_DOCUMENTS:?} may name clinical_record");
    // What opens documents is called where administrators ask, and nowhere that devices are served.
    let calls = |(path, text): &&(std::path::PathBuf, String)| {
        // `access::fhir` reads Consent and CareTeam as JSON.
        let opens = |module: &&str| text.contains(&format!("crate::{module}::"));
        (path.starts_with("relay") || path.starts_with("access") || path.starts_with("store"))
            && OPENS_DOCUMENTS.iter().any(opens)
    };
    let called: Vec<_> = files.iter().filter(calls).map(|(path, _)| path.display().to_string()).collect();
    assert_eq!(called, Vec::<String>::new(), "the relay's core opens no document");
    for module in OPENS_DOCUMENTS {
        assert!(
            files.iter().any(|(path, text)| path.starts_with(module) && text.contains("clinical_record")),
            "{module}"
        );
    }
}
