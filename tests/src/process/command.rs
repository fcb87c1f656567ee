//! The `satchel` command, run to its end.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The user that owns nothing.
const NOBODY: u32 = 65_534;

/// What a command said.
#[derive(Debug)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Panics unless the command failed with this code and a message that has all these words.
    ///
    /// # Panics
    /// If so.
    pub fn assert_failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} should be in {:?}", self.err);
        }
    }

    /// Panics unless the command succeeded; gives its output.
    ///
    /// # Panics
    /// If so.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }
}

/// Runs a command to its end.
pub fn run(binary: &str, arguments: &[&str]) -> Ran {
    ran(Command::new(binary).args(arguments).env_remove("RUST_BACKTRACE").output().unwrap())
}

/// Runs a command to its end, with this on its standard input.
pub fn run_typing(binary: &str, arguments: &[&str], typed: &str) -> Ran {
    let mut command = Command::new(binary);
    command.args(arguments).env_remove("RUST_BACKTRACE");
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    ran(child.wait_with_output().unwrap())
}

/// Runs a command as a user who may not write to `folder`.
pub fn run_unprivileged(binary: &str, arguments: &[&str], folder: &Path) -> Ran {
    let mut command = Command::new(binary);
    command.args(arguments).env_remove("RUST_BACKTRACE");
    deprive(&mut command, folder);
    ran(command.output().unwrap())
}

/// Nobody may write to the folder any more; the administrator, to whom that means nothing, becomes nobody.
fn deprive(command: &mut Command, folder: &Path) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), PermissionsExt::from_mode(0o444)).unwrap();
    }
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o555)).unwrap();
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
}

fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}
