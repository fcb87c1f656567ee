//! Small files that are there whole or not at all, whatever happens while they are written; and files that are to be gone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Where a file is written before it takes its name.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// Puts `bytes` in the place of the file at `path`. On disk when this returns.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_beside(path, bytes, true)?;
    std::fs::rename(beside(path), path)?;
    step();
    sync_parent(path)
}

/// The same, without waiting for the disk: the old or the new content is there after a power cut.
pub(crate) fn replace_soon(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_beside(path, bytes, false)?;
    std::fs::rename(beside(path), path)
}

/// Puts `bytes` in the place of the file at `path`, and overwrites what was there.
pub(crate) fn replace_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Held open: the name goes to the new file before the old one may be damaged.
    let old = match OpenOptions::new().write(true).open(path) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    replace(path, bytes)?;
    old.map_or(Ok(()), |file| zero(&file))
}

fn write_beside(path: &Path, bytes: &[u8], synced: bool) -> io::Result<()> {
    let mut file = File::create(beside(path))?;
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    step();
    file.write_all(rest)?;
    if synced {
        file.sync_all()?;
    }
    step();
    Ok(())
}

/// Overwrites a file and removes it, with whatever was half written beside it. One that is not there is as good.
pub(crate) fn destroy(path: &Path) -> io::Result<()> {
    for path in [beside(path), path.to_owned()] {
        match OpenOptions::new().write(true).open(&path) {
            Ok(file) => zero(&file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        }
        step();
        std::fs::remove_file(&path)?;
        step();
    }
    sync_parent(path)
}

fn zero(file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(length), &mut &*file)?;
    file.sync_all()
}

/// Renames a file or folder. On disk when this returns.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    step();
    sync_parent(to)
}

/// Makes it last that files came into the folder of `path` or went.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes it last that files came into this folder or went.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere folders cannot be opened as files, and need not be.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Makes a folder, for this user's eyes only.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A moment at which the power may fail; tests look at the files then.
#[cfg(not(test))]
pub(crate) fn step() {}

#[cfg(test)]
pub(crate) use at_each_step::step;

/// Has tests look at the files at each moment at which the power may fail.
#[cfg(test)]
pub(crate) mod at_each_step {
    use std::cell::RefCell;

    type Look = Box<dyn FnMut()>;

    thread_local! {
        static LOOK: RefCell<Option<Look>> = const { RefCell::new(None) };
    }

    /// Calls `look` at each step that this thread comes to while `work` runs.
    pub(crate) fn looking<T>(look: impl FnMut() + 'static, work: impl FnOnce() -> T) -> T {
        LOOK.set(Some(Box::new(look)));
        let done = work();
        LOOK.set(None);
        done
    }

    pub(crate) fn step() {
        // Taken out meanwhile: looking may come to steps of its own.
        if let Some(mut look) = LOOK.take() {
            look();
            LOOK.set(Some(look));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, b"one").unwrap();
        replace_secret(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        destroy(&path).unwrap();
        destroy(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn what_a_secret_file_held_is_overwritten_when_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, b"the old secret").unwrap();
        std::fs::hard_link(&path, folder.path().join("the same blocks")).unwrap();
        replace_secret(&path, b"the new one").unwrap();
        assert_eq!(std::fs::read(folder.path().join("the same blocks")).unwrap(), [0; 14]);
    }
}
