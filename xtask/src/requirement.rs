//! What a suite needs of the machine, how to tell, and how to get it.

use std::path::PathBuf;

use crate::command::{answers, cargo, workspace_root};

/// Something that a suite needs.
pub struct Requirement {
    /// What it is, for the report.
    pub name: &'static str,
    /// How to get it.
    pub install: &'static str,
    /// Whether it is there.
    pub is_met: fn() -> bool,
}

/// SQLite, zstd and ring are built from C.
pub const C_COMPILER: Requirement = Requirement {
    name: "a C compiler",
    install: "install gcc or clang (Debian: apt-get install build-essential), or name one in CC",
    is_met: || answers(&std::env::var("CC").unwrap_or_else(|_| "cc".into()), &["--version"]),
};

/// Real exports, too large for the repository.
pub const DATA_FOLDER: Requirement = Requirement {
    name: "a data folder",
    install: "name a folder of FHIR R4 Bundles in SATCHEL_DATA_DIR, or put one at ../shared/data/synthea-r4",
    is_met: || data_folder().is_some(),
};

/// A validator that we did not write.
pub const FHIRKIT: Requirement = Requirement {
    name: "fhirkit",
    install: "pip install fhirkit-rs, or name the command in SATCHEL_FHIRKIT",
    is_met: || answers(&std::env::var("SATCHEL_FHIRKIT").unwrap_or_else(|_| "fhirkit".into()), &["--help"]),
};

/// Formatter.
pub const RUSTFMT: Requirement =
    Requirement { name: "rustfmt", install: "rustup component add rustfmt", is_met: || has_cargo_command("fmt") };

/// Linter.
pub const CLIPPY: Requirement =
    Requirement { name: "clippy", install: "rustup component add clippy", is_met: || has_cargo_command("clippy") };

/// Licences, advisories, sources.
pub const CARGO_DENY: Requirement =
    Requirement { name: "cargo-deny", install: "cargo install cargo-deny", is_met: || has_cargo_command("deny") };

/// Where real FHIR Bundles are, if anywhere.
pub fn data_folder() -> Option<PathBuf> {
    let named = std::env::var_os("SATCHEL_DATA_DIR").map(PathBuf::from);
    let beside = workspace_root().join("../shared/data/synthea-r4");
    named.or(Some(beside)).filter(|folder| folder.is_dir()).and_then(|folder| folder.canonicalize().ok())
}

fn has_cargo_command(name: &str) -> bool {
    let mut command = cargo(&[name, "--version"]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
