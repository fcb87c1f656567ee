//! The power fails at every moment of making, changing, encrypting and wiping a profile: afterwards it opens with all its work by
//! exactly one PIN, or it is wiped whole.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;

use super::tests::{adopt, fast_folder, pin, register, secret, settings, tablet};
use super::*;
use crate::durable::at_each_step::looking;
use crate::testing::{NOW, counting, enrol, enrolled};
use crate::{Device, DeviceError};

/// The files of a tablet as they were at each step.
#[derive(Clone, Default)]
struct Snapshots(Rc<RefCell<Vec<TempDir>>>);

impl Snapshots {
    /// Does `work`, and copies all files of `folder` whenever the power may fail.
    fn of<T>(folder: &Path, work: impl FnOnce() -> T) -> (Vec<TempDir>, T) {
        let (snapshots, folder) = (Self::default(), folder.to_owned());
        let taken = snapshots.clone();
        let done = looking(move || taken.0.borrow_mut().push(copy(&folder)), work);
        let taken = std::mem::take(&mut *snapshots.0.borrow_mut());
        (taken, done)
    }
}

fn copy(folder: &Path) -> TempDir {
    let to = fast_folder();
    copy_into(folder, to.path());
    to
}

fn copy_into(folder: &Path, to: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_into(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (_, path) in recovery::entries(folder).unwrap() {
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

fn has_its_work(mut device: Device) -> bool {
    device.unsent_summary(NOW).unwrap().changes == 1 && device.search("zyxwvuts", NOW).unwrap().len() == 1
}

/// Which of these PINs open the only profile of a tablet.
fn opened_by<'a>(folder: &Path, pins: &[&'a str]) -> Vec<&'a str> {
    let tablet = tablet(folder);
    let id = tablet.list().unwrap().remove(0).id;
    let opens = |text: &&&str| match tablet.unlock(&id, &pin(text), &secret(), counting(9), NOW) {
        Ok(device) => has_its_work(device),
        Err(ProfileError::WrongPin { .. }) => false,
        Err(error) => panic!("{error}"),
    };
    pins.iter().filter(opens).copied().collect()
}

/// A tablet with one locked profile with the PIN 1793 and unsent work.
fn with_work() -> (TempDir, ProfileId) {
    let folder = fast_folder();
    let made = tablet(folder.path()).create("Dr A", &pin("1793"), &secret(), settings(Some(5)), counting(1), NOW);
    let (id, mut device) = made.unwrap();
    enrol(&mut device);
    register(&mut device, "Zyxwvuts");
    (folder, id)
}

#[test]
fn a_change_of_pin_leaves_the_old_or_the_new_one() {
    let (folder, id) = with_work();
    let change =
        || tablet(folder.path()).change_pin(&id, &pin("1793"), &pin("2804"), &secret(), counting(3), NOW).unwrap();
    let (snapshots, ()) = Snapshots::of(folder.path(), change);
    let mut seen = Vec::new();
    for (number, snapshot) in snapshots.iter().enumerate() {
        let opened = opened_by(snapshot.path(), &["1793", "2804"]);
        assert_eq!(opened.len(), 1, "step {number}: {opened:?}");
        seen.extend(opened);
    }
    assert!(seen.contains(&"1793") && seen.contains(&"2804"), "both sides were seen: {seen:?}");
    assert_eq!(opened_by(folder.path(), &["1793", "2804"]), ["2804"]);
}

#[test]
fn a_profile_in_the_making_is_there_whole_or_not_at_all() {
    let folder = fast_folder();
    let create = || tablet(folder.path()).create("Dr A", &pin("1793"), &secret(), settings(None), counting(1), NOW);
    let (snapshots, made) = Snapshots::of(folder.path(), create);
    made.unwrap();
    let mut there = Vec::new();
    for snapshot in &snapshots {
        let tablet = tablet(snapshot.path());
        let list = tablet.list().unwrap();
        there.push(list.len());
        match list.as_slice() {
            [] => assert_eq!(files_below(snapshot.path()), [snapshot.path().join("profile.lock")], "nothing is left"),
            [one] => drop(tablet.unlock(&one.id, &pin("1793"), &secret(), counting(2), NOW).unwrap()),
            more => panic!("{more:?}"),
        }
    }
    assert!(there.contains(&0) && there.contains(&1), "{there:?}");
}

#[test]
fn encrypting_leaves_one_database_that_opens_with_all_the_work() {
    let folder = fast_folder();
    register(&mut enrolled(folder.path()), "Zyxwvuts");
    let (snapshots, adopted) = Snapshots::of(folder.path(), || adopt(&tablet(folder.path()), folder.path()));
    drop(adopted.unwrap());
    let mut encrypted = Vec::new();
    for (number, snapshot) in snapshots.iter().enumerate() {
        // Before recovery, whoever opens it without a key gets it whole or is refused: nothing new begins beside it.
        let profiles = match Device::open(snapshot.path(), counting(4), NOW) {
            Ok(device) => {
                assert!(has_its_work(device), "step {number}");
                tablet(snapshot.path())
            }
            Err(DeviceError::BeingEncrypted | DeviceError::Encrypted) => tablet(snapshot.path()),
            Err(error) => panic!("step {number}: {error}"),
        };
        let list = profiles.list().unwrap();
        encrypted.push(!list.is_empty());
        match list.as_slice() {
            [] => assert!(has_its_work(Device::open(snapshot.path(), counting(5), NOW).unwrap()), "step {number}"),
            [one] => {
                let device = profiles.unlock(&one.id, &pin("1793"), &secret(), counting(6), NOW).unwrap();
                assert!(has_its_work(device), "step {number}");
                let plain = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("device.db");
                assert!(!files_below(snapshot.path()).iter().any(plain), "step {number}");
            }
            more => panic!("{more:?}"),
        }
    }
    assert!(encrypted.contains(&false) && encrypted.contains(&true), "{encrypted:?}");
}

#[test]
fn a_wipe_is_not_begun_or_ends_whole() {
    let (folder, id) = with_work();
    let wrong = || {
        let mut now = NOW;
        loop {
            now = now.plus(120_000);
            match tablet(folder.path()).unlock(&id, &pin("1111"), &secret(), counting(3), now) {
                Err(ProfileError::Wiped) => return,
                other => assert!(other.is_err()),
            }
        }
    };
    let (snapshots, ()) = Snapshots::of(folder.path(), wrong);
    let mut wiped = Vec::new();
    for (number, snapshot) in snapshots.iter().enumerate() {
        let tablet = tablet(snapshot.path());
        let entry = tablet.list().unwrap().remove(0);
        wiped.push(entry.wiped);
        let late = NOW.plus(10_000_000);
        match tablet.unlock(&id, &pin("1793"), &secret(), counting(9), late) {
            Ok(mut device) => {
                assert!(!entry.wiped && device.unsent_summary(late).unwrap().changes == 1, "step {number}");
                assert!(device.is_enrolled() && device.trail(0, 99).is_ok());
                let _ = device.elapsed(late);
            }
            Err(ProfileError::Wiped) => {
                assert!(entry.wiped, "step {number}");
                let left = files_below(&snapshot.path().join(id.as_str()));
                assert!(
                    left.iter().all(|path| path.ends_with("profile.wiped") || path.ends_with("profile.lock")),
                    "{left:?}"
                );
            }
            Err(error) => panic!("step {number}: {error}"),
        }
    }
    assert!(wiped.contains(&false) && wiped.contains(&true), "{wiped:?}");
}

#[test]
fn a_removed_profile_is_there_with_all_or_gone() {
    let folder = fast_folder();
    let made = tablet(folder.path()).create("Dr A", &pin("1793"), &secret(), settings(None), counting(1), NOW);
    let id = made.unwrap().0;
    let remove = || tablet(folder.path()).remove(&id, &pin("1793"), &secret(), NOW).unwrap();
    let (snapshots, ()) = Snapshots::of(folder.path(), remove);
    for snapshot in &snapshots {
        let tablet = tablet(snapshot.path());
        if tablet.list().unwrap().is_empty() {
            assert_eq!(files_below(snapshot.path()), [snapshot.path().join("profile.lock")]);
        } else {
            drop(tablet.unlock(&id, &pin("1793"), &secret(), counting(2), NOW).unwrap());
        }
    }
    assert!(tablet(folder.path()).list().unwrap().is_empty());
}
