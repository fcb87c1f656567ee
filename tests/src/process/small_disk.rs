//! A disk that is soon full: a small file system in memory, where this user may mount one.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// See the module. Unmounted when it is dropped.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of so many kilobytes; none where that is not permitted.
    pub fn mount(kilobytes: u32) -> Option<Self> {
        let folder = crate::folder::on_disk();
        let size = format!("size={kilobytes}k,mode=0755");
        let mounted = mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], folder.path());
        mounted.then_some(Self { folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes it larger.
    pub fn grow(&self, kilobytes: u32) {
        assert!(mount(&["-o", &format!("remount,size={kilobytes}k")], self.folder.path()));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that a failing test left behind may still use it.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).output();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    Command::new("mount").args(arguments).arg(at).output().is_ok_and(|output| output.status.success())
}
