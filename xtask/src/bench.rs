//! The benchmarks, in one go: builds Satchel and the other engines, says what is missing, measures, writes docs/benchmarks.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{answers, cargo, succeeds, target, workspace_root};

/// Least major version of node.
const NODE: u32 = 20;

/// Builds everything and runs the benchmark with `arguments`. Whether it ran to its end.
pub fn run(arguments: &[String]) -> bool {
    if !succeeds(&mut cargo(&["build", "--release", "--package", "bench"])) {
        return false;
    }
    let mut bench = Command::new(program("bench"));
    bench.current_dir(workspace_root());
    let named = |option: &str| arguments.iter().any(|argument| argument.split('=').next() == Some(option));
    // What is measured in part stays out of the documentation.
    if !["--out", "--only", "--alone", "--engines", "--help", "-h"].into_iter().any(named) {
        bench.arg("--out").arg(workspace_root().join("docs/benchmarks"));
    }
    if !["--only", "--alone", "--growth", "--help", "-h"].into_iter().any(named) {
        others(&mut bench);
    }
    succeeds(bench.args(arguments))
}

/// The other engines' programs, or why they are missing.
fn others(bench: &mut Command) {
    for (name, built) in [("samod", samod()), ("node", node())] {
        match built {
            Ok(path) => bench.arg(format!("--{name}")).arg(path),
            Err(why) => {
                println!("\nmissing: {name}: {why}");
                bench.arg("--missing").arg(format!("{name}={why}"))
            }
        };
    }
}

fn samod() -> Result<PathBuf, String> {
    let manifest = peers().join("samod/Cargo.toml");
    let mut build = cargo(&["build", "--release", "--locked", "--manifest-path"]);
    match succeeds(build.arg(manifest).arg("--target-dir").arg(target())) {
        true => Ok(program("samod-peer")),
        false => Err("tests/bench/peers/samod does not build".into()),
    }
}

fn node() -> Result<PathBuf, String> {
    let folder = peers().join("node");
    let version = Command::new("node").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    match major(&version) {
        None => return Err(format!("there is no node; install version {NODE} or later")),
        Some(found) if found < NODE => return Err(format!("node is {version}; install version {NODE} or later")),
        Some(_) => {}
    }
    if !answers("npm", &["--version"]) {
        return Err("there is no npm; it comes with node".into());
    }
    if installed(&folder) {
        return Ok(folder);
    }
    match succeeds(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder)) {
        true => Ok(folder),
        false => Err("npm ci in tests/bench/peers/node failed".into()),
    }
}

/// Whether what is installed is what the lock file says: npm notes there what it has installed.
fn installed(folder: &Path) -> bool {
    let written = |file: &str| std::fs::metadata(folder.join(file)).and_then(|metadata| metadata.modified());
    matches!((written("node_modules/.package-lock.json"), written("package-lock.json")), (Ok(done), Ok(wanted)) if done >= wanted)
}

/// Of `v20.1.2`: 20.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn peers() -> PathBuf {
    workspace_root().join("tests/bench/peers")
}

fn program(name: &str) -> PathBuf {
    target().join("release").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node_is_its_first_number() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major(""), None);
        assert_eq!(major("command not found"), None);
    }
}
