//! What a suite needs of the machine, how to tell, and how to get it.

use std::path::PathBuf;

use crate::command::{answers, cargo, workspace_root};
use crate::mobile;

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

/// What the Kotlin library is built and tested with.
pub const JDK: Requirement = Requirement {
    name: "a JDK of version 17 or later",
    install: "install one (Debian: apt-get install openjdk-17-jdk-headless), first in PATH",
    is_met: || jdk_version().is_some_and(|version| version >= 17),
};

/// The Kotlin library's build.
pub const MAVEN: Requirement = Requirement {
    name: "Maven",
    install: "install version 3.8 or later (Debian: apt-get install maven)",
    is_met: || answers("mvn", &["--version"]),
};

/// For the Python bindings: nothing besides the standard library.
pub const PYTHON: Requirement = Requirement {
    name: "Python 3.11 or later",
    install: "install it as python3 (Debian: apt-get install python3)",
    is_met: || answers(mobile::python(), &["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]),
};

/// For the Swift package.
pub const SWIFT: Requirement = Requirement {
    name: "swift",
    install: "install the Swift toolchain, version 6 or later, and put it in PATH",
    is_met: || answers("swift", &["--version"]),
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

/// Of the compiler: a JRE alone does not suffice.
fn jdk_version() -> Option<u32> {
    let said = std::process::Command::new("javac").arg("-version").output().ok()?;
    let said = [said.stdout, said.stderr].concat();
    // "javac 17.0.15"
    String::from_utf8_lossy(&said).split_whitespace().nth(1)?.split('.').next()?.parse().ok()
}

fn has_cargo_command(name: &str) -> bool {
    let mut command = cargo(&[name, "--version"]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
