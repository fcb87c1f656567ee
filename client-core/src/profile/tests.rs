//! Profiles from outside: PINs, waits, wiping, what is told while they are locked.

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::testing::{NOW, counting, enrol, enrolled, files_hold};
use crate::{ChartRef, Device, DeviceError, NewPatient, UnixMillis};

/// A temporary folder in memory where there is one: these tests sync to disk thousands of times and pull no plug.
pub(super) fn fast_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

pub(super) fn pin(text: &str) -> Pin {
    Pin::new(text).unwrap()
}

pub(super) fn secret() -> PlatformSecret {
    PlatformSecret::new((0..32).collect::<Vec<u8>>()).unwrap()
}

pub(super) fn tablet(folder: &Path) -> Profiles {
    Profiles::open_with_weak_pins_for_tests(folder).unwrap()
}

pub(super) fn settings(wipe_after: Option<u32>) -> ProfileSettings {
    ProfileSettings { wipe_after_wrong_pins: wipe_after, ..ProfileSettings::default() }
}

/// A chart with unsent work.
pub(super) fn register(device: &mut Device, family: &str) -> ChartRef {
    let patient = NewPatient { family: Some(family.into()), ..NewPatient::default() };
    device.register_patient(&patient, NOW).unwrap()
}

/// A tablet with one enrolled profile that holds unsent work; locked.
fn with_work(wipe_after: Option<u32>) -> (TempDir, Profiles, ProfileId) {
    let folder = fast_folder();
    let tablet = tablet(folder.path());
    let made = tablet.create("Dr A", &pin("1793"), &secret(), settings(wipe_after), counting(1), NOW);
    let (id, mut device) = made.unwrap();
    enrol(&mut device);
    register(&mut device, "Zyxwvuts");
    device.lock(NOW).unwrap();
    (folder, tablet, id)
}

fn unlock(tablet: &Profiles, id: &ProfileId, text: &str, now: UnixMillis) -> Result<Device, ProfileError> {
    tablet.unlock(id, &pin(text), &secret(), counting(9), now)
}

#[test]
fn a_profile_opens_by_its_pin_with_its_work_and_nothing_of_it_lies_readable() {
    let (folder, tablet, id) = with_work(None);
    let place = folder.path().join(id.as_str());
    assert!(!files_hold(&place, "Zyxwvuts"));
    let mut device = unlock(&tablet, &id, "1793", NOW).unwrap();
    assert!(device.is_encrypted());
    assert_eq!(device.search("zyxwvuts", NOW).unwrap().len(), 1);
    assert!(!files_hold(&place, "Zyxwvuts"), "not while it is open either");
    let actions: Vec<String> = device.trail(0, 99).unwrap().into_iter().map(|record| record.entry.action).collect();
    assert!(actions.contains(&"unlock".to_owned()) && actions.contains(&"lock".to_owned()), "{actions:?}");
}

#[test]
fn wrong_pins_are_counted_across_restarts_and_make_one_wait() {
    let (folder, _, id) = with_work(None);
    for wait in [0, 0, 0, 30_000] {
        let expected = ProfileError::WrongPin { remaining_before_wipe: None, wait_ms: wait };
        assert_eq!(unlock(&tablet(folder.path()), &id, "1111", NOW).unwrap_err(), expected);
    }
    let (tablet, until) = (tablet(folder.path()), NOW.plus(30_000));
    assert_eq!(
        unlock(&tablet, &id, "1793", NOW).unwrap_err(),
        ProfileError::LockedOut { until, wait_ms: 30_000 },
        "the right one has to wait too"
    );
    let entry = &tablet.list().unwrap()[0];
    assert_eq!((entry.wrong_pins, entry.locked_out_until), (4, Some(until)));
    unlock(&tablet, &id, "1793", until).unwrap();
    let entry = &tablet.list().unwrap()[0];
    assert_eq!((entry.wrong_pins, entry.locked_out_until), (0, None));
}

#[test]
fn another_platform_secret_uses_up_no_tries() {
    let (_folder, tablet, id) = with_work(Some(5));
    for _ in 0..9 {
        let other = tablet.unlock(&id, &pin("1793"), &PlatformSecret::none(), counting(1), NOW);
        assert_eq!(other.unwrap_err(), ProfileError::WrongSecret);
    }
    assert!(unlock(&tablet, &id, "1793", NOW).is_ok());
}

#[test]
fn the_old_pin_opens_nothing_after_a_change() {
    let (_folder, tablet, id) = with_work(None);
    tablet.change_pin(&id, &pin("1793"), &pin("a longer one"), &secret(), counting(3), NOW).unwrap();
    assert!(matches!(unlock(&tablet, &id, "1793", NOW), Err(ProfileError::WrongPin { .. })));
    let mut device = unlock(&tablet, &id, "a longer one", NOW).unwrap();
    assert_eq!(device.search("zyxwvuts", NOW).unwrap().len(), 1);
}

#[test]
fn a_new_pin_keeps_to_the_length_that_is_set() {
    let (_folder, tablet, id) = with_work(None);
    let longer = ProfileSettings { min_pin_length: 8, ..ProfileSettings::default() };
    tablet.change_settings(&id, &pin("1793"), &secret(), longer, counting(3), NOW).unwrap();
    let short = tablet.change_pin(&id, &pin("1793"), &pin("179317"), &secret(), counting(3), NOW);
    assert!(matches!(short, Err(ProfileError::WeakPin { shortest: 8, .. })));
    assert!(unlock(&tablet, &id, "1793", NOW).is_ok(), "the one before goes on");
}

#[test]
fn too_many_wrong_pins_wipe_the_profile_if_that_is_set() {
    let (folder, tablet, id) = with_work(Some(5));
    let lost = tablet.list().unwrap()[0].unsent;
    assert_eq!(lost.unwrap().changes, 1);
    let mut now = NOW;
    for left in (1..5).rev() {
        now = now.plus(60_000);
        let error = unlock(&tablet, &id, "1111", now).unwrap_err();
        assert!(matches!(error, ProfileError::WrongPin { remaining_before_wipe: Some(n), .. } if n == left), "{error}");
    }
    now = now.plus(60_000);
    assert_eq!(unlock(&tablet, &id, "1111", now).unwrap_err(), ProfileError::Wiped);
    assert_eq!(unlock(&tablet, &id, "1793", now).unwrap_err(), ProfileError::Wiped);
    let entry = &tablet.list().unwrap()[0];
    assert_eq!((entry.wiped, entry.label.as_str(), entry.unsent), (true, "Dr A", lost));
    let left: Vec<String> =
        recovery::entries(&folder.path().join(id.as_str())).unwrap().into_iter().map(|e| e.0).collect();
    assert_eq!(left, ["profile.lock", "profile.wiped"]);
    tablet.remove_wiped(&id).unwrap();
    assert!(tablet.list().unwrap().is_empty());
}

#[test]
fn turning_the_wipe_on_shows_what_would_be_lost_now() {
    let (_folder, tablet, id) = with_work(None);
    let shown = tablet.change_settings(&id, &pin("1793"), &secret(), settings(Some(10)), counting(3), NOW).unwrap();
    assert_eq!(shown.unwrap().changes, 1);
    assert_eq!(tablet.list().unwrap()[0].settings.wipe_after_wrong_pins, Some(10));
    assert!(settings(Some(3)).check().is_err() && settings(Some(99)).check().is_err());
}

#[test]
fn a_profile_with_work_that_only_it_has_is_not_removed() {
    let (_folder, tablet, id) = with_work(None);
    let refused = tablet.remove(&id, &pin("1793"), &secret(), NOW).unwrap_err();
    assert!(matches!(refused, ProfileError::UnsentWork(unsent) if unsent.changes == 1), "{refused}");
    assert!(refused.to_string().contains("1 changes not sent"), "{refused}");
    let (empty, device) =
        tablet.create("Dr B", &pin("2804"), &secret(), ProfileSettings::default(), counting(5), NOW).unwrap();
    drop(device);
    tablet.remove(&empty, &pin("2804"), &secret(), NOW).unwrap();
    assert_eq!(tablet.list().unwrap().len(), 1);
}

#[test]
fn that_it_was_locked_is_no_reason_to_keep_a_profile() {
    let (_folder, tablet, id) = with_work(None);
    let mut device = unlock(&tablet, &id, "1793", NOW).unwrap();
    device.db.execute("DELETE FROM outbox", []).unwrap();
    let newest = crate::store::trail::standing(&device.db).unwrap().newest;
    device.db.execute("UPDATE trail_state SET kept_through = ?1", [newest]).unwrap();
    device.record_lock(NOW).unwrap();
    device.record_lock(NOW).unwrap();
    assert!(device.only_locks_are_unsent().unwrap());
    drop(device);
    tablet.remove(&id, &pin("1793"), &secret(), NOW).unwrap();
    assert!(tablet.list().unwrap().is_empty());
}

#[test]
fn what_is_unsent_is_told_without_names_while_all_are_locked() {
    let (folder, first, id) = with_work(None);
    let other = first.create("Dr B", &pin("2804"), &secret(), ProfileSettings::default(), counting(5), NOW);
    drop(other.unwrap());
    let tablet = tablet(folder.path());
    let list = tablet.list().unwrap();
    let told: Vec<_> =
        list.iter().map(|entry| (entry.label.as_str(), entry.enrolled, entry.unsent.unwrap().changes)).collect();
    assert_eq!(told, [("Dr A", true, 1), ("Dr B", false, 0)]);
    assert_eq!(list[0].unsent.unwrap().oldest_saved_at, Some(NOW));
    let mut device = unlock(&tablet, &id, "1793", NOW).unwrap();
    register(&mut device, "Another");
    assert_eq!(tablet.list().unwrap()[0].unsent.unwrap().changes, 2, "and kept up while it is open");
    std::fs::write(folder.path().join(id.as_str()).join("profile.unsent"), "{").unwrap();
    assert_eq!(tablet.list().unwrap()[0].unsent, None, "no number is made up");
}

#[test]
fn nothing_of_one_profile_opens_with_the_pin_of_another() {
    let (folder, tablet, one) = with_work(None);
    let made = tablet.create("Dr B", &pin("2804"), &secret(), ProfileSettings::default(), counting(5), NOW);
    let (other, device) = made.unwrap();
    drop(device);
    assert!(matches!(unlock(&tablet, &one, "2804", NOW), Err(ProfileError::WrongPin { .. })));
    let [ones, others] = [&one, &other].map(|id| folder.path().join(id.as_str()));
    // The key of the one in the place of the other's, and the other way about.
    let keys = [&ones, &others].map(|folder| std::fs::read(folder.join("profile.key")).unwrap());
    std::fs::write(others.join("profile.key"), &keys[0]).unwrap();
    let refused = unlock(&tablet, &other, "1793", NOW).unwrap_err();
    assert!(refused.to_string().contains("belongs to another profile"), "{refused}");
    std::fs::write(others.join("profile.key"), &keys[1]).unwrap();
    // The database of the one with the key of the other.
    let before = std::fs::read(ones.join("profile.db")).unwrap();
    std::fs::copy(ones.join("profile.db"), others.join("profile.db")).unwrap();
    assert_eq!(unlock(&tablet, &other, "2804", NOW).unwrap_err(), ProfileError::Device(DeviceError::WrongKey));
    assert_eq!(std::fs::read(others.join("profile.db")).unwrap(), before, "and is left alone");
}

#[test]
fn a_damaged_key_file_is_named_in_the_list_and_loses_nothing() {
    let (folder, tablet, id) = with_work(None);
    let path = folder.path().join(id.as_str()).join("profile.key");
    let whole = std::fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let entry = &tablet.list().unwrap()[0];
    assert!(entry.damaged.as_ref().unwrap().to_string().contains("profile.key"));
    assert!(matches!(unlock(&tablet, &id, "1793", NOW), Err(ProfileError::Damaged { .. })));
    assert_eq!(tablet.list().unwrap()[0].wrong_pins, 0, "no try was counted");
    std::fs::write(&path, whole).unwrap();
    assert!(unlock(&tablet, &id, "1793", NOW).is_ok());
}

#[test]
fn a_database_that_is_missing_is_not_begun_anew() {
    let (folder, tablet, id) = with_work(None);
    std::fs::remove_file(folder.path().join(id.as_str()).join("profile.db")).unwrap();
    let missing = unlock(&tablet, &id, "1793", NOW).unwrap_err();
    assert!(missing.to_string().contains("profile.db"), "{missing}");
}

/// A plain profile in a tablet's folder, with unsent work.
fn plain() -> (TempDir, ChartRef) {
    let folder = fast_folder();
    let mut device = enrolled(folder.path());
    let chart = register(&mut device, "Zyxwvuts");
    device.add_note(&chart, "Notecanary", None, NOW).unwrap();
    assert!(!folder.path().join("profile.unsent").exists());
    (folder, chart)
}

pub(super) fn adopt(tablet: &Profiles, plain: &Path) -> Result<(ProfileId, Device), ProfileError> {
    tablet.adopt(plain, "Dr A", &pin("1793"), &secret(), ProfileSettings::default(), counting(1), NOW)
}

#[test]
fn a_profile_that_was_not_encrypted_comes_along_whole() {
    let (folder, chart) = plain();
    let before = Device::open(folder.path(), counting(2), NOW).unwrap();
    let (status, identity) = (before.status(NOW).unwrap(), before.identity().unwrap());
    let trail = before.trail(0, 99).unwrap();
    drop(before);
    let tablet = tablet(folder.path());
    let (id, mut device) = adopt(&tablet, folder.path()).unwrap();
    assert_eq!(device.status(NOW).unwrap(), status);
    assert_eq!(device.identity().unwrap(), identity);
    assert_eq!(device.trail(0, 99).unwrap(), trail);
    assert_eq!(device.verify_trail().unwrap(), None);
    assert!(device.chart(&chart, NOW).is_ok());
    assert_eq!(device.search("zyxwvuts", NOW).unwrap().len(), 1);
    register(&mut device, "Later");
    for folder in [folder.path(), &folder.path().join(id.as_str())] {
        let files = recovery::entries(folder).unwrap();
        assert!(files.iter().all(|(name, _)| !name.starts_with("device.db")), "{files:?}");
    }
    assert!(!files_hold(&folder.path().join(id.as_str()), "Zyxwvuts"));
    assert_eq!(tablet.list().unwrap()[0].unsent.unwrap().changes, status.unsent + 1);
}

#[test]
fn a_profile_that_another_process_has_open_is_not_encrypted_and_stays_as_it_is() {
    let (folder, _) = plain();
    let mut other = Device::open(folder.path(), counting(2), NOW).unwrap();
    let tablet = tablet(folder.path());
    assert_eq!(adopt(&tablet, folder.path()).unwrap_err(), ProfileError::Device(DeviceError::StorageBusy));
    register(&mut other, "Goes on");
    drop(other);
    let (_, mut device) = adopt(&tablet, folder.path()).unwrap();
    assert_eq!(device.search("goes", NOW).unwrap().len(), 1);
}

#[test]
fn a_damaged_database_that_is_not_encrypted_is_not_left_behind_unnoticed() {
    let (folder, _) = plain();
    std::fs::write(folder.path().join("device.db.damaged-5"), "Zyxwvuts of old").unwrap();
    let refused = adopt(&tablet(folder.path()), folder.path()).unwrap_err();
    assert!(refused.to_string().contains("device.db.damaged"), "{refused}");
    assert!(Device::open(folder.path(), counting(2), NOW).is_ok(), "nothing was changed");
}
