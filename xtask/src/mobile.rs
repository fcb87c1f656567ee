//! The libraries of other languages: builds the native library, generates the bindings beside it, runs the languages' tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{cargo, succeeds, target, workspace_root};

/// A language that the bindings are generated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// On the JVM and Android.
    Kotlin,
    /// On Apple's systems and Linux.
    Swift,
    /// For scripts.
    Python,
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Self::Kotlin => "kotlin",
            Self::Swift => "swift",
            Self::Python => "python",
        }
    }
}

/// Where everything goes: `native/` by platform, and a folder for each language.
pub fn folder() -> PathBuf {
    target().join("mobile")
}

/// The platform's folder as JNA calls it, and the library's file there. None for a platform that is not packed here.
const PLATFORM: Option<(&str, &str, &str)> =
    if cfg!(all(target_os = "linux", target_arch = "x86_64", target_pointer_width = "64")) {
        Some(("linux-x86-64", "libmobile.so", "libsatchel.so"))
    } else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
        Some(("linux-aarch64", "libmobile.so", "libsatchel.so"))
    } else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
        Some(("darwin-aarch64", "libmobile.dylib", "libsatchel.dylib"))
    } else {
        None
    };

/// Cargo's profile for the library as apps are shipped with it, and the folder below `target`.
const SHIPPED: &str = "shipped";

/// Builds the library and the `satchel` command, and generates the bindings. `release`: as an app is shipped with it.
pub fn build(language: Language, release: bool) -> bool {
    let Some((platform, built, packed)) = PLATFORM else {
        eprintln!("the native library is not packed on this platform");
        return false;
    };
    // With the workspace's features, so that nothing is built a second time for the tests.
    let mut commands = vec![cargo(&["build", "--workspace", "--lib", "--bins"])];
    if release {
        commands.push(shipped());
    }
    if !commands.iter_mut().all(succeeds) {
        return false;
    }
    // The generator reads what the symbols say: from the library that has them.
    let library = target().join("debug").join(built);
    let shipped = target().join(if release { SHIPPED } else { "debug" }).join(built);
    let to = folder().join(language.name());
    let places = match language {
        Language::Kotlin => vec![folder().join("native").join(platform)],
        Language::Swift | Language::Python => vec![to.clone()],
    };
    places.iter().all(|place| pack(&shipped, place, packed)) && generate(language, &library, &to)
}

/// Builds the library as small as apps ship it: with a profile of its own, and without what it does not call of OpenSSL.
fn shipped() -> Command {
    let mut build = Command::new(workspace_root().join("mobile/shipped/with.sh"));
    build.current_dir(workspace_root()).arg(cargo(&[]).get_program());
    build.args(["rustc", "--profile", SHIPPED, "--package", "mobile", "--lib", "--crate-type", "cdylib", "--"]);
    if cfg!(target_os = "linux") {
        build.args(["-C", "link-arg=-Wl,-O2", "-C", "link-arg=-Wl,-z,pack-relative-relocs"]);
    }
    build
}

fn pack(library: &Path, place: &Path, name: &str) -> bool {
    let done = std::fs::create_dir_all(place).and_then(|()| std::fs::copy(library, place.join(name)));
    if let Err(error) = &done {
        eprintln!("{}: {error}", place.display());
    }
    done.is_ok()
}

fn generate(language: Language, library: &Path, to: &Path) -> bool {
    let generator = target().join("debug/uniffi-bindgen").with_extension(std::env::consts::EXE_EXTENSION);
    let mut generate = Command::new(generator);
    generate.current_dir(workspace_root()).args([
        "generate",
        "--no-format",
        "--language",
        language.name(),
        "--out-dir",
    ]);
    succeeds(generate.arg(to).arg(library))
}

/// The built `satchel` command.
fn satchel() -> PathBuf {
    target().join("debug/satchel").with_extension(std::env::consts::EXE_EXTENSION)
}

/// Runs Maven on mobile/kotlin with `arguments`.
pub fn maven(arguments: &[&str]) -> bool {
    let mut maven = Command::new("mvn");
    maven.current_dir(workspace_root().join("mobile/kotlin")).args(["--batch-mode", "--no-transfer-progress"]);
    let property = |name: &str, value: &Path| format!("-D{name}={}", value.display());
    maven.env("SATCHEL_BINARY", satchel());
    maven.arg(property("satchel.generated", &folder())).arg(property("satchel.binary", &satchel()));
    succeeds(maven.args(arguments))
}

/// The Kotlin library's tests, against real relays.
pub fn test_kotlin() -> bool {
    build(Language::Kotlin, false) && maven(&["verify"])
}

/// The Python bindings' tests, against real relays.
pub fn test_python() -> bool {
    let mut tests = Command::new(python());
    tests.current_dir(workspace_root().join("mobile/python/tests")).args(["-m", "unittest", "--verbose"]);
    tests.env("PYTHONPATH", folder().join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    build(Language::Python, false) && succeeds(tests.env("SATCHEL_BINARY", satchel()))
}

/// The Swift package's tests, against real relays.
pub fn test_swift() -> bool {
    let mut tests = Command::new("bash");
    tests.current_dir(workspace_root().join("mobile/swift")).args(["run-tests.sh"]).arg(folder().join("swift"));
    build(Language::Swift, false) && succeeds(tests.env("SATCHEL_BINARY", satchel()))
}

/// What the way through Kotlin costs. Writes nothing: docs/benchmarks/mobile.md has figures.
pub fn bench() -> bool {
    build(Language::Kotlin, true)
        && maven(&["--quiet", "-DskipTests", "install"])
        && maven(&["--quiet", "--projects", "bench", "exec:exec"])
}

/// The Python that runs the tests.
pub fn python() -> &'static str {
    "python3"
}
