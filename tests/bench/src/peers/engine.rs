//! The other engines: how each is started, and what it is to be read with.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::table::Column;

/// One of them.
pub struct Engine {
    pub name: &'static str,
    scheme: &'static str,
    /// npm packages that its version is made of; none: it is the Rust program.
    packages: &'static [&'static str],
    durable: &'static str,
    history: &'static str,
    /// Changes of each chart that a device holds after first sync, of the ten that were made.
    pub changes: usize,
    /// Whether it tells that nothing was new.
    pub says_done: bool,
}

/// All of them, in the order of the columns.
pub const ENGINES: [Engine; 4] = [
    Engine {
        name: "samod",
        scheme: "ws",
        packages: &[],
        durable: "the ack tells that the server has it in memory; written to a file afterwards, not synced to disk",
        history: "all of it",
        changes: 10,
        says_done: true,
    },
    Engine {
        name: "automerge-repo",
        scheme: "ws",
        packages: &["@automerge/automerge-repo", "@automerge/automerge", "ws"],
        durable: "the ack tells that the server has it in memory; written to a file up to 100 ms afterwards, not synced to disk",
        history: "all of it",
        changes: 10,
        says_done: false,
    },
    Engine {
        name: "PouchDB",
        scheme: "http",
        packages: &["pouchdb", "express-pouchdb"],
        durable: "the ack follows the write to LevelDB's log, which is not synced to disk: survives SIGKILL, not a loss of power",
        history: "the last revision of each document; of earlier ones their ids",
        changes: 1,
        says_done: true,
    },
    Engine {
        name: "Hocuspocus",
        scheme: "ws",
        packages: &["@hocuspocus/server", "@hocuspocus/provider", "yjs", "better-sqlite3"],
        durable: "the ack tells that the server has it in memory; written to SQLite 2 to 10 s afterwards",
        history: "none: the state of each document",
        changes: 1,
        says_done: true,
    },
];

/// Where the engines' programs are, or why one is not.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// The Rust program.
    pub samod: Option<PathBuf>,
    /// The folder of the npm package, installed.
    pub node: Option<PathBuf>,
    /// Why the one or the other is missing: `(program, why)`.
    pub missing: Vec<(String, String)>,
}

impl Engine {
    /// How to start it, without its role.
    ///
    /// # Errors
    /// Why it cannot be started.
    pub fn command(&self, programs: &Programs) -> Result<Command, String> {
        let (kind, found) = match self.packages.is_empty() {
            true => ("samod", &programs.samod),
            false => ("node", &programs.node),
        };
        let Some(path) = found else {
            let why = programs.missing.iter().find(|(program, _)| program == kind).map(|(_, why)| why.as_str());
            return Err(format!("not run: {}", why.unwrap_or("`cargo xtask bench` builds and runs the other engines")));
        };
        if self.packages.is_empty() {
            return Ok(Command::new(path));
        }
        let mut command = Command::new("node");
        command.arg(path.join("src/main.js")).arg(self.name.to_lowercase());
        Ok(command)
    }

    /// Its address for clients.
    pub fn url(&self, address: &str) -> String {
        format!("{}://{address}", self.scheme)
    }

    /// An empty column.
    pub fn column(&self, programs: &Programs) -> Column {
        let versions = match &programs.node {
            _ if self.packages.is_empty() => samod_version(),
            Some(folder) => {
                self.packages.iter().map(|package| npm_version(folder, package)).collect::<Vec<_>>().join(", ")
            }
            None => "not installed".into(),
        };
        let (engine, durable, history) = (self.name, self.durable, self.history);
        Column { engine, versions, durable, history, cells: Default::default() }
    }
}

fn npm_version(folder: &Path, package: &str) -> String {
    let text = std::fs::read(folder.join("node_modules").join(package).join("package.json")).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    format!("{package} {}", manifest["version"].as_str().unwrap_or("missing"))
}

/// As it is pinned.
fn samod_version() -> String {
    let manifest: toml::Table = toml::from_str(include_str!("../../peers/samod/Cargo.toml")).unwrap_or_default();
    let version = |name: &str| {
        let dependency = &manifest["dependencies"][name];
        let text = dependency.get("version").unwrap_or(dependency).as_str().unwrap_or("unknown");
        format!("{name} {}", text.trim_start_matches('='))
    };
    format!("{}, {}", version("samod"), version("automerge"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_whose_program_is_missing_says_why() {
        let programs = Programs { missing: vec![("node".into(), "there is no node".into())], ..Programs::default() };
        let why = |engine: &Engine| engine.command(&programs).err();
        assert_eq!(why(&ENGINES[1]).as_deref(), Some("not run: there is no node"));
        assert!(why(&ENGINES[0]).is_some_and(|why| why.contains("cargo xtask bench")));
    }

    #[test]
    fn the_pinned_versions_of_samod_are_read_from_its_manifest() {
        let versions = samod_version();
        assert!(versions.starts_with("samod 0."), "{versions}");
        assert!(versions.contains("automerge 0."), "{versions}");
    }
}
