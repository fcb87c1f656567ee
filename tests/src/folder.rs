//! Folders of a test, in memory where the system has such a place: a simulation syncs to disk thousands of times.

use std::path::Path;

use tempfile::TempDir;

/// A folder that is removed when it is dropped.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn fast() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder for the test")
}

/// A folder on the disk.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn on_disk() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

/// Copies the files of a folder, making the other one. SQLite's shared memory is left out: it does not survive a power cut.
///
/// # Panics
/// If a file cannot be copied.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("making a folder");
    for entry in std::fs::read_dir(from).expect("reading a folder") {
        let entry = entry.expect("reading a folder");
        let name = entry.file_name();
        if !name.to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), to.join(name)).expect("copying a file");
        }
    }
}
